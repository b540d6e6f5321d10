"""One tensor of an artifact as an NPY file, streamed from the child that read it: nothing of it is held here."""

import contextlib
import io
import math
import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib import format as npy
from pydantic import BaseModel, Field

from core.errors import WorkerError
from core.undoing import if_stopped
from core.work.inspecting import in_a_child, seconds_of
from core.work.told import Count, fitting
from core.worker.asking import NONSENSE, Child

if TYPE_CHECKING:
    from core.jobs import Jobs

PIECE = 2**20  # bytes of a tensor that are asked for at once


class Held(BaseModel):
    """A tensor that a child keeps for a download: NumPy's name of its dtype, its shape, its bytes."""

    dtype: str = Field(max_length=40)
    shape: list[Count] = Field(max_length=32)
    bytes: Count


class Download:
    """One tensor as an NPY file: how long it is, and its bytes in pieces. The child that holds the tensor is ended as
    soon as all was read, or nobody holds this any more: who asked may be gone before the first byte."""

    def __init__(self, child: Child, head: bytes, count: int):
        self.length = len(head) + count
        self._child, self._head, self._count = child, head, count
        self._end = weakref.finalize(self, child.close)

    def close(self) -> None:
        """End the child, where nothing is to be read."""
        self._end()

    def pieces(self) -> Iterator[bytes]:
        try:
            yield self._head
            for start in range(0, self._count, PIECE):
                asked = {"start": start, "count": PIECE, "seconds": 60}
                yield self._child.ask("tensor_piece", **asked).arrays["bytes"].tobytes()
        finally:
            self._end()


def download_tensor(jobs: "Jobs", artifact_id: str, key: str, scaled: bool = False) -> Download:
    """One tensor as an NPY file, streamed: a piece at a time is in our memory. Raises as `describe_tensor`."""
    folder, limits = jobs.library.files(artifact_id), {"seconds": seconds_of(jobs)}
    child: Child = in_a_child(jobs, [artifact_id], lambda confined: jobs.worker.open(confined=confined))
    with if_stopped(child.close):
        held = fitting(Held, child.ask("hold_tensor", folder=folder, key=key, scaled=scaled, **limits).message)
        return Download(child, npy_head(_checked_dtype(held), tuple(held.shape)), held.bytes)


def _checked_dtype(held: Held) -> str:
    """Raises WorkerError for an array of objects, which whoever reads the file might unpickle, and where the sizes do
    not add up."""
    with contextlib.suppress(TypeError, ValueError):
        dtype = np.dtype(held.dtype)
        if not dtype.hasobject and dtype.itemsize * math.prod(held.shape) == held.bytes:
            return dtype.str
    raise WorkerError(NONSENSE)


def npy_head(dtype: str, shape: tuple[int, ...]) -> bytes:
    """What stands in an NPY file before the values, which follow in C order."""
    buffer = io.BytesIO()
    npy.write_array_header_1_0(buffer, {"descr": dtype, "fortran_order": False, "shape": shape})
    return buffer.getvalue()
