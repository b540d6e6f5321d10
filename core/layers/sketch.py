"""A tensor in few numbers that no transpose changes, so that tensors can be told apart without sending them whole."""

import numpy as np

POINTS = 33  # order statistics that are kept of each row
MIXES = 4  # weighted means over the rows


def sketch(values: np.ndarray) -> np.ndarray:
    """Order statistics, evenly spread from the smallest to the largest, of each row and of some weighted means over the
    rows: (rows + MIXES, POINTS), float64.

    They do not depend on how a row is laid out. Where two tensors differ nowhere by more than d (in some layout), their
    sorted rows and means differ nowhere by more than d, and so do their sketches: a larger gap rules the pair out. The
    means tell apart what has the same values in each row, as two one-hot codes have. NaN come last.
    """
    flat = values.reshape(len(values), -1).astype("float64")
    at = np.round(np.linspace(0, flat.shape[1] - 1, POINTS)).astype(int)
    with np.errstate(invalid="ignore", over="ignore"):
        mixed = _weights(len(flat)) @ flat
    return np.concatenate([np.sort(part, axis=1)[:, at] for part in (flat, mixed)])


def _weights(rows: int) -> np.ndarray:
    """(MIXES, rows): of each mix no two rows count alike, and all of them together for at most 1."""
    waves = np.cos(np.outer(np.arange(1, MIXES + 1), np.arange(rows) + 0.5))
    return waves / np.maximum(np.abs(waves).sum(axis=1, keepdims=True), 1e-12)


def spread(values: np.ndarray) -> float:
    """From the smallest to the largest finite value; where all are equal, their magnitude, and 1 where all are 0."""
    finite = values[np.isfinite(values)].astype("float64")
    if not finite.size:
        return 1.0
    low, high = float(finite.min()), float(finite.max())
    return high - low or abs(high) or 1.0


def gaps(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Absolute differences, as float64; 0 where both are NaN or the same infinity, infinite where only one is."""
    left, right = left.astype("float64"), right.astype("float64")
    finite = np.isfinite(left) & np.isfinite(right)
    alike = (left == right) | (np.isnan(left) & np.isnan(right))
    away = np.where(alike, 0.0, np.inf)
    with np.errstate(over="ignore"):
        return np.abs(np.subtract(right, left, where=finite, out=away))
