"""Match stored tensors of two artifacts; distance, transposes.

How far two tensors of one shape are from each other, and in what way one is the other turned around.

Which tensor of one artifact is which of another: by name, else by their bits, else by shape and nearness.
"""

from collections.abc import Callable, Iterator
from functools import cache
from itertools import permutations
from typing import Any, NamedTuple

import numpy as np

CHUNK_VALUES = 2**20
MAX_TRANSPOSED_AXES = 5  # from more axes on, the ways to turn a tensor are too many to try
SKETCH_VALUES = 1024  # values by which two tensors are held against each other before all are


def tensor_distance(ours: np.ndarray, theirs: np.ndarray) -> dict[str, Any]:
    """`{"equal" bit for bit, "max_abs", "mean_abs", "relative", "changed", "lost", "at"}` of two arrays of one shape.

    `relative` is the length of the difference as a share of ours; `changed` counts values that differ, `lost` those
    that are NaN or infinite on one side only; `at` is the index of the largest difference. Numbers are float64, of
    those values that are finite on both sides; None where there are none.
    """
    left, right = ours.reshape(-1), theirs.reshape(-1)
    equal = ours.dtype == theirs.dtype and np.array_equal(_as_bytes(ours), _as_bytes(theirs))
    found: dict[str, Any] = {"equal": equal, "changed": 0, "lost": 0}
    most, where, total, squares, length, many = -1.0, 0, 0.0, 0.0, 0.0, 0
    for start in range(0, left.size, CHUNK_VALUES):
        a, b = (side[start : start + CHUNK_VALUES].astype("float64") for side in (left, right))
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
    found["relative"] = _root_ratio(squares, length) if many else None
    found["at"] = [int(one) for one in np.unravel_index(where, ours.shape)] if found["changed"] else None
    return _replace_nonfinite(found)


def _as_bytes(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array).reshape(-1).view("uint8")


def _root_ratio(squares: float, length: float) -> float:
    """The root of one sum of squares beside that of another; infinite beside nothing."""
    if not squares:
        return 0.0
    return float(np.sqrt(squares / length)) if length else float("inf")


def _replace_nonfinite(numbers: dict[str, Any]) -> dict[str, Any]:
    return {
        name: None if isinstance(value, float) and not np.isfinite(value) else value for name, value in numbers.items()
    }


