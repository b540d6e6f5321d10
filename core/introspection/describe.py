"""Describe an artifact, download one tensor.

Looking into an artifact: a fresh child reads its files and says what is in them; the model is never run.

What was found is remembered by the artifact and by the times of its files: as soon as one of these is touched, all are
held against their hashes again.

One tensor of an artifact as an NPY file, streamed from the child that read it: nothing of it is held here.
"""

import contextlib
import io
import math
import weakref
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np
from numpy.lib import format as npy
from pydantic import BaseModel, Field

from core.caching import result_cache
from core.context import AppContext
from core.errors import NotConfined, cleanup_on_error
from core.introspection.replies import Count, validate_reply
from core.library.records import Run
from core.worker.child_handle import CancelCheck, Child, invalid_reply_error
from core.worker.protocol import Frame

ProgressCallback = Callable[[dict[str, Any]], None]
Result = TypeVar("Found")


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


class TensorSummary(BaseModel):
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
    statistics: TensorStatistics = Field(default_factory=lambda: TensorStatistics(count=0))
    problem: str = ""


class TensorTable(BaseModel):
    """The part "tensors": how many there are, and those that are told."""

    of: Count
    rows: list[TensorSummary]


class TensorDescription(TensorSummary):
    """One tensor with its histogram and its picture (see `core.tensors.statistics`)."""

    histogram: dict[str, list[float]] | None = None
    look: str = ""
    shown: str = ""


class PartDescription(BaseModel):
    """`found` is the part that was asked for, as `core.readers.base.FileContents` gives it, None where the
    files hold no such thing; `parts` are those that they hold."""

    kind: str
    parts: list[str]
    remarks: list[str]
    found: Any = None

    @property
    def tensors(self) -> list[TensorSummary]:
        return [TensorSummary.model_validate(one) for one in (self.found or {}).get("rows", [])]


def cache_key(context: AppContext, artifact_id: str) -> tuple[str, str, str]:
    """Another one as soon as a file of the artifact is touched. Raises UnknownName."""
    return str(context.library.home), artifact_id, context.library.fingerprint(artifact_id)


def describe_part(
    context: AppContext,
    artifact_id: str,
    part: str,
    on_progress: ProgressCallback | None = None,
    cancelled: CancelCheck = lambda: False,
) -> PartDescription:
    """A part of what the files of an artifact tell: "signatures", "layers", "config", "operators" or "tensors".

    Raises UnknownName, UnreadableRecord, Damaged, DoesNotLoad, ChildDied, TimedOut and Cancelled.
    """

    def make() -> PartDescription:
        asked, limits = (
            {"folder": context.library.verified_folder(artifact_id), "part": part},
            {"seconds": request_timeout(context)},
        )
        found = run_confined(
            context, [artifact_id], "describe", on_progress=on_progress, cancelled=cancelled, **limits, **asked
        )
        described = validate_reply(PartDescription, found.message)
        if part == "tensors" and described.found is not None:
            validate_reply(TensorTable, described.found)
            _add_run_names(context, artifact_id, described.found["rows"])
        return described

    return result_cache.get_or_compute((*cache_key(context, artifact_id), part), make)


def request_timeout(context: AppContext) -> float:
    """Wall clock of one request."""
    return context.config.confined_seconds


def run_confined(context: AppContext, artifact_ids: list[str], task: str, **request: Any) -> Frame:
    """Do one task over the files of artifacts in a confined child. Where this system confines nothing, what is our own
    is looked into by a plain one; what was brought in is not. Raises NotConfined for that."""
    return run_with_confinement(
        context, artifact_ids, lambda sandboxed: context.worker.run(task, sandboxed=sandboxed, **request)
    )


def run_with_confinement(context: AppContext, artifact_ids: list[str], action: Callable[[bool], Result]) -> Result:
    """What `act` gives, told whether its child is to be a confined one; see `closed`."""
    try:
        return action(True)
    except NotConfined:
        if any(context.library.artifact(id_).trust != "ours" for id_ in artifact_ids):
            raise
        return action(False)


