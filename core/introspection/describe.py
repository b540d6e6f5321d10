"""Describe an artifact, or one of its tensors, without running the model: a fresh child reads the files.

Descriptions are cached by artifact and by the times of its files: as soon as one of these is touched, all are verified
against their hashes again.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from pydantic import BaseModel, Field

from core.caching import result_cache
from core.context import AppContext
from core.introspection.sandboxed_reading import Count, run_sandboxed, validate_reply
from core.worker.child_handle import CancelCheck, never_cancelled

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
