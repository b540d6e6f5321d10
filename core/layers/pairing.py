"""Which tensor inside one model is which inside another: by structure among Keras models, else by value and shape."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

import numpy as np

from core.layers.sketch import gaps, spread
from core.layers.tensors import Tensor

MATCH = 1e-3  # share of the spread within which two sketches are of the same tensor, wherever it stands
ORDER = 0.1  # what standing at the other end of the model counts for, beside the distance of two sketches in [0, 1]

Partners = list[int | None]


@dataclass(frozen=True)
class Seen:
    """A tensor with its measured shape without the batch, and its sketch over some rows."""

    tensor: Tensor
    shape: tuple[int, ...]
    sketch: np.ndarray

    @property
    def count(self) -> int:
        return int(np.prod(self.shape, dtype=int))


def pair_by_structure(ours: list[Tensor], theirs: list[Tensor]) -> Partners:
    """For each of our tensors the place of its partner, by class and shape in order: no value is asked for, so a harmed
    weight disturbs nothing."""
    left, right = ([(one.op, one.shape and one.shape[1:]) for one in side] for side in (ours, theirs))
    partners: Partners = [None] * len(ours)
    for block in SequenceMatcher(None, left, right, autojunk=False).get_matching_blocks():
        for step in range(block.size):
            partners[block.a + step] = block.b + step
    return partners


def pair_by_value(ours: list[Seen], theirs: list[Seen]) -> Partners:
    """For each of our tensors the place of its partner, None where nothing fits: both sides in order of execution.

    Only tensors with as many values in a row are paired. Those whose values match come first, wherever they stand; then
    the nearest by value and by order, as long as the pair agrees with all that are paired already: what we compute it
    from has a partner that its partner is computed from. Tensors of equal values (a reshape, a transpose) are one.
    """
    left, right = _groups(ours), _groups(theirs)
    before, source = _sources(ours, left), _sources(theirs, right)
    paired: dict[int, int] = {}
    for exact, i, j in _candidates(left, right):
        free = i not in paired and j not in paired.values()
        if free and (exact or all(_agree(before, source, i, j, p, q) for p, q in paired.items())):
            paired[i] = j
    return _places(ours, theirs, left, right, paired)


@dataclass(frozen=True)
class _Group:
    """Tensors of the same values: their places, where the first stands between the model's ends (0 to 1), and the
    values' sketch with its spread and standard deviation."""

    members: list[int]
    standing: float
    count: int
    sketch: np.ndarray
    scale: float
    deviation: float


def _groups(side: list[Seen]) -> list[_Group]:
    found: dict[tuple[int, bytes], _Group] = {}
    for place, seen in enumerate(side):
        scale = spread(seen.sketch)
        deviation = float(np.std(seen.sketch, where=np.isfinite(seen.sketch))) or scale
        group = _Group([], place / max(len(side) - 1, 1), seen.count, seen.sketch, scale, deviation)
        found.setdefault((seen.count, seen.sketch.tobytes()), group).members.append(place)
    return list(found.values())


def _sources(side: list[Seen], groups: list[_Group]) -> list[set[int]]:
    """For each group the groups that it is computed from, however far back."""
    places = {one.tensor.key: place for place, one in enumerate(side)}
    home = {place: number for number, group in enumerate(groups) for place in group.members}
    above: list[set[int]] = []
    for one in side:
        nearest = [places[key] for key in one.tensor.after if key in places]
        above.append(set(nearest).union(*(above[place] for place in nearest)))
    return [
        {home[place] for member in group.members for place in above[member]} - {number}
        for number, group in enumerate(groups)
    ]


def _candidates(left: list[_Group], right: list[_Group]) -> Iterator[tuple[bool, int, int]]:
    """Pairs with as many values in a row, the likeliest first; True where their values match."""
    found = []
    for i, one in enumerate(left):
        for j, other in enumerate(right):
            if one.count == other.count:
                away = gaps(one.sketch, other.sketch)
                far, apart = np.minimum(away / one.deviation, 1).mean(), ORDER * abs(one.standing - other.standing)
                exact = bool(away.max() <= MATCH * one.scale)
                found.append((not exact, apart if exact else float(far) + apart, i, j))
    yield from ((not strange, i, j) for strange, _, i, j in sorted(found))


def _agree(before: list[set[int]], source: list[set[int]], i: int, j: int, p: int, q: int) -> bool:
    """Whether the pair (i, j) and the pair (p, q) can both be: what stands before another does so on both sides."""
    return (p not in before[i] or q in source[j]) and (i not in before[p] or j in source[q])


def _places(
    ours: list[Seen], theirs: list[Seen], left: list[_Group], right: list[_Group], paired: dict[int, int]
) -> Partners:
    """For each tensor the member of its group's partner that has its shape, else the first of them."""
    chosen: Partners = [None] * len(ours)
    for i, j in paired.items():
        for place in left[i].members:
            alike = [one for one in right[j].members if theirs[one].shape == ours[place].shape]
            chosen[place] = (alike or right[j].members)[0]
    return chosen
