"""Describe an artifact, or one of its tensors, without running the model: a fresh, sandboxed child reads the files.

Descriptions are cached by artifact and by the times of its files: as soon as one of these is touched, all are verified
against their hashes again. Replies of the child are untrusted, and validated by the schemas here.
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal, Self, TypeVar, cast

import numpy as np
from pydantic import AfterValidator, BaseModel, Field, FiniteFloat, ValidationError, model_validator

from core.caching import result_cache
from core.context import AppContext
from core.errors import NotConfined
from core.evidence.fingerprint_matching import MAX_TEXT_LENGTH, TensorReply
from core.runtimes.model_facts import ModelFacts
from core.runtimes.traits import Count, validate_traits
from core.worker.child_errors import invalid_reply_error
from core.worker.child_handle import CancelCheck, never_cancelled
from core.worker.protocol import Frame

MAX_NAME_LENGTH = 200  # characters of the name of a signature that are stored
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


Result = TypeVar("Result")


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


ProgressCallback = Callable[[dict[str, Any]], None]


class TensorStatistics(BaseModel):
    """Of one tensor's finite values; None where there are none, or no numbers."""

    count: int
    min: float | None = None
    max: float | None = None
    mean: float | None = None
    std: float | None = None
    zeros: int | None = None
    nan: int | None = None
    inf: int | None = None


class ListedTensor(BaseModel):
    """A stored tensor by itself; `alias` is what the run calls a tensor of the same bits, empty where it has none."""

    key: str
    name: str
    group: str
    shape: list[int]
    dtype: str
    note: str = ""
    alias: str = ""


class TensorSummary(ListedTensor):
    """A stored tensor with its values; `scaled` says that its integers stand for other numbers; `problem` is why it
    could not be read."""

    scaled: bool = False
    sha256: str = ""
    bytes: int = 0
    statistics: TensorStatistics = Field(default_factory=lambda: TensorStatistics(count=0))
    problem: str = ""


class TensorTable(BaseModel):
    """The part "tensors": how many there are, and those that are listed."""

    of: Count
    rows: list[TensorSummary]


class TensorDescription(TensorSummary):
    """One tensor with its histogram and its picture (see `core.tensors.statistics`)."""

    histogram: dict[str, list[float]] | None = None
    look: str = ""
    shown: str = ""


class PartDescription(BaseModel):
    """`content` is the requested part, as `core.readers.base.FileContents` gives it, None where the files have no such
    part; `parts` are those that they have."""

    kind: str
    parts: list[str]
    remarks: list[str]
    content: Any = None

    @property
    def tensors(self) -> list[TensorSummary]:
        return [TensorSummary.model_validate(row) for row in (self.content or {}).get("rows", [])]


def cache_key(context: AppContext, artifact_id: str) -> tuple[str, str, str]:
    """A key that changes as soon as a file of the artifact is touched. Raises UnknownName."""
    return str(context.library.home), artifact_id, context.library.fingerprint(artifact_id)


def describe_part(
    context: AppContext,
    artifact_id: str,
    part: str,
    on_progress: ProgressCallback | None = None,
    cancelled: CancelCheck = never_cancelled,
) -> PartDescription:
    """Describe the "signatures", "layers", "config", "operators" or "tensors" that the files of an artifact hold.

    Raises UnknownName, UnreadableRecord, Damaged, DoesNotLoad, ChildDied, TimedOut and Cancelled.
    """

    def describe() -> PartDescription:
        request = {"part": part, "on_progress": on_progress, "cancelled": cancelled}
        frame = run_sandboxed(context, "describe", {"folder": artifact_id}, **request)
        description = validate_reply(PartDescription, frame.message)
        if part == "tensors" and description.content is not None:
            validate_reply(TensorTable, description.content)
            _add_run_names(context, artifact_id, description.content["rows"])
        return description

    return result_cache.get_or_compute((*cache_key(context, artifact_id), part), describe)


def _add_run_names(context: AppContext, artifact_id: str, rows: list[dict[str, Any]]) -> None:
    """Note the run's names of those tensors that are bit for bit its own."""
    names = context.library.run(context.library.artifact(artifact_id).run).tensor_names_by_hash()
    for row in rows:
        own = names.get(row.get("sha256", ""))
        row["alias"] = own.pop(0) if own else ""


def describe_tensor(
    context: AppContext, artifact_id: str, key: str, scaled: bool = False
) -> tuple[TensorDescription, np.ndarray | None]:
    """Describe one tensor; gives also the values of its picture. Raises as `describe_part`, and UnknownName for a key
    that is not there."""

    def describe() -> tuple[TensorDescription, np.ndarray | None]:
        frame = run_sandboxed(context, "describe_tensor", {"folder": artifact_id}, key=key, scaled=scaled)
        return validate_reply(TensorDescription, frame.message), frame.arrays.get("picture")

    return result_cache.get_or_compute((*cache_key(context, artifact_id), "tensor", key, scaled), describe)
