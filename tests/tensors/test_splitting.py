"""Tensors that stand in parts on the other side."""

import numpy as np
import pytest

from core.tensors.matching import TensorIdentity, TensorSplit, find_splits

WHOLE = np.arange(24, dtype="float32").reshape(4, 6)


def identities(arrays: list[np.ndarray]) -> dict[int, TensorIdentity]:
    return {at: TensorIdentity(f"t{at}", "", array.shape, str(array.dtype), "", "") for at, array in enumerate(arrays)}


def splits(wholes: list[np.ndarray], parts: list[np.ndarray]) -> list[TensorSplit]:
    return list(find_splits(identities(wholes), identities(parts), wholes.__getitem__, parts.__getitem__))


@pytest.mark.parametrize(("axis", "cuts"), [(0, [1, 3]), (1, [2]), (1, [1, 2, 3])])
def test_parts_along_one_axis_are_found_in_their_order(axis, cuts):
    parts = np.split(WHOLE, cuts, axis)[::-1]
    assert splits([WHOLE], parts) == [TensorSplit(0, tuple(range(len(parts)))[::-1], axis)]


def test_parts_with_one_other_value_are_no_split():
    parts = np.split(WHOLE.copy(), [3], 1)
    parts[1][0, 0] += 1
    assert splits([WHOLE], parts) == []


def test_parts_that_do_not_fill_the_whole_are_no_split():
    assert splits([WHOLE], np.split(WHOLE, [2, 4], 1)[:2]) == []


def test_each_part_is_used_once():
    assert splits([WHOLE, WHOLE], np.split(WHOLE, [3], 1)) == [TensorSplit(0, (0, 1), 1)]
