"""Describe an artifact, and download one of its tensors, without running the model: a fresh child reads the files.

Descriptions are cached by artifact and by the times of its files: as soon as one of these is touched, all are verified
against their hashes again.
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
from core.worker.child_handle import CancelCheck, Child, invalid_reply_error, never_cancelled
from core.worker.protocol import Frame

DOWNLOAD_CHUNK_BYTES = 2**20  # bytes of a tensor in one request
CHUNK_SECONDS = 60  # limit of one such request

ProgressCallback = Callable[[dict[str, Any]], None]
Result = TypeVar("Result")


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


def run_sandboxed(context: AppContext, task: str, artifacts: dict[str, str], **request: Any) -> Frame:
    """Do one task over the files of artifacts, which are the folders of its arguments, in a sandboxed child.

    Where this system does not confine, a plain child reads files of our own. Raises NotConfined for imported ones.
    """
    request |= {name: context.library.verified_folder(id_) for name, id_ in artifacts.items()}
    request |= {"seconds": context.config.child_seconds}
    run = lambda sandboxed: context.worker.run(task, sandboxed=sandboxed, **request)  # noqa: E731
    return _in_sandbox(context, list(artifacts.values()), run)


def _in_sandbox(context: AppContext, artifact_ids: list[str], action: Callable[[bool], Result]) -> Result:
    """Call `action` with whether its child is to be sandboxed, and return its result; see `run_sandboxed`."""
    try:
        return action(True)
    except NotConfined:
        if any(context.library.artifact(id_).trust != "ours" for id_ in artifact_ids):
            raise
        return action(False)


def tensor_names_by_hash(run: Run) -> dict[str, list[str]]:
    """What a run calls its tensors, by the hash of their bits, in its own order."""
    names: dict[str, list[str]] = {}
    for tensor in (*run.weights, *run.optimizer):
        names.setdefault(tensor["sha256"], []).append(tensor["name"])
    return names


def _add_run_names(context: AppContext, artifact_id: str, rows: list[dict[str, Any]]) -> None:
    """Note the run's names of those tensors that are bit for bit its own."""
    names = tensor_names_by_hash(context.library.run(context.library.artifact(artifact_id).run))
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


class DownloadReply(BaseModel):
    """A tensor that a child keeps for a download: NumPy's name of its dtype, its shape, its bytes."""

    dtype: str = Field(max_length=40)
    shape: list[Count] = Field(max_length=32)
    bytes: Count


class TensorDownload:
    """One tensor as an NPY file: its length in bytes, and its bytes in chunks.

    The child that has the tensor is ended as soon as all was read, or this object is garbage-collected: the client may
    be gone before the first byte.
    """

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
                frame = self._child.request(
                    "tensor_piece", seconds=CHUNK_SECONDS, start=start, count=DOWNLOAD_CHUNK_BYTES
                )
                yield frame.arrays["bytes"].tobytes()
        finally:
            self._close_child()


def download_tensor(context: AppContext, artifact_id: str, key: str, scaled: bool = False) -> TensorDownload:
    """Stream one tensor as an NPY file: a chunk at a time is in our memory. Raises as `describe_tensor`."""
    folder, seconds = context.library.verified_folder(artifact_id), context.config.child_seconds
    child = _in_sandbox(context, [artifact_id], lambda sandboxed: context.worker.open(sandboxed=sandboxed))
    with cleanup_on_error(child.close):
        frame = child.request("hold_tensor", seconds=seconds, folder=folder, key=key, scaled=scaled)
        reply = validate_reply(DownloadReply, frame.message)
        return TensorDownload(child, npy_header(_validate_dtype(reply), tuple(reply.shape)), reply.bytes)


def _validate_dtype(reply: DownloadReply) -> str:
    """Return the dtype of a reply. Raises WorkerError for an array of objects, which readers of the file may unpickle,
    and for a size that does not fit shape and dtype."""
    with contextlib.suppress(TypeError, ValueError):
        dtype = np.dtype(reply.dtype)
        if not dtype.hasobject and dtype.itemsize * math.prod(reply.shape) == reply.bytes:
            return dtype.str
    raise invalid_reply_error()


def npy_header(dtype: str, shape: tuple[int, ...]) -> bytes:
    """Return the header of an NPY file, after which the values follow in C order."""
    buffer = io.BytesIO()
    npy.write_array_header_1_0(buffer, {"descr": dtype, "fortran_order": False, "shape": shape})
    return buffer.getvalue()
