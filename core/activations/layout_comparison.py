"""How far two tensors of one layer are apart, in whatever layout of axes fits best."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import permutations

import numpy as np

MAX_AXES = 5  # beside the batch; more have too many orders to try

LAYOUT_ROWS = 4  # rows on which the layouts are tried
NEAR_SHARE = 0.01  # share of the spread within which a value is near
Axes = tuple[int, ...]
Layout = Callable[[np.ndarray], np.ndarray]


def value_range(values: np.ndarray) -> float:
    """Return the range of the finite values; where all are equal their magnitude, and 1 where all are 0 or none is."""
    finite = values[np.isfinite(values)].astype("float64")
    if not finite.size:
        return 1.0
    low, high = float(finite.min()), float(finite.max())
    return high - low or abs(high) or 1.0


def absolute_gaps(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return absolute differences (float64); 0 where both are NaN or the same infinity, infinite where only one is."""
    left, right = left.astype("float64"), right.astype("float64")
    finite = np.isfinite(left) & np.isfinite(right)
    same = (left == right) | (np.isnan(left) & np.isnan(right))
    with np.errstate(over="ignore"):
        return np.abs(np.subtract(right, left, where=finite, out=np.where(same, 0.0, np.inf)))


@dataclass(frozen=True)
class ActivationDifference:
    """`max_abs` and `mean_abs` are over finite values, `relative` is `max_abs` as a share of the reference's spread.

    `near` is the share of values within `NEAR_SHARE` of the spread: after one weight was damaged, most are.
    `not_finite` counts the places where only one of the two is finite, or both are not and differ. `axes` is the
    transposition (batch included) that lays the partner out like the reference, None where none does, as after a
    flattening in another order.
    """

    max_abs: float
    mean_abs: float
    relative: float
    near: float
    identical: bool
    not_finite: int
    axes: Axes | None

    def exceeds(self, tolerance: float) -> bool:
        return self.not_finite > 0 or self.relative > tolerance


def compare_activations(reference: np.ndarray, partner: np.ndarray) -> ActivationDifference:
    """Compare a tensor with its partner, both batch first with as many values in a row, in the nearest layout."""
    axes, layout = _best_layout(reference, partner)
    gaps, scale = absolute_gaps(reference, layout(partner)), value_range(reference)
    finite = np.isfinite(gaps)
    max_abs = float(gaps[finite].max(initial=0.0))
    return ActivationDifference(
        max_abs=max_abs,
        mean_abs=float(gaps[finite].mean()) if finite.any() else 0.0,
        relative=max_abs / scale,
        near=float((gaps <= NEAR_SHARE * scale).mean()),
        identical=not gaps.any(),
        not_finite=int((~finite).sum()),
        axes=axes,
    )


def _best_layout(reference: np.ndarray, partner: np.ndarray) -> tuple[Axes | None, Layout]:
    """Return the layout with the smallest mean distance on the first rows.

    Each value's distance is clipped, so that a tensor with a few damaged values keeps its layout.
    """
    rows, partner_rows, scale = reference[:LAYOUT_ROWS], partner[:LAYOUT_ROWS], value_range(reference[:LAYOUT_ROWS])
    best, nearest = next(_candidate_layouts(reference, partner)), np.inf
    for axes, layout in _candidate_layouts(reference, partner):
        distance = float(np.minimum(absolute_gaps(rows, layout(partner_rows)) / scale, 1).mean())
        if distance < nearest:
            best, nearest = (axes, layout), distance
        if distance == 0:
            break
    return best


def _candidate_layouts(reference: np.ndarray, partner: np.ndarray) -> Iterator[tuple[Axes | None, Layout]]:
    """Yield layouts of the partner: each order of its own axes, as it is first, then each of the reference's."""
    for axes in _axis_orders(partner.ndim):
        yield axes, partial(_transpose_and_reshape, axes=axes, shape=reference.shape[1:])
    for axes in _axis_orders(reference.ndim):
        shape = tuple(reference.shape[axis] for axis in axes[1:])
        yield None, partial(_reshape_and_transpose, shape=shape, axes=np.argsort(axes))


def _transpose_and_reshape(values: np.ndarray, axes: Axes, shape: Axes) -> np.ndarray:
    return values.transpose(axes).reshape(len(values), *shape)


def _reshape_and_transpose(values: np.ndarray, shape: Axes, axes: np.ndarray) -> np.ndarray:
    return values.reshape(len(values), *shape).transpose(axes)


def _axis_orders(ndim: int) -> Iterator[Axes]:
    if ndim - 1 > MAX_AXES:
        yield tuple(range(ndim))
    else:
        yield from ((0, *axes) for axes in permutations(range(1, ndim)))
