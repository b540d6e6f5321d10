"""Looking into an artifact: a fresh child reads its files and says what is in them; the model is never run.

What was found is remembered by the artifact and by the times of its files: as soon as one of these is touched, all are
held against their hashes again.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from pydantic import BaseModel, Field

from core.errors import NotConfined
from core.library.records import Run
from core.work.remembering import memory
from core.work.told import Count, fitting
from core.worker.asking import Never
from core.worker.channel import Frame

if TYPE_CHECKING:
    from core.jobs import Jobs

Hear = Callable[[dict[str, Any]], None]
Found = TypeVar("Found")


class Statistics(BaseModel):
    """Of one tensor's finite values; None where there are none, or no numbers."""

    count: int
    min: float | None = None
    max: float | None = None
    mean: float | None = None
    std: float | None = None
    zeros: int | None = None
    nan: int | None = None
    inf: int | None = None


class TensorRow(BaseModel):
    """One stored tensor. `alias` is what the run calls a tensor of the same bits, empty where it has none; `scaled`
    says that its integers stand for other numbers; `problem` is why it could not be read."""

    key: str
    name: str
    group: str
    shape: list[int]
    dtype: str
    note: str = ""
    scaled: bool = False
    alias: str = ""
    sha256: str = ""
    bytes: int = 0
    statistics: Statistics = Field(default_factory=lambda: Statistics(count=0))
    problem: str = ""


class Rows(BaseModel):
    """The part "tensors": how many there are, and those that are told."""

    of: Count
    rows: list[TensorRow]


class TensorLook(TensorRow):
    """One tensor with its histogram and its picture (see `core.inspection.looks`)."""

    histogram: dict[str, list[float]] | None = None
    look: str = ""
    shown: str = ""


class Described(BaseModel):
    """`found` is the part that was asked for, as `core.worker.describing.contents.Contents` gives it, None where the
    files hold no such thing; `parts` are those that they hold."""

    kind: str
    parts: list[str]
    remarks: list[str]
    found: Any = None

    @property
    def tensors(self) -> list[TensorRow]:
        return [TensorRow.model_validate(one) for one in (self.found or {}).get("rows", [])]


def key_of(jobs: "Jobs", artifact_id: str) -> tuple[str, str, str]:
    """Another one as soon as a file of the artifact is touched. Raises UnknownName."""
    return str(jobs.library.home), artifact_id, jobs.library.stamp(artifact_id)


def describe(
    jobs: "Jobs", artifact_id: str, part: str, hear: Hear | None = None, cancelled: Never = lambda: False
) -> Described:
    """A part of what the files of an artifact tell: "signatures", "layers", "config", "operators" or "tensors".

    Raises UnknownName, UnreadableRecord, Damaged, DoesNotLoad, ChildDied, TimedOut and Cancelled.
    """

    def make() -> Described:
        asked, limits = {"folder": jobs.library.files(artifact_id), "part": part}, {"seconds": seconds_of(jobs)}
        found = closed(jobs, [artifact_id], "describe", on_progress=hear, cancelled=cancelled, **limits, **asked)
        described = fitting(Described, found.message)
        if part == "tensors" and described.found is not None:
            fitting(Rows, described.found)
            _name(jobs, artifact_id, described.found["rows"])
        return described

    return memory.get((*key_of(jobs, artifact_id), part), make)


def seconds_of(jobs: "Jobs") -> float:
    """Wall clock of one request."""
    return jobs.config.confined_seconds


def closed(jobs: "Jobs", artifact_ids: list[str], task: str, **request: Any) -> Frame:
    """Do one task over the files of artifacts in a confined child. Where this system confines nothing, what is our own
    is looked into by a plain one; what was brought in is not. Raises NotConfined for that."""
    return in_a_child(jobs, artifact_ids, lambda confined: jobs.worker.run(task, confined=confined, **request))


def in_a_child(jobs: "Jobs", artifact_ids: list[str], act: Callable[[bool], Found]) -> Found:
    """What `act` gives, told whether its child is to be a confined one; see `closed`."""
    try:
        return act(True)
    except NotConfined:
        if any(jobs.library.artifact(id_).trust != "ours" for id_ in artifact_ids):
            raise
        return act(False)


def names_of(run: Run) -> dict[str, list[str]]:
    """What a run calls its tensors, by the hash of their bits, in its own order."""
    found: dict[str, list[str]] = {}
    for one in (*run.weights, *run.optimizer):
        found.setdefault(one["sha256"], []).append(one["name"])
    return found


def _name(jobs: "Jobs", artifact_id: str, rows: list[dict[str, Any]]) -> None:
    """Note the run's names of those tensors that are bit for bit its own."""
    names = names_of(jobs.library.run(jobs.library.artifact(artifact_id).run))
    for one in rows:
        one["alias"] = names[one["sha256"]].pop(0) if names.get(one.get("sha256")) else ""


def describe_tensor(
    jobs: "Jobs", artifact_id: str, key: str, scaled: bool = False
) -> tuple[TensorLook, np.ndarray | None]:
    """One tensor, and the values of its picture. Raises as `describe`, and UnknownName for a key that is not there."""

    def make() -> tuple[TensorLook, np.ndarray | None]:
        asked = {"folder": jobs.library.files(artifact_id), "key": key, "scaled": scaled}
        found = closed(jobs, [artifact_id], "describe_tensor", seconds=seconds_of(jobs), **asked)
        return fitting(TensorLook, found.message), found.arrays.get("picture")

    return memory.get((*key_of(jobs, artifact_id), "tensor", key, scaled), make)
