"""Reference rows with the live model's predictions, prediction in fixed batches, and fingerprints of variables."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np

from core.arrays import Arrays, NamedArrays, StoredArrays, to_plain_array
from core.runtimes.base import BATCH_SIZE, count_rows

REFERENCE_ROWS = 1024  # test examples that a run stores, with the live model's predictions
MESSAGE_PADDING = 4096  # bytes of a message between its arrays, at the most
PREFIXES = ("input:", "answer:", "target:")  # of the names in a reference's file


class Reference(NamedTuple):
    """Inputs by name, the live model's predictions by name, and the targets where they are known (else empty)."""

    inputs: Arrays
    predictions: Arrays
    targets: Arrays

    @property
    def rows(self) -> int:
        return count_rows(self.inputs)

    def head(self, rows: int) -> Self:
        """The first `rows` rows."""
        return type(self)(*({name: array[:rows] for name, array in arrays.items()} for arrays in self))

    def with_sorted_inputs(self) -> Self:
        """The same with its inputs sorted by name."""
        return self._replace(inputs=dict(sorted(self.inputs.items())))

    def head_in_whole_batches(self, rows: int) -> Self:
        """The fewest whole batches that hold the first `rows` rows: what must be predicted to compare bit for bit."""
        return self.head(-(-rows // BATCH_SIZE) * BATCH_SIZE)

    def rows_within(self, limit: float) -> int:
        """How many rows one message of so many bytes holds, of inputs and of predictions; one at the least, and whole
        batches where it is one or more."""
        sides = (sum(array.nbytes for array in arrays.values()) for arrays in (self.inputs, self.predictions))
        rows = max(1, int((limit - MESSAGE_PADDING) * self.rows // max(1, *sides)))
        if rows >= self.rows:
            return self.rows
        return rows if rows < BATCH_SIZE else rows // BATCH_SIZE * BATCH_SIZE

    def head_within(self, limit: float) -> Self:
        """The first rows that one message of so many bytes holds."""
        return self.head(self.rows_within(limit))

    def write(self, path: Path) -> None:
        arrays = {
            prefix + name: array for prefix, side in zip(PREFIXES, self, strict=True) for name, array in side.items()
        }
        np.savez_compressed(path, allow_pickle=False, **{name: to_plain_array(array) for name, array in arrays.items()})

    @classmethod
    def read(cls, path: Path) -> Self:
        with StoredArrays(path) as arrays:
            return cls(*(select_by_prefix(prefix, arrays) for prefix in PREFIXES))


def select_by_prefix(prefix: str, arrays: Mapping[str, np.ndarray]) -> Arrays:
    """The arrays whose names begin with a prefix, by what follows it."""
    return {name.removeprefix(prefix): arrays[name] for name in arrays if name.startswith(prefix)}


def count_nonfinite(named: NamedArrays) -> dict[str, int]:
    """How many numbers of each array are NaN or infinite, where any are."""
    arrays = {name: to_plain_array(array) for name, array in named}
    counts = {name: int((~np.isfinite(array)).sum()) for name, array in arrays.items() if array.dtype.kind == "f"}
    return {name: count for name, count in counts.items() if count}
