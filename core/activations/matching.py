"""Match and compare activations of two models.

A tensor in few numbers that no transpose changes, so that tensors can be told apart without sending them whole.

Two tensors that should be one: how the second is laid out against the first, and by how much they differ.

What is said of one tensor inside a model before a number of it is computed.

Which tensor inside one model is which inside another: by structure among Keras models, else by value and shape.

Layer by layer: which tensor inside one copy is which inside another, and by how much the two differ. NumPy only.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from difflib import SequenceMatcher
from itertools import permutations
from typing import Any

import numpy as np

SKETCH_POINTS = 33  # order statistics that are kept of each row
SKETCH_MIXES = 4  # weighted means over the rows


def compute_sketch(values: np.ndarray) -> np.ndarray:
    """Order statistics, evenly spread from the smallest to the largest, of each row and of some weighted means over the
    rows: (rows + MIXES, POINTS), float64.

    They do not depend on how a row is laid out. Where two tensors differ nowhere by more than d (in some layout), their
    sorted rows and means differ nowhere by more than d, and so do their sketches: a larger gap rules the pair out. The
    means tell apart what has the same values in each row, as two one-hot codes have. NaN come last.
    """
    flat = values.reshape(len(values), -1).astype("float64")
    at = np.round(np.linspace(0, flat.shape[1] - 1, SKETCH_POINTS)).astype(int)
    with np.errstate(invalid="ignore", over="ignore"):
        mixed = _mix_weights(len(flat)) @ flat
    return np.concatenate([np.sort(part, axis=1)[:, at] for part in (flat, mixed)])


def _mix_weights(rows: int) -> np.ndarray:
    """(MIXES, rows): of each mix no two rows count alike, and all of them together for at most 1."""
    waves = np.cos(np.outer(np.arange(1, SKETCH_MIXES + 1), np.arange(rows) + 0.5))
    return waves / np.maximum(np.abs(waves).sum(axis=1, keepdims=True), 1e-12)


def value_range(values: np.ndarray) -> float:
    """From the smallest to the largest finite value; where all are equal, their magnitude, and 1 where all are 0."""
    finite = values[np.isfinite(values)].astype("float64")
    if not finite.size:
        return 1.0
    low, high = float(finite.min()), float(finite.max())
    return high - low or abs(high) or 1.0


def absolute_gaps(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Absolute differences, as float64; 0 where both are NaN or the same infinity, infinite where only one is."""
    left, right = left.astype("float64"), right.astype("float64")
    finite = np.isfinite(left) & np.isfinite(right)
    alike = (left == right) | (np.isnan(left) & np.isnan(right))
    away = np.where(alike, 0.0, np.inf)
    with np.errstate(over="ignore"):
        return np.abs(np.subtract(right, left, where=finite, out=away))


MAX_AXES = 5  # beside the batch; of more, the orders are too many to try
LAYOUT_ROWS = 4  # rows on which the layouts are tried
NEAR_SHARE = 0.01


@dataclass(frozen=True)
class ActivationDifference:
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

    def exceeds(self, tolerance: float) -> bool:
        return self.not_finite > 0 or self.relative > tolerance


def compare_activations(reference: np.ndarray, other: np.ndarray) -> ActivationDifference:
    """Hold a tensor against its partner, batch first, with as many values in a row, in the layout that fits best."""
    axes, laid_out = _best_layout(reference, other)
    away = absolute_gaps(reference, laid_out)
    finite = np.isfinite(away)
    max_abs, scale = float(away[finite].max(initial=0.0)), value_range(reference)
    return ActivationDifference(
        max_abs=max_abs,
        mean_abs=float(away[finite].mean()) if finite.any() else 0.0,
        relative=max_abs / scale,
        near=float((away <= NEAR_SHARE * scale).mean()),
        identical=not away.any(),
        not_finite=int((~finite).sum()),
        axes=axes,
    )


