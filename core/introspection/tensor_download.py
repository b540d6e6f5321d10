"""Download one tensor of an artifact as an NPY file, in chunks, from the child that reads it."""

import contextlib
import io
import math
import weakref
from collections.abc import Iterator

import numpy as np
from numpy.lib import format as npy
from pydantic import BaseModel, Field

from core.context import AppContext
from core.errors import cleanup_on_error
from core.introspection.sandboxed_reading import Count, in_sandbox, validate_reply
from core.worker.child_errors import invalid_reply_error
from core.worker.child_handle import Child

DOWNLOAD_CHUNK_BYTES = 2**20  # bytes of a tensor in one request
CHUNK_SECONDS = 60  # limit of one such request


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
    child = in_sandbox(context, [artifact_id], lambda sandboxed: context.worker.open(sandboxed=sandboxed))
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