def find_transpositions(shape: tuple[int, ...], target_shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The ways to transpose an array of one shape into another, the one that turns nothing first."""
    if sorted(shape) != sorted(target_shape) or len(shape) > MAX_TRANSPOSED_AXES:
        return []
    return [axes for axes in permutations(range(len(shape))) if tuple(shape[axis] for axis in axes) == target_shape]


def sketch_tensor(array: np.ndarray, axes: tuple[int, ...] | None = None) -> np.ndarray:
    """At most `SKETCHED` values, evenly spaced, float64; of the array transposed by `axes` where these are given."""
    turned = array if axes is None else array.transpose(axes)
    if turned.ndim < 2:
        turned = turned.reshape(-1)
    places = np.unique(np.linspace(0, max(turned.size - 1, 0), min(SKETCH_VALUES, turned.size)).astype("int64"))
    return turned[np.unravel_index(places, turned.shape)].astype("float64").reshape(-1) if turned.size else np.empty(0)


def sketch_distance(ours: np.ndarray, theirs: np.ndarray) -> float:
    """How far two sketches are, as a share of their lengths: 0 for the same, about 1 for two that have nothing in
    common, infinite for what is not finite."""
    with np.errstate(over="ignore", invalid="ignore"):
        length = np.sqrt(np.square(ours).sum() + np.square(theirs).sum())
        away = np.sqrt(np.square(ours - theirs).sum())
    if not np.isfinite(away) or not np.isfinite(length):
        return float("inf")
    return float(away / length) if length else 0.0


MAX_MATCH_DISTANCE = 0.2  # up to here two sketches are of the same tensor, also where it was rounded or turned


class TensorIdentity(NamedTuple):
    """What is known of a tensor before it is read again: `name` is its own, `alias` what the run calls a tensor of the
    same bits (else empty); `digest` is of its bytes, its shape left out; `group` is what it is for."""

    name: str
    alias: str
    shape: tuple[int, ...]
    dtype: str
    digest: str
    group: str = ""


class TensorMatch(NamedTuple):
    """Places on both sides, why they belong together ("name", "bits", "shape", "values"), and how theirs was turned:
    "" for not at all, "reshaped", or "transposed 1, 0"."""

    ours: int
    theirs: int
    by: str
    transposition: str = ""


TensorLoader = Callable[[int], np.ndarray]


def match_tensors(
    ours: list[TensorIdentity], theirs: list[TensorIdentity], load_ours: TensorLoader, load_theirs: TensorLoader
) -> list[TensorMatch]:
    """Pairs in our order. Only what neither names nor bits tell is read, two tensors at a time."""
    free = _Unmatched(set(range(len(ours))), set(range(len(theirs))), [])
    for how in (_match_by_name, _match_by_bits):
        free.claim(how(ours, theirs, free))
    free.claim(_match_by_values(ours, theirs, load_ours, load_theirs, free))
    free.claim(_match_by_shape(ours, theirs, free))
    return sorted(free.matches)


class _Unmatched(NamedTuple):
    left: set[int]
    right: set[int]
    matches: list[TensorMatch]

    def claim(self, pairs: Iterator[TensorMatch]) -> None:
        for one in pairs:
            if one.ours in self.left and one.theirs in self.right:
                self.left.remove(one.ours)
                self.right.remove(one.theirs)
                self.matches.append(one)


def _match_by_name(
    ours: list[TensorIdentity], theirs: list[TensorIdentity], unmatched: _Unmatched
) -> Iterator[TensorMatch]:
    """The same name and shape, as the file or as the run calls it."""
    for names in (lambda one: {one.name}, lambda one: {one.alias} - {""}, lambda one: {one.name, one.alias} - {""}):
        for i in sorted(unmatched.left):
            for j in sorted(unmatched.right):
                if ours[i].shape == theirs[j].shape and names(ours[i]) & names(theirs[j]):
                    yield TensorMatch(i, j, "name")
                    break


def _match_by_bits(
    ours: list[TensorIdentity], theirs: list[TensorIdentity], unmatched: _Unmatched
) -> Iterator[TensorMatch]:
    """The same bytes, those of the same shape first."""
    for reshaped in (False, True):
        for i in sorted(unmatched.left):
            for j in sorted(unmatched.right):
                alike = ours[i].digest == theirs[j].digest and ours[i].dtype == theirs[j].dtype
                if alike and (reshaped or ours[i].shape == theirs[j].shape):
                    yield TensorMatch(i, j, "bits", "reshaped" if reshaped else "")
                    break


class _MatchCandidate(NamedTuple):
    distance: float
    ours: int
    theirs: int
    transposition: str


def _match_by_values(
    ours: list[TensorIdentity],
    theirs: list[TensorIdentity],
    load_ours: TensorLoader,
    load_theirs: TensorLoader,
    unmatched: _Unmatched,
) -> Iterator[TensorMatch]:
    """The nearest first, in every way that ours can be turned into the other shape; never two that are far apart."""

    @cache
    def ways(i: int, wanted: tuple[int, ...]) -> list[tuple[str, np.ndarray]]:
        return _sketch_transpositions(load_ours(i), wanted)

    found: list[_MatchCandidate] = []
    for j in sorted(unmatched.right):
        alike = [i for i in sorted(unmatched.left) if _is_comparable(ours[i], theirs[j])]
        wanted = _sketch_numeric(load_theirs(j)) if alike else None
        for i in alike if wanted is not None else ():
            away = [_MatchCandidate(sketch_distance(one, wanted), i, j, how) for how, one in ways(i, theirs[j].shape)]
            found += sorted(away)[:1]
    for one in sorted(found):
        if one.distance <= MAX_MATCH_DISTANCE:
            yield TensorMatch(one.ours, one.theirs, "values", one.transposition)


def _is_comparable(ours: TensorIdentity, theirs: TensorIdentity) -> bool:
    """As many values, more than one, and for the same."""
    size = _value_count(ours)
    return size > 1 and size == _value_count(theirs) and ours.group == theirs.group


def _value_count(tensor: TensorIdentity) -> int:
    return int(np.prod(tensor.shape, dtype="int64"))


def _sketch_numeric(values: np.ndarray) -> np.ndarray | None:
    """None where there are no numbers."""
    return sketch_tensor(values) if values.dtype.kind in "biuf" else None


def _sketch_transpositions(values: np.ndarray, target_shape: tuple[int, ...]) -> list[tuple[str, np.ndarray]]:
    """Sketches of an array in every way that it can be turned into a shape; none of what are no numbers."""
    if values.dtype.kind not in "biuf":
        return []
    found = [
        (describe_transposition(axes), sketch_tensor(values, axes))
        for axes in find_transpositions(values.shape, target_shape)
    ]
    return found or [("" if values.shape == target_shape else "reshaped", sketch_tensor(values))]


def describe_transposition(axes: tuple[int, ...]) -> str:
    """The words for a transposition; none where it turns nothing."""
    return "" if list(axes) == sorted(axes) else f"transposed {', '.join(map(str, axes))}"


def apply_transposition(array: np.ndarray, transposition: str, shape: tuple[int, ...]) -> np.ndarray:
    """An array turned as a pair says, into the other's shape."""
    if transposition.startswith("transposed "):
        array = array.transpose([int(axis) for axis in transposition.removeprefix("transposed ").split(", ")])
    return array.reshape(shape)


def _match_by_shape(
    ours: list[TensorIdentity], theirs: list[TensorIdentity], unmatched: _Unmatched
) -> Iterator[TensorMatch]:
    """What is left, where both sides have as many of a shape: in order."""
    kinds = dict.fromkeys((ours[i].shape, ours[i].group) for i in sorted(unmatched.left))
    for kind in kinds:
        left = [i for i in sorted(unmatched.left) if (ours[i].shape, ours[i].group) == kind]
        right = [j for j in sorted(unmatched.right) if (theirs[j].shape, theirs[j].group) == kind]
        if len(left) == len(right):
            yield from (TensorMatch(i, j, "shape") for i, j in zip(left, right, strict=True))
