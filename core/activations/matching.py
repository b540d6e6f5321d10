"""Match the activations of two models, and compare them in whatever layout of axes fits best; NumPy only.

A sketch is a few statistics of a tensor that no transpose changes: tensors can be matched without being sent whole.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from difflib import SequenceMatcher
from functools import partial
from itertools import permutations
from typing import Any, TypedDict, cast

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


def compare_activations(reference: np.ndarray, partner: np.ndarray) -> tuple[ActivationDifference, np.ndarray]:
    """Compare a tensor with its partner, both batch first with as many values in a row, in the nearest layout.

    Returns the difference, and the partner laid out like the reference.
    """
    axes, layout = _best_layout(reference, partner)
    laid_out = layout(partner)
    gaps, scale = absolute_gaps(reference, laid_out), value_range(reference)
    finite = np.isfinite(gaps)
    max_abs = float(gaps[finite].max(initial=0.0))
    difference = ActivationDifference(
        max_abs=max_abs,
        mean_abs=float(gaps[finite].mean()) if finite.any() else 0.0,
        relative=max_abs / scale,
        near=float((gaps <= NEAR_SHARE * scale).mean()),
        identical=not gaps.any(),
        not_finite=int((~finite).sum()),
        axes=axes,
    )
    return difference, laid_out


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


SKETCH_POINTS = 33  # order statistics of each row
SKETCH_MIXES = 4  # weighted means over the rows
SAME_TENSOR_TOLERANCE = 1e-3  # share of the spread within which two sketches are of the same tensor, at any position
ORDER_WEIGHT = 0.1  # of the distance of two positions in [0, 1], beside the distance of two sketches in [0, 1]

MatchIndices = list[int | None]  # for each tensor of the left model the index of its partner


class ActivationJson(TypedDict):
    """The fields of an `Activation`."""

    key: str
    name: str
    op: str
    shape: Sequence[int | None] | None
    dtype: str
    after: Sequence[str]


@dataclass(frozen=True)
class Activation:
    """One intermediate tensor.

    `key` is its address; `name` and `op` are the runtime's names of it and of its producer (a layer's class, an
    operation); `shape` has the batch first and None where free, or is None where unknown; `after` are the keys of the
    listed tensors from which it is computed directly.
    """

    key: str
    name: str
    op: str
    shape: tuple[int | None, ...] | None
    dtype: str
    after: tuple[str, ...] = ()

    def to_json(self) -> ActivationJson:
        return cast(ActivationJson, asdict(self))

    @classmethod
    def from_json(cls, record: ActivationJson) -> "Activation":
        shape = None if record["shape"] is None else tuple(record["shape"])
        fields: dict[str, Any] = {**record, "shape": shape, "after": tuple(record["after"])}
        return cls(**fields)


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
    """Return order statistics of each row and of weighted means over the rows: (rows + SKETCH_MIXES, SKETCH_POINTS),
    float64, evenly spread from the smallest to the largest value.

    They do not depend on the layout of a row. Where two tensors differ nowhere by more than d (in some layout), their
    sorted rows and means differ nowhere by more than d, and so do their sketches: a larger gap rules the pair out. The
    means tell apart what has the same values in each row, as two one-hot codes have. NaN come last.
    """
    flat = values.reshape(len(values), -1).astype("float64")
    columns = np.round(np.linspace(0, flat.shape[1] - 1, SKETCH_POINTS)).astype(int)
    with np.errstate(invalid="ignore", over="ignore"):
        mixed = _mix_weights(len(flat)) @ flat
    return np.concatenate([np.sort(part, axis=1)[:, columns] for part in (flat, mixed)])


def _mix_weights(rows: int) -> np.ndarray:
    """Return weights (SKETCH_MIXES, rows): no two rows of a mix are equal, and their magnitudes sum to at most 1."""
    waves = np.cos(np.outer(np.arange(1, SKETCH_MIXES + 1), np.arange(rows) + 0.5))
    return waves / np.maximum(np.abs(waves).sum(axis=1, keepdims=True), 1e-12)


def match_by_structure(left: list[Activation], right: list[Activation]) -> MatchIndices:
    """Match by class and shape in order: no value is read, so a damaged weight changes no match."""
    kinds = [[(tensor.op, tensor.shape and tensor.shape[1:]) for tensor in side] for side in (left, right)]
    partners: MatchIndices = [None] * len(left)
    for block in SequenceMatcher(None, kinds[0], kinds[1], autojunk=False).get_matching_blocks():
        partners[block.a : block.a + block.size] = range(block.b, block.b + block.size)
    return partners


def match_by_value(left: list[SketchedActivation], right: list[SketchedActivation]) -> MatchIndices:
    """Match by value, both sides in order of execution; None where nothing fits.

    Only tensors with as many values in a row are paired. Those whose values match come first, at any position; then the
    nearest by value and by order, as long as the pair is consistent with all earlier ones: where a tensor is upstream
    of another, so are their partners. Tensors of equal values (a reshape, a transpose) are matched as one.
    """
    left_groups, right_groups = _group_equal_tensors(left), _group_equal_tensors(right)
    above_left, above_right = _upstream_groups(left, left_groups), _upstream_groups(right, right_groups)
    paired: dict[int, int] = {}
    for is_exact, i, j in _candidate_matches(left_groups, right_groups):
        if i in paired or j in paired.values():
            continue
        if is_exact or all(_is_consistent(above_left, above_right, i, j, p, q) for p, q in paired.items()):
            paired[i] = j
    partners: MatchIndices = [None] * len(left)
    for i, j in paired.items():
        for index in left_groups[i].members:
            members = right_groups[j].members
            partners[index] = next((at for at in members if right[at].shape == left[index].shape), members[0])
    return partners


@dataclass(frozen=True)
class _EqualTensors:
    """Tensors of the same values: their indices, the first one's position between the model's ends (0 to 1), the count
    of values in a row, and their sketch with its spread and standard deviation."""

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
    """Return for each group all groups upstream: those from which it is computed, directly or not."""
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
    """Yield pairs of groups with as many values in a row, the likeliest first; True where their values match."""
    candidates = []
    for i, group in enumerate(left):
        for j, partner in enumerate(right):
            if group.count == partner.count:
                gaps = absolute_gaps(group.sketch, partner.sketch)
                distance = ORDER_WEIGHT * abs(group.position - partner.position)
                is_exact = bool(gaps.max() <= SAME_TENSOR_TOLERANCE * group.scale)
                if not is_exact:
                    distance += float(np.minimum(gaps / group.deviation, 1).mean())
                candidates.append((not is_exact, distance, i, j))
    yield from ((not is_inexact, i, j) for is_inexact, _, i, j in sorted(candidates))


def _is_consistent(left: list[set[int]], right: list[set[int]], i: int, j: int, p: int, q: int) -> bool:
    """Whether the pairs (i, j) and (p, q) can both be: a group upstream of another is so on both sides."""
    return (p not in left[i] or q in right[j]) and (i not in left[p] or j in right[q])
