"""Aligned blocks of rows from two streams, with the forms of their numbers that several metrics share.

Rows of one output come as a stream and are cut anew into blocks that fit the cache. Because the blocks are always the
same, every number is the same to the last bit for any chunking.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Literal, TypeVar

import numpy as np

from core.arrays import is_text
from core.errors import InputError

# Gives the rows of one output again from the first, in chunks, batch first.
ChunkSource = Callable[[], Iterable[np.ndarray]]

BLOCK_VALUES = 2**16  # in a block: some ten arrays of so many numbers stay in the cache of one core
# Rows of up to so many values lie in memory column by column: what is computed for each row is then fast.
MAX_COLUMN_MAJOR_WIDTH = 64
_FLOAT32_EXACT_DTYPES = frozenset(["bool", "int8", "uint8", "int16", "uint16", "float16", "bfloat16", "float32"])

T = TypeVar("T")


def single_chunk(array: np.ndarray) -> ChunkSource:
    """An array in memory as a stream of one chunk."""
    return lambda: (array,)


def read_blocks(source: ChunkSource, rows: int | None = None) -> Iterator[np.ndarray]:
    """Yield the rows of a source in blocks of `rows` (the last may be shorter); None: of BLOCK_VALUES numbers.

    Raises InputError when a chunk has no batch, or another shape or dtype than the first.
    """
    waiting: list[np.ndarray] = []
    count = 0
    for chunk in _validated_chunks(source):
        rows = rows or max(1, BLOCK_VALUES // max(1, math.prod(chunk.shape[1:])))
        start = 0
        while count + len(chunk) - start >= rows:
            end = start + rows - count
            yield np.concatenate([*waiting, chunk[start:end]]) if waiting else chunk[start:end]
            waiting, count, start = [], 0, end
        if start < len(chunk):
            # A copy: the source may fill the same buffer again.
            waiting.append(chunk[start:].copy())
            count += len(chunk) - start
    if waiting:
        yield np.concatenate(waiting)


def _validated_chunks(source: ChunkSource) -> Iterator[np.ndarray]:
    first = None
    for chunk in map(np.asarray, source()):
        if chunk.ndim == 0:
            raise InputError("An answer has no rows.", received="a single value", cure="Give arrays, batch first.")
        first = chunk if first is None else first
        if chunk.shape[1:] != first.shape[1:] or (chunk.dtype != first.dtype and not is_text(chunk)):
            raise InputError(
                "The parts of one output do not fit each other.",
                received=f"{first.dtype} {first.shape}, then {chunk.dtype} {chunk.shape}",
                cure="Give every part the same dtype and the same shape after the batch.",
            )
        if len(chunk):
            yield chunk


def read_aligned(*sources: ChunkSource) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield the blocks of several sources side by side, cut as those of the first.

    Raises InputError when one has fewer rows than another, or when there are none at all.
    """
    rows, seen = None, 0
    streams = [read_blocks(sources[0])]
    for first in streams[0]:
        if rows is None:
            rows = len(first)
            streams += [read_blocks(source, rows) for source in sources[1:]]
        blocks = [first, *(next(stream, first[:0]) for stream in streams[1:])]
        _require_equal_rows(blocks, seen)
        seen += len(first)
        yield tuple(blocks)
    if not seen:
        raise _no_rows_error()
    _require_equal_rows([next(stream, np.empty(0)) for stream in streams], seen)


def _require_equal_rows(blocks: list[np.ndarray], rows_before: int) -> None:
    counts = [len(block) for block in blocks]
    if len(set(counts)) > 1:
        raise InputError(
            "The two sides do not have the same number of rows.",
            received=" and ".join(f"{'at least ' if count else ''}{rows_before + count:,}" for count in counts),
            cure="Compare answers to the same rows.",
        )


def first_block(source: ChunkSource) -> np.ndarray:
    """The first block. Raises InputError where there are no rows."""
    for block in read_blocks(source):
        return block
    raise _no_rows_error()


def _no_rows_error() -> InputError:
    return InputError("There are no rows to compare.", received="0 rows", cure="Choose at least one row.")


class Float32Overflow(Exception):
    """Two finite float32 numbers whose difference is none: float64 is to be taken instead."""


def with_float64_fallback(compute: Callable[[str | None], T]) -> T:
    """Run what reads blocks in the smallest dtype that fits, and again in float64 where that was too small."""
    with np.errstate(all="ignore"):
        try:
            return compute(None)
        except Float32Overflow:
            return compute("float64")


def aligned_blocks(reference: ChunkSource, prediction: ChunkSource, dtype: str | None = None) -> Iterator["Block"]:
    """Yield both sides in blocks. Raises InputError when they do not have the same number of rows."""
    first = 0
    for left, right in read_aligned(reference, prediction):
        dtype = dtype or _working_dtype(left, right)
        yield Block(first, left, right, dtype)
        first += len(left)


def _working_dtype(*sides: np.ndarray) -> str:
    """The dtype to calculate in: float32 where every value of both sides is one exactly, else float64."""
    names = {(side.real if side.dtype.kind == "c" else side).dtype.name for side in sides}
    return "float32" if names <= _FLOAT32_EXACT_DTYPES else "float64"


