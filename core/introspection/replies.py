"""What a child told of a stranger's file that it has loaded, taken for no more than it may be."""

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError

from core.errors import WorkerError
from core.worker.child_handle import NONSENSE

WORDS = 2000  # characters of each text that are kept
Count = Annotated[int, Field(ge=0, lt=2**63)]
Record = TypeVar("Record", bound=BaseModel)


class Port(BaseModel):
    """One input as the file names it: its dtype, its shape with the batch first, None where free or unknown."""

    name: str = Field(max_length=WORDS)
    dtype: str = Field(max_length=40)
    shape: list[Count | None] | None


class Tensor(BaseModel):
    """One tensor of the file, by the hash of its bits."""

    name: str = Field(max_length=WORDS)
    dtype: str = Field(max_length=40)
    shape: list[Count]
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class Told(BaseModel):
    """The facts of `core.worker.tasks.predict.described`; anything else that the child says is passed over."""

    kind: Literal["keras", "module", "onnx", "litert", "openvino"]
    parameters: Count
    summary: str
    inputs: list[Port]
    weight_bytes: Count
    not_finite: dict[str, Count]
    weights_: list[Tensor] = Field(alias="weights")
    optimizer_: list[Tensor] = Field(alias="optimizer")
    traits: dict[str, Any]
    remark: str
    signatures: list[str] = Field(max_length=1000)

    @property
    def specs(self) -> list[dict[str, Any]]:
        return [one.model_dump() for one in self.inputs]

    @property
    def weights(self) -> list[dict[str, Any]]:
        return [one.model_dump() for one in self.weights_]

    @property
    def optimizer(self) -> list[dict[str, Any]]:
        return [one.model_dump() for one in self.optimizer_]

    def facts(self) -> dict[str, Any]:
        """What the run's record says."""
        return self.model_dump(by_alias=True, exclude={"remark", "signatures"})


def fitting(kind: type[Record], said: Any) -> Record:
    """What a child said, as a record of that kind. Raises WorkerError for what fits none."""
    try:
        return kind.model_validate(said)
    except ValidationError as error:
        raise WorkerError(NONSENSE, detail=f"{error.error_count()} facts do not fit") from error


def believed(said: dict[str, Any]) -> Told:
    """Raises WorkerError for what fits no record."""
    told = fitting(Told, said)
    return told.model_copy(update={"remark": told.remark[:WORDS], "signatures": [one[:200] for one in told.signatures]})
