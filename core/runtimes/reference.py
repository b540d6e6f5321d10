"""What can be said of a live model: its answers in fixed batches, its shape in words, its variables by hash."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from core.arrays import Arrays, to_plain_array
from core.runtimes.base import NamedArrays, Predictor

# Kernels round differently for different batch sizes, so every answer that is compared is given in the same batches.
BATCH_SIZE = 64
REFERENCE_ROWS = 1024  # held-out rows that a run keeps, with the live model's answers


class Reference(NamedTuple):
    """Inputs by name, the live model's answers to them by name, and the truth where it is known (else empty)."""

    inputs: Arrays
    predictions: Arrays
    targets: Arrays

    @property
    def rows(self) -> int:
        return len(next(iter(self.inputs.values())))

    def head(self, rows: int) -> "Reference":
        """The first `rows` rows."""
        return Reference(
            {name: array[:rows] for name, array in self.inputs.items()},
            {name: array[:rows] for name, array in self.predictions.items()},
            {name: array[:rows] for name, array in self.targets.items()},
        )

    def with_sorted_inputs(self) -> "Reference":
        """The same with its inputs sorted by name."""
        return self._replace(inputs=dict(sorted(self.inputs.items())))

    def head_in_whole_batches(self, rows: int) -> "Reference":
        """The fewest whole batches that hold the first `rows` rows: what must be answered to compare bit for bit."""
        return self.head(-(-rows // BATCH_SIZE) * BATCH_SIZE)

    def write(self, path: Path) -> None:
        kept = {f"input:{name}": array for name, array in self.inputs.items()}
        kept |= {f"answer:{name}": array for name, array in self.predictions.items()}
        kept |= {f"target:{name}": array for name, array in self.targets.items()}
        np.savez_compressed(path, allow_pickle=False, **{name: to_plain_array(array) for name, array in kept.items()})

    @classmethod
    def read(cls, path: Path) -> "Reference":
        with np.load(path, allow_pickle=False) as kept:
            return cls(*(select_by_prefix(prefix, kept) for prefix in ("input:", "answer:", "target:")))


def select_by_prefix(prefix: str, arrays: Mapping[str, np.ndarray]) -> Arrays:
    """The arrays whose names begin with a prefix, by what follows it."""
    return {name.removeprefix(prefix): arrays[name] for name in arrays if name.startswith(prefix)}


def predict_in_batches(predictor: Predictor, inputs: Arrays, batch: int = BATCH_SIZE) -> Arrays:
    """Answers to all rows, computed in batches of `batch` rows."""
    rows = len(next(iter(inputs.values())))
    parts = [
        predictor.predict({name: array[start : start + batch] for name, array in inputs.items()})
        for start in range(0, rows, batch)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def fingerprint_arrays(named: NamedArrays) -> list[dict[str, Any]]:
    """Name, dtype, shape and SHA-256 of each array, in order."""
    return [
        {
            "name": name,
            "dtype": str(array.dtype),
            "shape": list(array.shape),
            "sha256": hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest(),
        }
        for name, array in named
    ]


def count_nonfinite(named: NamedArrays) -> dict[str, int]:
    """How many numbers of each array are NaN or infinite, where any are."""
    numbers = {name: to_plain_array(array) for name, array in named}
    counts = {name: int((~np.isfinite(one)).sum()) for name, one in numbers.items() if one.dtype.kind == "f"}
    return {name: count for name, count in counts.items() if count}
