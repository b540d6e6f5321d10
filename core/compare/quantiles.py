"""Exact quantiles of a stream that does not fit into memory: radix selection on the bit patterns.

The bit patterns of floats that are not negative, read as unsigned integers, stand in the order of the floats. A pass
over the stream counts the next 16 bits of what lies in the bucket with the wanted rank, which narrows it; as soon as a
bucket fits into memory it is sorted as far as needed. float32 takes two passes at most, float64 four.
"""

import math
from collections.abc import Callable, Iterable

import numpy as np

MAX_BUFFERED_VALUES = 2**20  # values in memory at most, whole or of one bucket
DIGIT_BITS = 16  # bits counted in one pass


class Quantiles:
    """Quantiles (0 to 1) of numbers of one dtype that are neither negative nor NaN.

    Feed a whole pass with `add`, then call `end_pass`; while `is_incomplete`, feed the same numbers again.
    """

    def __init__(self, *quantiles: float):
        self._quantiles = quantiles
        self._ranks: dict[int, float] = {}
        self._buckets = [_Bucket(0, 0, 0, 0)]
        self._count = -1  # how many numbers there are, once the first pass has ended

    @property
    def is_incomplete(self) -> bool:
        return bool(self._buckets)

    def add(self, values: np.ndarray) -> None:
        for bucket in self._buckets:
            bucket.add(values)

    def end_pass(self) -> None:
        """Say that a pass has ended."""
        if self._count < 0:
            self._count = self._buckets[0].size
            self._buckets[0].ranks = sorted({rank for q in self._quantiles for rank in self._surrounding_ranks(q)[:2]})
        self._buckets = [narrower for bucket in self._buckets for narrower in bucket.split(self._ranks)]

    def quantile(self, q: float) -> float | None:
        """The quantile by NumPy's definition "linear"; None where there were no numbers."""
        if self._count < 1:
            return None
        below, above, share = self._surrounding_ranks(q)
        low, high = self._ranks[below], self._ranks[above]
        if low == high:
            return low
        return high - (high - low) * (1 - share) if share >= 0.5 else low + (high - low) * share

    def _surrounding_ranks(self, q: float) -> tuple[int, int, float]:
        position = (self._count - 1) * q
        below = max(0, math.floor(position))
        return below, max(0, min(below + 1, self._count - 1)), position - below


class _Bucket:
    """The numbers whose first `bits` bits are `prefix`; `below` numbers lie under it."""

    def __init__(self, prefix: int, bits: int, below: int, expected: int):
        self.prefix, self.bits, self.below = prefix, bits, below
        self.size = 0
        self.ranks: list[int] = []
        self._buffered: list[np.ndarray] | None = [] if expected <= MAX_BUFFERED_VALUES else None
        self._counts = np.zeros(2**DIGIT_BITS, "int64")
        self._dtype = np.dtype("float64")

    def add(self, values: np.ndarray) -> None:
        self._dtype = values.dtype
        width = values.dtype.itemsize * 8
        keys = values.view(f"u{values.dtype.itemsize}")
        if self.bits:
            keys = keys[keys >> (width - self.bits) == self.prefix]
        self.size += len(keys)
        if self._buffered is None:
            self._count_digits(keys)
            return
        # A copy, for a view would hold the whole block.
        self._buffered.append(keys if self.bits else keys.copy())
        if self.size > MAX_BUFFERED_VALUES:
            for buffered in self._buffered:
                self._count_digits(buffered)
            self._buffered = None

    def _count_digits(self, keys: np.ndarray) -> None:
        digits = keys >> (keys.dtype.itemsize * 8 - self.bits - DIGIT_BITS)
        if self.bits:
            digits &= 2**DIGIT_BITS - 1
        self._counts += np.bincount(digits.astype("intp"), minlength=2**DIGIT_BITS)

    def split(self, values_by_rank: dict[int, float]) -> list["_Bucket"]:
        """Write down the values of the wanted ranks that are known now; returns the buckets with the others."""
        if not self.size:
            return []
        if self._buffered is not None:
            places = [rank - self.below for rank in self.ranks]
            keys = np.partition(np.concatenate(self._buffered), places)[places]
            values_by_rank |= dict(zip(self.ranks, map(self._to_float, keys), strict=True))
            return []
        ends = np.cumsum(self._counts)
        narrower: dict[int, _Bucket] = {}
        for rank in self.ranks:
            digit = int(np.searchsorted(ends, rank - self.below, side="right"))
            if digit not in narrower:
                count = int(self._counts[digit])
                below = self.below + int(ends[digit]) - count
                narrower[digit] = _Bucket(self.prefix << DIGIT_BITS | digit, self.bits + DIGIT_BITS, below, count)
            narrower[digit].ranks.append(rank)
        if self.bits + DIGIT_BITS < self._dtype.itemsize * 8:
            return list(narrower.values())
        for bucket in narrower.values():
            values_by_rank |= dict.fromkeys(bucket.ranks, self._to_float(bucket.prefix))
        return []

    def _to_float(self, key: int) -> float:
        return float(np.array(key, f"u{self._dtype.itemsize}").view(self._dtype))


def complete_quantiles(
    quantiles: tuple[Quantiles, ...], replay: Callable[[], Iterable[tuple[np.ndarray, ...]]]
) -> None:
    """After a first pass, pass over the numbers until all are known; `replay` yields those of each in turn."""
    for each in quantiles:
        each.end_pass()
    while any(each.is_incomplete for each in quantiles):
        for values in replay():
            for each, numbers in zip(quantiles, values, strict=True):
                each.add(numbers)
        for each in quantiles:
            each.end_pass()
