"""Tasks that read the files of artifacts, in a sandboxed child where the system has one; its replies are untrusted."""

from collections.abc import Callable
from typing import Annotated, Any, Literal, Self, TypeVar, cast

from pydantic import AfterValidator, BaseModel, Field, FiniteFloat, ValidationError, model_validator

from core.context import AppContext
from core.errors import NotConfined
from core.evidence.fingerprint_matching import MAX_TEXT_LENGTH, TensorReply
from core.runtimes.model_facts import ModelFacts
from core.runtimes.traits import Count, validate_traits
from core.worker.child_errors import invalid_reply_error
from core.worker.protocol import Frame

Result = TypeVar("Result")
MAX_NAME_LENGTH = 200  # characters of the name of a signature that are stored


def run_sandboxed(context: AppContext, task: str, artifacts: dict[str, str], **request: Any) -> Frame:
    """Do one task over the files of artifacts, which are the folders of its arguments, in a sandboxed child.

    Where this system does not confine, a plain child reads files of our own. Raises NotConfined for imported ones.
    """
    request |= {name: context.library.verified_folder(id_) for name, id_ in artifacts.items()}
    request |= {"seconds": context.config.child_seconds}
    run = lambda sandboxed: context.worker.run(task, sandboxed=sandboxed, **request)  # noqa: E731
    return in_sandbox(context, list(artifacts.values()), run)


def in_sandbox(context: AppContext, artifact_ids: list[str], action: Callable[[bool], Result]) -> Result:
    """Call `action` with whether its child is to be sandboxed, and return its result; see `run_sandboxed`."""
    try:
        return action(True)
    except NotConfined:
        if any(context.library.artifact(id_).trust != "ours" for id_ in artifact_ids):
            raise
        return action(False)


Reply = TypeVar("Reply", bound=BaseModel)


class PortReply(BaseModel):
    """One input as the file names it: its dtype, its shape with the batch first, None where free or unknown."""

    name: str = Field(max_length=MAX_TEXT_LENGTH)
    dtype: str = Field(max_length=40)
    shape: list[Count | None] | None
    optional: bool = False
    range: list[FiniteFloat] | None = Field(None, min_length=2, max_length=2)

    @model_validator(mode="after")
    def _check_range(self) -> Self:
        if self.range and not self.range[0] < self.range[1]:
            raise ValueError("the range of an input must begin below its end")
        return self


class LoadedModelReply(BaseModel):
    """The facts of `core.worker.tasks.import_model.describe_imported`; anything else in a reply is dropped."""

    kind: Literal["keras", "module", "onnx", "litert", "openvino"]
    parameters: Count
    summary: str
    inputs: list[PortReply]
    weight_bytes: Count
    not_finite: dict[str, Count]
    weights: list[TensorReply]
    optimizer: list[TensorReply]
    traits: Annotated[dict[str, Any], AfterValidator(validate_traits)]
    call_rows: Count | None = None
    remembers: bool | None = None
    remark: Annotated[str, AfterValidator(lambda text: text[:MAX_TEXT_LENGTH])]
    signatures: Annotated[
        list[Annotated[str, AfterValidator(lambda name: name[:MAX_NAME_LENGTH])]], Field(max_length=1000)
    ]

    def run_facts(self) -> ModelFacts:
        """What the run's record says of the model."""
        return cast(ModelFacts, self.model_dump(exclude={"remark", "signatures"}, exclude_unset=True))


def validate_reply(schema: type[Reply], reply: Any) -> Reply:
    """Validate a reply. Raises WorkerError where it does not fit the schema."""
    try:
        return schema.model_validate(reply)
    except ValidationError as error:
        raise invalid_reply_error(detail=f"{error.error_count()} facts do not fit") from error
