"""Find tensors of one side that stand in several parts on the other: cut along one axis, bit for bit."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from core.arrays import NUMERIC_KINDS
from core.tensors.matching import TensorIdentity, TensorLoader

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