def _best_layout(reference: np.ndarray, other: np.ndarray) -> tuple[tuple[int, ...] | None, np.ndarray]:
    """The layout that is nearest on the first rows. A harmed tensor is nearest in its own layout too: far values
    count as far, and no more."""
    few, scale = reference[:LAYOUT_ROWS], value_range(reference[:LAYOUT_ROWS])
    best, nearest = None, np.inf
    for axes, back in _candidate_layouts(reference, other):
        distance = float(
            np.minimum(absolute_gaps(few, _apply_layout(few, other[:LAYOUT_ROWS], axes, back)) / scale, 1).mean()
        )
        if distance < nearest:
            best, nearest = (axes, back), distance
        if distance == 0:
            break
    axes, back = best
    return axes, _apply_layout(reference, other, axes, back)


def _candidate_layouts(
    reference: np.ndarray, other: np.ndarray
) -> Iterator[tuple[tuple[int, ...] | None, tuple | None]]:
    """Ways to lay the other out, as it lies first: by an order of its own axes, then by one of the reference's."""
    for axes in _axis_orders(other.ndim):
        yield axes, None
    for axes in _axis_orders(reference.ndim):
        yield None, axes


def _axis_orders(ndim: int) -> Iterator[tuple[int, ...]]:
    if ndim - 1 > MAX_AXES:
        yield tuple(range(ndim))
        return
    yield from ((0, *axes) for axes in permutations(range(1, ndim)))


def _apply_layout(
    reference: np.ndarray, other: np.ndarray, axes: tuple[int, ...] | None, inverse_axes: tuple[int, ...] | None
) -> np.ndarray:
    if axes is not None:
        return other.transpose(axes).reshape(reference.shape)
    turned = other.reshape([reference.shape[axis] for axis in inverse_axes])
    return turned.transpose(np.argsort(inverse_axes))


@dataclass(frozen=True)
class Activation:
    """One intermediate tensor.

    `key` is how it is asked for; `name` and `op` are the runtime's own words for it and for what made it (a layer's
    class, an operation); `shape` has the batch first and None where free, or is None where nothing is known; `after`
    are the keys of the listed tensors that it is computed from directly.
    """

    key: str
    name: str
    op: str
    shape: tuple[int | None, ...] | None
    dtype: str
    after: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> "Activation":
        shape = record["shape"]
        known = None if shape is None else tuple(shape)
        return cls(**record | {"shape": known, "after": tuple(record["after"])})


SAME_TENSOR_TOLERANCE = 1e-3  # share of the spread within which two sketches are of the same tensor, wherever it stands
ORDER_WEIGHT = (
    0.1  # what standing at the other end of the model counts for, beside the distance of two sketches in [0, 1]
)

MatchIndices = list[int | None]


@dataclass(frozen=True)
class SketchedActivation:
    """A tensor with its measured shape without the batch, and its sketch over some rows."""

    tensor: Activation
    shape: tuple[int, ...]
    sketch: np.ndarray

    @property
    def count(self) -> int:
        return int(np.prod(self.shape, dtype=int))


def match_by_structure(ours: list[Activation], theirs: list[Activation]) -> MatchIndices:
    """For each of our tensors the place of its partner, by class and shape in order: no value is asked for, so a harmed
    weight disturbs nothing."""
    left, right = ([(one.op, one.shape and one.shape[1:]) for one in side] for side in (ours, theirs))
    partners: MatchIndices = [None] * len(ours)
    for block in SequenceMatcher(None, left, right, autojunk=False).get_matching_blocks():
        for step in range(block.size):
            partners[block.a + step] = block.b + step
    return partners


