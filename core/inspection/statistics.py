"""What the values of one tensor are like: bounds, mean, spread, zeros, what is not finite, and a histogram.

Everything is computed in stretches of values, so that a tensor of gigabytes takes no memory beside its own.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

STRETCH = 2**20  # values that are looked at together
BINS = 48
NUMBERS = "biuf"  # kinds of dtype that have a minimum and a mean


def statistics(array: np.ndarray) -> dict[str, Any]:
    """`{"count", "min", "max", "mean", "std", "zeros", "nan", "inf"}`; the first four numbers are of the finite values
    alone, in float64, and None where there are none. Of text and of complex numbers only the count is told."""
    found: dict[str, Any] = {"count": int(array.size), **dict.fromkeys(("min", "max", "mean", "std"))}
    if array.dtype.kind not in NUMBERS:
        return found | dict.fromkeys(("zeros", "nan", "inf"))
    found |= {"zeros": 0, "nan": 0, "inf": 0}
    total, many = 0.0, 0
    for values in _stretches(array):
        finite = values[np.isfinite(values)]
        found["zeros"] += int(np.count_nonzero(finite == 0))
        found["nan"] += int(np.count_nonzero(np.isnan(values)))
        found["inf"] += int(np.count_nonzero(np.isinf(values)))
        if finite.size:
            found["min"] = float(min(finite.min(), np.inf if found["min"] is None else found["min"]))
            found["max"] = float(max(finite.max(), -np.inf if found["max"] is None else found["max"]))
            total, many = total + float(finite.sum()), many + finite.size
    if many and np.isfinite(total):
        found["mean"] = total / many
        found["std"] = _spread(array, total / many, many)
    return found


def _spread(array: np.ndarray, mean: float, many: int) -> float | None:
    """The standard deviation of the finite values, of the whole population; None where its sum is not finite."""
    with np.errstate(over="ignore"):
        squares = sum(float(np.square(one[np.isfinite(one)] - mean).sum()) for one in _stretches(array))
    return float(np.sqrt(squares / many)) if np.isfinite(squares) else None


def histogram(array: np.ndarray, bins: int = BINS) -> dict[str, list[float]] | None:
    """`{"edges": bins + 1 numbers, "counts": bins numbers}` of the finite values; None where there are none, or where
    they are too far apart for even steps."""
    found = statistics(array)
    low, high = found["min"], found["max"]
    if low is None or not np.isfinite(high - low):
        return None
    edges = np.histogram_bin_edges(np.array([low, high]), bins, (low, high))
    counts = np.zeros(bins, "int64")
    for values in _stretches(array):
        counts += np.histogram(values[np.isfinite(values)], edges)[0]
    return {"edges": edges.tolist(), "counts": counts.tolist()}


def _stretches(array: np.ndarray) -> Iterator[np.ndarray]:
    """The values in float64, some at a time, in the order of the last axis first."""
    flat = array.reshape(-1)
    for start in range(0, flat.size, STRETCH):
        yield flat[start : start + STRETCH].astype("float64")
