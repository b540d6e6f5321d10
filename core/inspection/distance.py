"""How far two tensors of one shape are from each other, and in what way one is the other turned around."""

from itertools import permutations
from typing import Any

import numpy as np

STRETCH = 2**20
AXES = 5  # from more axes on, the ways to turn a tensor are too many to try
SKETCHED = 1024  # values by which two tensors are held against each other before all are


def distance(ours: np.ndarray, theirs: np.ndarray) -> dict[str, Any]:
    """`{"equal" bit for bit, "max_abs", "mean_abs", "relative", "changed", "lost", "at"}` of two arrays of one shape.

    `relative` is the length of the difference as a share of ours; `changed` counts values that differ, `lost` those
    that are NaN or infinite on one side only; `at` is the index of the largest difference. Numbers are float64, of
    those values that are finite on both sides; None where there are none.
    """
    left, right = ours.reshape(-1), theirs.reshape(-1)
    equal = ours.dtype == theirs.dtype and np.array_equal(_bytes(ours), _bytes(theirs))
    found: dict[str, Any] = {"equal": equal, "changed": 0, "lost": 0}
    most, where, total, squares, length, many = -1.0, 0, 0.0, 0.0, 0.0, 0
    for start in range(0, left.size, STRETCH):
        a, b = (side[start : start + STRETCH].astype("float64") for side in (left, right))
        same = (a == b) | (np.isnan(a) & np.isnan(b))
        fine = np.isfinite(a) & np.isfinite(b)
        found["changed"] += int(np.count_nonzero(~same))
        found["lost"] += int(np.count_nonzero(~same & ~fine))
        away = np.where(fine, np.abs(np.where(fine, a, 0) - np.where(fine, b, 0)), 0)
        if away.size and away.max() > most:
            most, where = float(away.max()), start + int(away.argmax())
        total, many = total + float(away.sum()), many + int(fine.sum())
        squares, length = squares + float(np.square(away).sum()), length + float(np.square(a[fine]).sum())
    found |= {"max_abs": most if many else None, "mean_abs": total / many if many else None}
    found["relative"] = _share(squares, length) if many else None
    found["at"] = [int(one) for one in np.unravel_index(where, ours.shape)] if found["changed"] else None
    return _finite(found)


def _bytes(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array).reshape(-1).view("uint8")


def _share(squares: float, length: float) -> float:
    """The root of one sum of squares beside that of another; infinite beside nothing."""
    if not squares:
        return 0.0
    return float(np.sqrt(squares / length)) if length else float("inf")


def _finite(found: dict[str, Any]) -> dict[str, Any]:
    return {
        name: None if isinstance(value, float) and not np.isfinite(value) else value for name, value in found.items()
    }


def turns(shape: tuple[int, ...], wanted: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The ways to transpose an array of one shape into another, the one that turns nothing first."""
    if sorted(shape) != sorted(wanted) or len(shape) > AXES:
        return []
    return [axes for axes in permutations(range(len(shape))) if tuple(shape[axis] for axis in axes) == wanted]


def sketch(array: np.ndarray, axes: tuple[int, ...] | None = None) -> np.ndarray:
    """At most `SKETCHED` values, evenly spaced, float64; of the array transposed by `axes` where these are given."""
    turned = array if axes is None else array.transpose(axes)
    if turned.ndim < 2:
        turned = turned.reshape(-1)
    places = np.unique(np.linspace(0, max(turned.size - 1, 0), min(SKETCHED, turned.size)).astype("int64"))
    return turned[np.unravel_index(places, turned.shape)].astype("float64").reshape(-1) if turned.size else np.empty(0)


def apart(ours: np.ndarray, theirs: np.ndarray) -> float:
    """How far two sketches are, as a share of their lengths: 0 for the same, about 1 for two that have nothing in
    common, infinite for what is not finite."""
    with np.errstate(over="ignore", invalid="ignore"):
        length = np.sqrt(np.square(ours).sum() + np.square(theirs).sum())
        away = np.sqrt(np.square(ours - theirs).sum())
    if not np.isfinite(away) or not np.isfinite(length):
        return float("inf")
    return float(away / length) if length else 0.0
