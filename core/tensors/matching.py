"""Match the tensors of two artifacts by name, bits, values, shape, or as parts along an axis; measure distances."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from itertools import permutations
from typing import Any, NamedTuple

import numpy as np

from core.arrays import NUMERIC_KINDS

MAX_TRANSPOSED_AXES = 5  # with more axes, there are too many transpositions to try
SKETCH_VALUES = 1024  # values by which two tensors are compared before all are
MAX_MATCH_DISTANCE = 0.2  # up to here two sketches are of one tensor, also where it was rounded or transposed


def find_transpositions(shape: tuple[int, ...], target_shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Return every order of axes that turns one shape into another, the identity first."""
    if sorted(shape) != sorted(target_shape) or len(shape) > MAX_TRANSPOSED_AXES:
        return []
    return [axes for axes in permutations(range(len(shape))) if tuple(shape[axis] for axis in axes) == target_shape]


def sketch_tensor(array: np.ndarray, axes: tuple[int, ...] | None = None) -> np.ndarray:
    """Sample SKETCH_VALUES values or fewer, evenly, float64, of the array transposed by `axes`."""
    turned = array if axes is None else array.transpose(axes)
    if turned.ndim < 2:
        turned = turned.reshape(-1)
    places = np.unique(np.linspace(0, max(turned.size - 1, 0), min(SKETCH_VALUES, turned.size)).astype("int64"))
    return turned[np.unravel_index(places, turned.shape)].astype("float64").reshape(-1) if turned.size else np.empty(0)