def match_by_value(ours: list[SketchedActivation], theirs: list[SketchedActivation]) -> MatchIndices:
    """For each of our tensors the place of its partner, None where nothing fits: both sides in order of execution.

    Only tensors with as many values in a row are paired. Those whose values match come first, wherever they stand; then
    the nearest by value and by order, as long as the pair agrees with all that are paired already: what we compute it
    from has a partner that its partner is computed from. Tensors of equal values (a reshape, a transpose) are one.
    """
    left, right = _group_equal_tensors(ours), _group_equal_tensors(theirs)
    before, source = _upstream_groups(ours, left), _upstream_groups(theirs, right)
    paired: dict[int, int] = {}
    for exact, i, j in _candidate_matches(left, right):
        free = i not in paired and j not in paired.values()
        if free and (exact or all(_is_consistent(before, source, i, j, p, q) for p, q in paired.items())):
            paired[i] = j
    return _expand_matches(ours, theirs, left, right, paired)


@dataclass(frozen=True)
class _EqualTensors:
    """Tensors of the same values: their places, where the first stands between the model's ends (0 to 1), and the
    values' sketch with its spread and standard deviation."""

    members: list[int]
    position: float
    count: int
    sketch: np.ndarray
    scale: float
    deviation: float


def _group_equal_tensors(activations: list[SketchedActivation]) -> list[_EqualTensors]:
    found: dict[tuple[int, bytes], _EqualTensors] = {}
    for place, seen in enumerate(activations):
        scale = value_range(seen.sketch)
        deviation = float(np.std(seen.sketch, where=np.isfinite(seen.sketch))) or scale
        group = _EqualTensors([], place / max(len(activations) - 1, 1), seen.count, seen.sketch, scale, deviation)
        found.setdefault((seen.count, seen.sketch.tobytes()), group).members.append(place)
    return list(found.values())


def _upstream_groups(activations: list[SketchedActivation], groups: list[_EqualTensors]) -> list[set[int]]:
    """For each group the groups that it is computed from, however far back."""
    places = {one.tensor.key: place for place, one in enumerate(activations)}
    home = {place: number for number, group in enumerate(groups) for place in group.members}
    above: list[set[int]] = []
    for one in activations:
        nearest = [places[key] for key in one.tensor.after if key in places]
        above.append(set(nearest).union(*(above[place] for place in nearest)))
    return [
        {home[place] for member in group.members for place in above[member]} - {number}
        for number, group in enumerate(groups)
    ]


def _candidate_matches(left: list[_EqualTensors], right: list[_EqualTensors]) -> Iterator[tuple[bool, int, int]]:
    """Pairs with as many values in a row, the likeliest first; True where their values match."""
    found = []
    for i, one in enumerate(left):
        for j, other in enumerate(right):
            if one.count == other.count:
                away = absolute_gaps(one.sketch, other.sketch)
                far, apart = (
                    np.minimum(away / one.deviation, 1).mean(),
                    ORDER_WEIGHT * abs(one.position - other.position),
                )
                exact = bool(away.max() <= SAME_TENSOR_TOLERANCE * one.scale)
                found.append((not exact, apart if exact else float(far) + apart, i, j))
    yield from ((not strange, i, j) for strange, _, i, j in sorted(found))


def _is_consistent(before: list[set[int]], source: list[set[int]], i: int, j: int, p: int, q: int) -> bool:
    """Whether the pair (i, j) and the pair (p, q) can both be: what stands before another does so on both sides."""
    return (p not in before[i] or q in source[j]) and (i not in before[p] or j in source[q])


def _expand_matches(
    ours: list[SketchedActivation],
    theirs: list[SketchedActivation],
    left: list[_EqualTensors],
    right: list[_EqualTensors],
    paired: dict[int, int],
) -> MatchIndices:
    """For each tensor the member of its group's partner that has its shape, else the first of them."""
    chosen: MatchIndices = [None] * len(ours)
    for i, j in paired.items():
        for place in left[i].members:
            alike = [one for one in right[j].members if theirs[one].shape == ours[place].shape]
            chosen[place] = (alike or right[j].members)[0]
    return chosen


__all__ = [
    "Activation",
    "ActivationDifference",
    "SketchedActivation",
    "compare_activations",
    "compute_sketch",
    "match_by_structure",
    "match_by_value",
]
