"""What a child told of a stranger's file that it has loaded, taken for no more than it may be."""

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError

from core.worker.child_handle import invalid_reply_error

MAX_TEXT_LENGTH = 2000  # characters of each text that are kept
Count = Annotated[int, Field(ge=0, lt=2**63)]
Reply = TypeVar("Record", bound=BaseModel)


class PortReply(BaseModel):
    """One input as the file names it: its dtype, its shape with the batch first, None where free or unknown."""

    name: str = Field(max_length=MAX_TEXT_LENGTH)
    dtype: str = Field(max_length=40)
    shape: list[Count | None] | None


class TensorReply(BaseModel):
    """One tensor of the file, by the hash of its bits."""

    name: str = Field(max_length=MAX_TEXT_LENGTH)
    dtype: str = Field(max_length=40)
    shape: list[Count]
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class LoadedModelReply(BaseModel):
    """The facts of `core.worker.tasks.import_model.describe_imported`; anything else that the child says is passed
    over."""

    kind: Literal["keras", "module", "onnx", "litert", "openvino"]
    parameters: Count
    summary: str
    inputs: list[PortReply]
    weight_bytes: Count
    not_finite: dict[str, Count]
    weight_tensors: list[TensorReply] = Field(alias="weights")
    optimizer_tensors: list[TensorReply] = Field(alias="optimizer")
    traits: dict[str, Any]
    remark: str
    signatures: list[str] = Field(max_length=1000)

    @property
    def input_specs(self) -> list[dict[str, Any]]:
        return [one.model_dump() for one in self.inputs]

    @property
    def weights(self) -> list[dict[str, Any]]:
        return [one.model_dump() for one in self.weight_tensors]

    @property
    def optimizer(self) -> list[dict[str, Any]]:
        return [one.model_dump() for one in self.optimizer_tensors]

    def run_facts(self) -> dict[str, Any]:
        """What the run's record says."""
        return self.model_dump(by_alias=True, exclude={"remark", "signatures"})


def validate_reply(kind: type[Reply], reply: Any) -> Reply:
    """What a child said, as a record of that kind. Raises WorkerError for what fits none."""
    try:
        return kind.model_validate(reply)
    except ValidationError as error:
        raise invalid_reply_error(detail=f"{error.error_count()} facts do not fit") from error


def validate_model_reply(reply: dict[str, Any]) -> LoadedModelReply:
    """Raises WorkerError for what fits no record."""
    told = validate_reply(LoadedModelReply, reply)
    return told.model_copy(
        update={"remark": told.remark[:MAX_TEXT_LENGTH], "signatures": [one[:200] for one in told.signatures]}
    )