class Block:
    """Rows of a reference and of a prediction.

    Attributes:
        first_row: The row of the whole with which the block begins.
        raw: The two sides as they came, (rows, ...), complex numbers as pairs.
        matrices: The two sides as (rows, values), in the dtype of the work.
        left, right, abs_diff: The two sides and |left - right| as (rows, values), all three 0 where a pair is not
            finite.
        finite: (rows, values) bool, the finite pairs; None where all are.
        mismatch: (rows, values) bool, pairs that are not finite and not the same; None where all are finite.
    """

    def __init__(self, first_row: int, left: np.ndarray, right: np.ndarray, dtype: str):
        self.first_row = first_row
        self.raw = _complex_as_reals(left), _complex_as_reals(right)
        width = math.prod(self.raw[0].shape[1:])
        self._order: Literal["F", "C"] = "F" if 1 < width <= MAX_COLUMN_MAJOR_WIDTH else "C"
        self.matrices = tuple(side.reshape(len(left), width).astype(dtype, copy=False) for side in self.raw)
        self.left, self.right = (np.asarray(side, order=self._order) for side in self.matrices)
        self.finite: np.ndarray | None = None
        self.mismatch: np.ndarray | None = None
        self.abs_diff = self._absolute_difference()
        self.max_abs_diff = float(self.abs_diff.max(initial=0))
        if not np.isfinite(self.max_abs_diff):
            self._mask_nonfinite()

    def _absolute_difference(self) -> np.ndarray:
        common = np.result_type(*(side.dtype for side in self.raw))
        if common.kind not in "iu" or self.left.dtype == "float32":
            return np.asarray(np.abs(self.left - self.right))
        # Exact beyond 2^53 too: the difference of two integers always fits into the unsigned ones of that size.
        left, right = (side.reshape(self.left.shape).astype(common, copy=False) for side in self.raw)
        apart = (np.maximum(left, right) - np.minimum(left, right)).view(f"u{common.itemsize}")
        return np.asarray(apart, dtype=self.left.dtype, order=self._order)

    def _mask_nonfinite(self) -> None:
        """Take what is not finite out of the numbers."""
        left, right = self.left, self.right
        finite = np.isfinite(left) & np.isfinite(right)
        if not finite.all():
            self.mismatch = ~(finite | (np.isnan(left) & np.isnan(right)) | (left == right))
            self.finite = finite
            self.left, self.right = np.where(finite, left, 0), np.where(finite, right, 0)
            self.abs_diff = np.where(finite, self.abs_diff, 0)
            self.max_abs_diff = float(self.abs_diff.max(initial=0))
        if not np.isfinite(self.max_abs_diff) and self.abs_diff.dtype == "float32":
            raise Float32Overflow

    @property
    def rows(self) -> int:
        return len(self.abs_diff)

    @cached_property
    def finite_count(self) -> int:
        """Finite pairs."""
        return self.abs_diff.size if self.finite is None else int(np.count_nonzero(self.finite))

    def flatten_finite(self, values: np.ndarray) -> np.ndarray:
        """Numbers of this block as one row, only those of finite pairs."""
        return values.ravel(order="K") if self.finite is None else values[self.finite]

    @cached_property
    def as_float64(self) -> tuple[np.ndarray, ...]:
        """`left`, `right` and `abs_diff` as float64, so that sums of them are good to the last digits."""
        return tuple(side.astype("float64", copy=False) for side in (self.left, self.right, self.abs_diff))

    @cached_property
    def abs_diff_float64(self) -> np.ndarray:
        """|left - right| in float64, (rows, values): for tolerances; `abs_diff` may be rounded."""
        left, right, _ = self.as_float64
        return self.abs_diff if self.abs_diff.dtype == "float64" else np.asarray(np.abs(left - right))

    @cached_property
    def row_max_diff(self) -> np.ndarray:
        """The largest finite difference of each row, (rows,)."""
        return np.asarray(self.abs_diff.max(axis=1, initial=0))

    @cached_property
    def row_mismatch(self) -> np.ndarray:
        """Rows with a pair that is not finite and not the same, (rows,) bool."""
        return np.zeros(self.rows, bool) if self.mismatch is None else np.asarray(self.mismatch.any(axis=1))

    @cached_property
    def row_sums(self) -> tuple[np.ndarray, ...]:
        """What each row adds up to on either side, (rows,) float64; NaN or infinite where a value is."""
        sides = self.as_float64[:2] if self.finite is None else self.matrices
        return tuple(side.sum(axis=1, dtype="float64") for side in sides)

    @cached_property
    def argmax_labels(self) -> tuple[np.ndarray, ...]:
        """The index of the largest value (or of the first NaN) of each row on either side, (rows,)."""
        return tuple(side.argmax(axis=1) for side in self.matrices)


def _complex_as_reals(side: np.ndarray) -> np.ndarray:
    if side.dtype.kind != "c":
        return side
    return np.ascontiguousarray(side).view(side.real.dtype).reshape(*side.shape, 2)