def sketch_distance(left: np.ndarray, right: np.ndarray) -> float:
    """Return the distance of two sketches as a share of their lengths.

    0 for equal ones, about 1 for two that have nothing in common, infinite for what is not finite.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        length = np.sqrt(np.square(left).sum() + np.square(right).sum())
        distance = np.sqrt(np.square(left - right).sum())
    if not np.isfinite(distance) or not np.isfinite(length):
        return float("inf")
    return float(distance / length) if length else 0.0


class TensorIdentity(NamedTuple):
    """What is known of a tensor before its values are read.

    `name` is its own, `alias` what the run calls a tensor of the same bits (else empty); `digest` is of its bytes, its
    shape left out; `group` is what it is for.
    """

    name: str
    alias: str
    shape: tuple[int, ...]
    dtype: str
    digest: str
    group: str = ""


class TensorMatch(NamedTuple):
    """Indices on both sides, what they were matched by, and how the left one lies on the right.

    `by` is "name", "bits", "shape" or "values"; `transposition` "" (as it is), "reshaped", or "transposed 1, 0".
    """

    left: int
    right: int
    by: str
    transposition: str = ""


Identities = list[TensorIdentity]
TensorLoader = Callable[[int], np.ndarray]


class _Unmatched:
    """The tensors of both sides that have no partner yet, and the matches so far."""

    def __init__(self, left: Identities, right: Identities):
        self.left, self.right = dict(enumerate(left)), dict(enumerate(right))
        self.matches: list[TensorMatch] = []

    def add(self, matches: Iterator[TensorMatch]) -> None:
        for match in matches:
            if match.left in self.left and match.right in self.right:
                del self.left[match.left], self.right[match.right]
                self.matches.append(match)

    def pair_by(self, keys: Callable[[TensorIdentity], set[Any]]) -> Iterator[tuple[int, int]]:
        """Pair each tensor of the left with the first of the right that shares a key with it."""
        left, right = ({at: keys(tensor) for at, tensor in side.items()} for side in (self.left, self.right))
        for i, own in left.items():
            partner = next((j for j in self.right if not own.isdisjoint(right[j])), None)
            if partner is not None:
                yield i, partner


# What tells a tensor without its values, in this order: its name or that in the run, then its bits.
IDENTITY_KEYS: list[tuple[str, str, Callable[[TensorIdentity], set[Any]]]] = [
    ("name", "", lambda tensor: {(tensor.shape, tensor.name)}),
    ("name", "", lambda tensor: {(tensor.shape, tensor.alias)} if tensor.alias else set()),
    ("name", "", lambda tensor: {(tensor.shape, name) for name in (tensor.name, tensor.alias) if name}),
    ("bits", "", lambda tensor: {(tensor.shape, tensor.dtype, tensor.digest)}),
    ("bits", "reshaped", lambda tensor: {(tensor.dtype, tensor.digest)}),
]


def match_tensors(
    left: Identities, right: Identities, load_left: TensorLoader, load_right: TensorLoader
) -> list[TensorMatch]:
    """Match tensors in the order of the left side.

    Values are loaded only of those that neither names nor bits tell, two tensors at a time.
    """
    unmatched = _Unmatched(left, right)
    for by, transposition, keys in IDENTITY_KEYS:
        unmatched.add(TensorMatch(i, j, by, transposition) for i, j in unmatched.pair_by(keys))
    unmatched.add(_match_by_values(unmatched, load_left, load_right))
    unmatched.add(_match_by_shape(unmatched))
    return sorted(unmatched.matches)


def _match_by_values(unmatched: _Unmatched, load_left: TensorLoader, load_right: TensorLoader) -> Iterator[TensorMatch]:
    """Yield the nearest pairs first, over every transposition; never two that are far from each other."""

    @cache
    def sketches(i: int, shape: tuple[int, ...]) -> list[tuple[str, np.ndarray]]:
        return _sketch_transpositions(load_left(i), shape)

    candidates: list[tuple[float, int, int, str]] = []
    for j, tensor in unmatched.right.items():
        comparable = [i for i, candidate in unmatched.left.items() if _is_comparable(candidate, tensor)]
        values = load_right(j) if comparable else np.empty(0, "U")
        if values.dtype.kind not in NUMERIC_KINDS:
            continue
        sketch = sketch_tensor(values)
        for i in comparable:
            distances = [(sketch_distance(left, sketch), i, j, how) for how, left in sketches(i, tensor.shape)]
            candidates += sorted(distances)[:1]
    for distance, i, j, transposition in sorted(candidates):
        if distance <= MAX_MATCH_DISTANCE:
            yield TensorMatch(i, j, "values", transposition)


def _is_comparable(a: TensorIdentity, b: TensorIdentity) -> bool:
    """Whether both have as many values, more than one, for the same purpose."""
    left, right = (int(np.prod(tensor.shape, dtype="int64")) for tensor in (a, b))
    return left == right > 1 and a.group == b.group


def _sketch_transpositions(values: np.ndarray, shape: tuple[int, ...]) -> list[tuple[str, np.ndarray]]:
    """Sketches of an array in every way that it fits a shape; none of text."""
    if values.dtype.kind not in NUMERIC_KINDS:
        return []
    orders = find_transpositions(values.shape, shape)
    if not orders:
        return [("" if values.shape == shape else "reshaped", sketch_tensor(values))]
    return [(_describe_transposition(axes), sketch_tensor(values, axes)) for axes in orders]


def _describe_transposition(axes: tuple[int, ...]) -> str:
    return "" if list(axes) == sorted(axes) else f"transposed {', '.join(map(str, axes))}"


def apply_transposition(array: np.ndarray, transposition: str, shape: tuple[int, ...]) -> np.ndarray:
    """Lay an array on the shape of its match, as `TensorMatch.transposition` says."""
    if transposition.startswith("transposed "):
        array = array.transpose([int(axis) for axis in transposition.removeprefix("transposed ").split(", ")])
    return array.reshape(shape)


def _match_by_shape(unmatched: _Unmatched) -> Iterator[TensorMatch]:
    """The rest in order, where both sides have as many of a shape and group."""
    kinds = dict.fromkeys((tensor.shape, tensor.group) for tensor in unmatched.left.values())
    for kind in kinds:
        left, right = (
            [at for at, tensor in side.items() if (tensor.shape, tensor.group) == kind]
            for side in (unmatched.left, unmatched.right)
        )
        if len(left) == len(right):
            yield from (TensorMatch(i, j, "shape") for i, j in zip(left, right, strict=True))


MAX_CANDIDATES = 200  # tensors without a partner on each side; with more, no parts are looked for

Unmatched = Mapping[int, TensorIdentity]


class TensorSplit(NamedTuple):
    """The index of the whole on one side, those of its parts on the other in their order, and the axis of the cuts."""

    whole: int
    parts: tuple[int, ...]
    axis: int


def find_splits(
    wholes: Unmatched, parts: Unmatched, load_whole: TensorLoader, load_part: TensorLoader
) -> Iterator[TensorSplit]:
    """Yield the wholes that the parts make up; each part is used once."""
    if max(len(wholes), len(parts)) > MAX_CANDIDATES:
        return
    free = dict(parts)
    for index, whole in wholes.items():
        for axis in range(len(whole.shape)):
            fitting = [at for at, part in free.items() if _may_be_slice(part, whole, axis)]
            slices = _order_parts(load_whole(index), axis, fitting, load_part) if len(fitting) > 1 else ()
            if slices:
                yield TensorSplit(index, slices, axis)
                free = {at: part for at, part in free.items() if at not in slices}
                break


def _may_be_slice(part: TensorIdentity, whole: TensorIdentity, axis: int) -> bool:
    """Whether a part may be a slice of the whole along an axis, and not all of it."""
    if len(part.shape) != len(whole.shape) or (part.dtype, part.group) != (whole.dtype, whole.group):
        return False
    rest = [(mine == other) for at, (mine, other) in enumerate(zip(part.shape, whole.shape, strict=True)) if at != axis]
    return all(rest) and 0 < part.shape[axis] < whole.shape[axis]


def _order_parts(whole: np.ndarray, axis: int, candidates: Iterable[int], load: TensorLoader) -> tuple[int, ...]:
    """The parts in the order in which they fill the whole from its beginning to its end; none where they do not."""
    if whole.dtype.kind not in NUMERIC_KINDS:
        return ()
    pieces = {at: load(at) for at in candidates}
    positions: list[int] = []
    start = 0
    while start < whole.shape[axis]:
        at = next((at for at, piece in pieces.items() if _part_stands_at(whole, axis, start, piece)), None)
        if at is None:
            return ()
        positions.append(at)
        start += pieces.pop(at).shape[axis]
    return tuple(positions)


def _part_stands_at(whole: np.ndarray, axis: int, start: int, piece: np.ndarray) -> bool:
    end = start + piece.shape[axis]
    place = (slice(None),) * axis + (slice(start, end),)
    return end <= whole.shape[axis] and np.array_equal(whole[place], piece, equal_nan=True)