def tensor_names_by_hash(run: Run) -> dict[str, list[str]]:
    """What a run calls its tensors, by the hash of their bits, in its own order."""
    found: dict[str, list[str]] = {}
    for one in (*run.weights, *run.optimizer):
        found.setdefault(one["sha256"], []).append(one["name"])
    return found


def _add_run_names(context: AppContext, artifact_id: str, rows: list[dict[str, Any]]) -> None:
    """Note the run's names of those tensors that are bit for bit its own."""
    names = tensor_names_by_hash(context.library.run(context.library.artifact(artifact_id).run))
    for one in rows:
        one["alias"] = names[one["sha256"]].pop(0) if names.get(one.get("sha256")) else ""


def describe_tensor(
    context: AppContext, artifact_id: str, key: str, scaled: bool = False
) -> tuple[TensorDescription, np.ndarray | None]:
    """One tensor, and the values of its picture. Raises as `describe`, and UnknownName for a key that is not there."""

    def make() -> tuple[TensorDescription, np.ndarray | None]:
        asked = {"folder": context.library.verified_folder(artifact_id), "key": key, "scaled": scaled}
        found = run_confined(context, [artifact_id], "describe_tensor", seconds=request_timeout(context), **asked)
        return validate_reply(TensorDescription, found.message), found.arrays.get("picture")

    return result_cache.get_or_compute((*cache_key(context, artifact_id), "tensor", key, scaled), make)


DOWNLOAD_CHUNK_BYTES = 2**20  # bytes of a tensor that are asked for at once


class DownloadReply(BaseModel):
    """A tensor that a child keeps for a download: NumPy's name of its dtype, its shape, its bytes."""

    dtype: str = Field(max_length=40)
    shape: list[Count] = Field(max_length=32)
    bytes: Count


class TensorDownload:
    """One tensor as an NPY file: how long it is, and its bytes in pieces. The child that holds the tensor is ended as
    soon as all was read, or nobody holds this any more: who asked may be gone before the first byte."""

    def __init__(self, child: Child, header: bytes, data_bytes: int):
        self.length = len(header) + data_bytes
        self._child, self._header, self._data_bytes = child, header, data_bytes
        self._close_child = weakref.finalize(self, child.close)

    def close(self) -> None:
        """End the child, where nothing is to be read."""
        self._close_child()

    def iter_chunks(self) -> Iterator[bytes]:
        try:
            yield self._header
            for start in range(0, self._data_bytes, DOWNLOAD_CHUNK_BYTES):
                asked = {"start": start, "count": DOWNLOAD_CHUNK_BYTES, "seconds": 60}
                yield self._child.request("tensor_piece", **asked).arrays["bytes"].tobytes()
        finally:
            self._close_child()


def download_tensor(context: AppContext, artifact_id: str, key: str, scaled: bool = False) -> TensorDownload:
    """One tensor as an NPY file, streamed: a piece at a time is in our memory. Raises as `describe_tensor`."""
    folder, limits = context.library.verified_folder(artifact_id), {"seconds": request_timeout(context)}
    child: Child = run_with_confinement(
        context, [artifact_id], lambda sandboxed: context.worker.open(sandboxed=sandboxed)
    )
    with cleanup_on_error(child.close):
        held = validate_reply(
            DownloadReply, child.request("hold_tensor", folder=folder, key=key, scaled=scaled, **limits).message
        )
        return TensorDownload(child, npy_header(_validate_dtype(held), tuple(held.shape)), held.bytes)


def _validate_dtype(reply: DownloadReply) -> str:
    """Raises WorkerError for an array of objects, which whoever reads the file might unpickle, and where the sizes do
    not add up."""
    with contextlib.suppress(TypeError, ValueError):
        dtype = np.dtype(reply.dtype)
        if not dtype.hasobject and dtype.itemsize * math.prod(reply.shape) == reply.bytes:
            return dtype.str
    raise invalid_reply_error()


def npy_header(dtype: str, shape: tuple[int, ...]) -> bytes:
    """What stands in an NPY file before the values, which follow in C order."""
    buffer = io.BytesIO()
    npy.write_array_header_1_0(buffer, {"descr": dtype, "fortran_order": False, "shape": shape})
    return buffer.getvalue()
