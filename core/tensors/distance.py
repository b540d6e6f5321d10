"""How far two tensors of one shape are from each other."""

from typing import NotRequired, TypedDict

import numpy as np

CHUNK_VALUES = 2**20


class DistanceReply(TypedDict):
    """Whether two tensors are equal bit for bit, how many values differ, how many are NaN or infinite on one side only;
    the largest and the mean difference, |left - right| / |left| by the Euclidean norm, and the index of the largest
    difference. Numbers are float64, over the values that are finite on both sides; None where there are none."""

    equal: bool
    changed: int
    lost: int
    max_abs: NotRequired[float | None]
    mean_abs: NotRequired[float | None]
    relative: NotRequired[float | None]
    at: NotRequired[list[int] | None]


def tensor_distance(left: np.ndarray, right: np.ndarray) -> DistanceReply:
    """Measure how far two arrays of one shape are from each other."""
    a, b = left.reshape(-1), right.reshape(-1)
    equal = left.dtype == right.dtype and _have_same_bits(left, right)
    changed, lost, finite, largest, where = 0, 0, 0, -1.0, 0
    total = squares = length = 0.0
    for start in range(0, a.size, CHUNK_VALUES):
        x, y = (side[start : start + CHUNK_VALUES].astype("float64") for side in (a, b))
        same, is_finite = (x == y) | (np.isnan(x) & np.isnan(y)), np.isfinite(x) & np.isfinite(y)
        changed += int(np.count_nonzero(~same))
        lost += int(np.count_nonzero(~same & ~is_finite))
        distance = np.abs(np.subtract(x, y, where=is_finite, out=np.zeros_like(x)))
        if distance.size and distance.max() > largest:
            largest, where = float(distance.max()), start + int(distance.argmax())
        total, finite = total + float(distance.sum()), finite + int(is_finite.sum())
        squares, length = squares + float(np.square(distance).sum()), length + float(np.square(x[is_finite]).sum())
    numbers = largest, total / max(finite, 1), _root_ratio(squares, length)
    at = [int(index) for index in np.unravel_index(where, left.shape)] if changed else None
    max_abs, mean_abs, relative = (value if finite and np.isfinite(value) else None for value in numbers)
    known: DistanceReply = {"equal": equal, "changed": changed, "lost": lost}
    return {**known, "max_abs": max_abs, "mean_abs": mean_abs, "relative": relative, "at": at}


def _have_same_bits(left: np.ndarray, right: np.ndarray) -> bool:
    """Whether two arrays of one shape and dtype are the same, byte for byte; a part of them at a time."""
    a, b = _as_bytes(left), _as_bytes(right)
    starts = range(0, a.size, CHUNK_VALUES)
    return all(np.array_equal(a[start : start + CHUNK_VALUES], b[start : start + CHUNK_VALUES]) for start in starts)


def _as_bytes(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array).reshape(-1).view("uint8")


def _root_ratio(squares: float, length: float) -> float:
    """The root of one sum of squares over another; infinite over nothing."""
    if not squares:
        return 0.0
    return float(np.sqrt(squares / length)) if length else float("inf")
