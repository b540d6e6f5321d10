"""Whole numbers are compared as ids, pictures of bytes as levels; neither is a class score."""

import numpy as np
import pytest

from core.compare import Verdict, compare
from core.compare.value_changes import choose_allowed_distance

ONE_HOT = np.array([[1, 0, 0], [0, 1, 0]])
PICTURES = np.random.default_rng(3).integers(0, 200, (4, 5, 6, 3)).astype("uint8")


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "int32", "int64"])
@pytest.mark.parametrize("classes", [None, True, False])
def test_rows_of_whole_numbers_that_sum_to_one_are_ids(dtype, classes):
    """The largest value of the first row stays where it is."""
    changed = np.array([[1, 0, 1], [0, 1, 0]], dtype)
    comparison = compare({"y": ONE_HOT.astype(dtype)}, {"y": changed}, classes)
    assert (comparison.verdict, comparison.changed.tolist()) == (Verdict.SOME_CHANGED, [True, False])
    assert comparison.outputs[0].classes is None
    as_floats = compare({"y": ONE_HOT.astype("float32")}, {"y": changed.astype("float32")}, classes)
    assert as_floats.changed.tolist() == [classes is False, False]


def test_ids_in_a_row_are_no_scores_where_classes_are_asked():
    ids = np.array([[70, 3, 5], [1, 2, 3]], "int64")
    comparison = compare({"y": ids}, {"y": ids + np.array([[1, 0, 0], [0, 0, 0]])}, True)
    assert comparison.changed.tolist() == [True, False]


@pytest.mark.parametrize("dtype", ["uint8", "int8"])
@pytest.mark.parametrize(("levels", "changed"), [(1, False), (2, True)])
def test_picture_is_changed_from_two_levels_on(dtype, levels, changed):
    before = (PICTURES % 100).astype(dtype)
    after = before.copy()
    after[2, 1, 1, 0] += levels
    comparison = compare({"y": before}, {"y": after})
    assert comparison.changed.tolist() == [False, False, changed, False]
    assert comparison.verdict is (Verdict.SOME_CHANGED if changed else Verdict.SAME_ANSWERS)


def test_picture_of_wide_spread_may_move_by_a_share_of_it():
    assert choose_allowed_distance(PICTURES, 250.0) == 2.5
    assert choose_allowed_distance(PICTURES, 20.0) == 1.0
    assert choose_allowed_distance(PICTURES.astype("int32"), 250.0) == 1e-5
    assert choose_allowed_distance(PICTURES[:, 0, 0], 250.0) == 1e-5


@pytest.mark.parametrize("size", [1000.0, 1030.0, -1030.0, 65504.0])
@pytest.mark.parametrize(("places", "verdict"), [(4, Verdict.ROUNDING), (5, Verdict.SOME_CHANGED)])
def test_float16_may_differ_by_four_of_its_own_places(size, places, verdict):
    """From 1,024 on the next number is twice as far away."""
    values = np.array([[size], [size], [size]], "float16")
    place = {1000.0: 0.5, 65504.0: 32.0}.get(size, 1.0)
    moved = values - np.sign(values) * np.array([[places * place], [0], [0]], "float16")
    comparison = compare({"y": values}, {"y": moved})
    assert (comparison.verdict, comparison.max_abs) == (verdict, places * place)
