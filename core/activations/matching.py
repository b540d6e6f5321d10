"""Match the activations of two models, and compare them; NumPy only.

A sketch is a tensor in few numbers that no transpose changes, so that tensors can be told apart without being sent
whole.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from difflib import SequenceMatcher
from functools import partial
from itertools import permutations
from typing import Any

import numpy as np

SKETCH_POINTS = 33  # order statistics that are kept of each row
SKETCH_MIXES = 4  # weighted means over the rows
MAX_AXES = 5  # beside the batch; of more, the orders are too many to try
LAYOUT_ROWS = 4  # rows on which the layouts are tried
NEAR_SHARE = 0.01  # share of the spread within which a value is near
SAME_TENSOR_TOLERANCE = 1e-3  # share of the spread within which two sketches are of the same tensor, wherever it stands
ORDER_WEIGHT = 0.1  # of standing at the other end of the model, beside the distance of two sketches in [0, 1]

MatchIndices = list[int | None]  # for each of our tensors the index of its partner
Axes = tuple[int, ...]
Layout = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Activation:
    """One intermediate tensor.

    `key` is its address; `name` and `op` are the runtime's own words for it and for what made it (a layer's class, an
    operation); `shape` has the batch first and None where free, or is None where nothing is known; `after` are the keys
    of the listed tensors from which it is computed directly.
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
        shape = None if record["shape"] is None else tuple(record["shape"])
        return cls(**record | {"shape": shape, "after": tuple(record["after"])})


@dataclass(frozen=True)
class SketchedActivation:
    """A tensor with its measured shape without the batch, and its sketch over some rows."""

    tensor: Activation
    shape: tuple[int, ...]
    sketch: np.ndarray

    @property
    def count(self) -> int:
        return int(np.prod(self.shape, dtype=int))


def compute_sketch(values: np.ndarray) -> np.ndarray:
    """Order statistics, evenly spread from the smallest to the largest, of each row and of some weighted means over the
    rows: (rows + SKETCH_MIXES, SKETCH_POINTS), float64.

    They do not depend on how a row is laid out. Where two tensors differ nowhere by more than d (in some layout), their
    sorted rows and means differ nowhere by more than d, and so do their sketches: a larger gap rules the pair out. The
    means tell apart what has the same values in each row, as two one-hot codes have. NaN come last.
    """
    flat = values.reshape(len(values), -1).astype("float64")
    columns = np.round(np.linspace(0, flat.shape[1] - 1, SKETCH_POINTS)).astype(int)
    with np.errstate(invalid="ignore", over="ignore"):
        mixed = _mix_weights(len(flat)) @ flat
    return np.concatenate([np.sort(part, axis=1)[:, columns] for part in (flat, mixed)])


def _mix_weights(rows: int) -> np.ndarray:
    """(SKETCH_MIXES, rows): of each mix no two rows count alike, and all of them together for at most 1."""
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
    same = (left == right) | (np.isnan(left) & np.isnan(right))
    with np.errstate(over="ignore"):
        return np.abs(np.subtract(right, left, where=finite, out=np.where(same, 0.0, np.inf)))


@dataclass(frozen=True)
class ActivationDifference:
    """`max_abs` and `mean_abs` are over finite values, `relative` is `max_abs` as a share of the reference's spread.

    `near` is the share of values within `NEAR_SHARE` of the spread: of a tensor that one harmed weight has changed,
    most are. `not_finite` counts the places where only one of the two is a finite number, or both are infinite in
    another way. `axes` is the order of the other's axes in which it lies like the reference (batch included), None
    where no order of its own axes does, as after a flattening in another order.
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


def compare_activations(reference: np.ndarray, other: np.ndarray) -> ActivationDifference:
    """Compare a tensor with its partner, batch first, with as many values in a row, in the layout that fits best."""
    axes, layout = _best_layout(reference, other)
    gaps, scale = absolute_gaps(reference, layout(other)), value_range(reference)
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


def _best_layout(reference: np.ndarray, other: np.ndarray) -> tuple[Axes | None, Layout]:
    """The layout that is nearest on the first rows. A harmed tensor is nearest in its own layout too: far values
    count as far, and no more."""
    rows, other_rows, scale = reference[:LAYOUT_ROWS], other[:LAYOUT_ROWS], value_range(reference[:LAYOUT_ROWS])
    best, nearest = next(_candidate_layouts(reference, other)), np.inf
    for axes, layout in _candidate_layouts(reference, other):
        distance = float(np.minimum(absolute_gaps(rows, layout(other_rows)) / scale, 1).mean())
        if distance < nearest:
            best, nearest = (axes, layout), distance
        if distance == 0:
            break
    return best


def _candidate_layouts(reference: np.ndarray, other: np.ndarray) -> Iterator[tuple[Axes | None, Layout]]:
    """Ways to lay the other out, as it lies first: by an order of its own axes, then by one of the reference's."""
    for axes in _axis_orders(other.ndim):
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


