"""Two tensors that should be one: how the second is laid out against the first, and by how much they differ."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from core.layers.sketch import gaps, spread

MOST_AXES = 5  # beside the batch; of more, the orders are too many to try
TRIED_ROWS = 4  # rows on which the layouts are tried
NEAR = 0.01


@dataclass(frozen=True)
class Difference:
    """`max_abs` and `mean_abs` are over finite values, `relative` is `max_abs` as a share of the reference's spread.

    `near` is the share of values within `NEAR` of the spread: of a tensor that one harmed weight has changed, most are.
    `not_finite` counts the places where only one of the two is a finite number, or both are infinite in another way.
    `axes` is the order of the other's axes in which it lies like the reference (batch included), None where no order of
    its own axes does, as after a flattening in another order.
    """

    max_abs: float
    mean_abs: float
    relative: float
    near: float
    identical: bool
    not_finite: int
    axes: tuple[int, ...] | None

    def above(self, tolerance: float) -> bool:
        return self.not_finite > 0 or self.relative > tolerance


def difference(reference: np.ndarray, other: np.ndarray) -> Difference:
    """Hold a tensor against its partner, batch first, with as many values in a row, in the layout that fits best."""
    axes, laid_out = _best_layout(reference, other)
    away = gaps(reference, laid_out)
    finite = np.isfinite(away)
    max_abs, scale = float(away[finite].max(initial=0.0)), spread(reference)
    return Difference(
        max_abs=max_abs,
        mean_abs=float(away[finite].mean()) if finite.any() else 0.0,
        relative=max_abs / scale,
        near=float((away <= NEAR * scale).mean()),
        identical=not away.any(),
        not_finite=int((~finite).sum()),
        axes=axes,
    )


def _best_layout(reference: np.ndarray, other: np.ndarray) -> tuple[tuple[int, ...] | None, np.ndarray]:
    """The layout that is nearest on the first rows. A harmed tensor is nearest in its own layout too: far values
    count as far, and no more."""
    few, scale = reference[:TRIED_ROWS], spread(reference[:TRIED_ROWS])
    best, nearest = None, np.inf
    for axes, back in _layouts(reference, other):
        distance = float(np.minimum(gaps(few, _laid_out(few, other[:TRIED_ROWS], axes, back)) / scale, 1).mean())
        if distance < nearest:
            best, nearest = (axes, back), distance
        if distance == 0:
            break
    axes, back = best
    return axes, _laid_out(reference, other, axes, back)


def _layouts(reference: np.ndarray, other: np.ndarray) -> Iterator[tuple[tuple[int, ...] | None, tuple | None]]:
    """Ways to lay the other out, as it lies first: by an order of its own axes, then by one of the reference's."""
    for axes in _orders(other.ndim):
        yield axes, None
    for axes in _orders(reference.ndim):
        yield None, axes


def _orders(ndim: int) -> Iterator[tuple[int, ...]]:
    if ndim - 1 > MOST_AXES:
        yield tuple(range(ndim))
        return
    yield from ((0, *axes) for axes in permutations(range(1, ndim)))


def _laid_out(
    reference: np.ndarray, other: np.ndarray, axes: tuple[int, ...] | None, back: tuple[int, ...] | None
) -> np.ndarray:
    if axes is not None:
        return other.transpose(axes).reshape(reference.shape)
    turned = other.reshape([reference.shape[axis] for axis in back])
    return turned.transpose(np.argsort(back))