def match_by_structure(ours: list[Activation], theirs: list[Activation]) -> MatchIndices:
    """Match by class and shape in order: no value is read, so a harmed weight disturbs nothing."""
    left, right = ([(tensor.op, tensor.shape and tensor.shape[1:]) for tensor in side] for side in (ours, theirs))
    partners: MatchIndices = [None] * len(ours)
    for block in SequenceMatcher(None, left, right, autojunk=False).get_matching_blocks():
        partners[block.a : block.a + block.size] = range(block.b, block.b + block.size)
    return partners


def match_by_value(ours: list[SketchedActivation], theirs: list[SketchedActivation]) -> MatchIndices:
    """Match by value, both sides in order of execution; None where nothing fits.

    Only tensors with as many values in a row are paired. Those whose values match come first, wherever they stand; then
    the nearest by value and by order, as long as the pair agrees with all that are paired already: what we compute it
    from has a partner that its partner is computed from. Tensors of equal values (a reshape, a transpose) are one.
    """
    left, right = _group_equal_tensors(ours), _group_equal_tensors(theirs)
    above_left, above_right = _upstream_groups(ours, left), _upstream_groups(theirs, right)
    paired: dict[int, int] = {}
    for is_exact, i, j in _candidate_matches(left, right):
        if i in paired or j in paired.values():
            continue
        if is_exact or all(_is_consistent(above_left, above_right, i, j, p, q) for p, q in paired.items()):
            paired[i] = j
    partners: MatchIndices = [None] * len(ours)
    for i, j in paired.items():
        for index in left[i].members:
            same_shape = [member for member in right[j].members if theirs[member].shape == ours[index].shape]
            partners[index] = (same_shape or right[j].members)[0]
    return partners


@dataclass(frozen=True)
class _EqualTensors:
    """Tensors of the same values: their indices, where the first stands between the model's ends (0 to 1), and the
    values' sketch with its spread and standard deviation."""

    members: list[int]
    position: float
    count: int
    sketch: np.ndarray
    scale: float
    deviation: float


def _group_equal_tensors(activations: list[SketchedActivation]) -> list[_EqualTensors]:
    groups: dict[tuple[int, bytes], _EqualTensors] = {}
    for index, activation in enumerate(activations):
        sketch, scale = activation.sketch, value_range(activation.sketch)
        deviation = float(np.std(sketch, where=np.isfinite(sketch))) or scale
        position = index / max(len(activations) - 1, 1)
        group = _EqualTensors([], position, activation.count, sketch, scale, deviation)
        groups.setdefault((activation.count, sketch.tobytes()), group).members.append(index)
    return list(groups.values())


def _upstream_groups(activations: list[SketchedActivation], groups: list[_EqualTensors]) -> list[set[int]]:
    """For each group the groups from which it is computed, however far back."""
    indices = {activation.tensor.key: index for index, activation in enumerate(activations)}
    group_of = {index: number for number, group in enumerate(groups) for index in group.members}
    above: list[set[int]] = []
    for activation in activations:
        nearest = [indices[key] for key in activation.tensor.after if key in indices]
        above.append(set(nearest).union(*(above[index] for index in nearest)))
    return [
        {group_of[index] for member in group.members for index in above[member]} - {number}
        for number, group in enumerate(groups)
    ]


def _candidate_matches(left: list[_EqualTensors], right: list[_EqualTensors]) -> Iterator[tuple[bool, int, int]]:
    """Pairs with as many values in a row, the likeliest first; True where their values match."""
    candidates = []
    for i, ours in enumerate(left):
        for j, theirs in enumerate(right):
            if ours.count == theirs.count:
                gaps = absolute_gaps(ours.sketch, theirs.sketch)
                distance = ORDER_WEIGHT * abs(ours.position - theirs.position)
                is_exact = bool(gaps.max() <= SAME_TENSOR_TOLERANCE * ours.scale)
                if not is_exact:
                    distance += float(np.minimum(gaps / ours.deviation, 1).mean())
                candidates.append((not is_exact, distance, i, j))
    yield from ((not is_inexact, i, j) for is_inexact, _, i, j in sorted(candidates))


def _is_consistent(above: list[set[int]], other_above: list[set[int]], i: int, j: int, p: int, q: int) -> bool:
    """Whether the pairs (i, j) and (p, q) can both be: what stands before another does so on both sides."""
    return (p not in above[i] or q in other_above[j]) and (i not in above[p] or j in other_above[q])
