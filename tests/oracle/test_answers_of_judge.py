"""How the second judge holds answers together: nothing is made equal by a cast."""

import numpy as np
import pytest

from tests.oracle.judge import compare_answers

PICTURE = np.full((2, 4, 4), 9, "uint8")
PAIRS = {
    "the same text": (np.array(["a", "é"]), np.array(["a", "é"], object), "identical"),
    "text as bytes": (np.array(["a", "é"], object), np.array([b"a", "é".encode()], object), "identical"),
    "longer text": (np.array(["a", "b"]), np.array(["a", "bc"]), "changed"),
    "text for numbers": (np.array([1, 2]), np.array(["1", "2"]), "changed"),
    "floats for whole numbers": (np.array([1, 2]), np.array([1.0, 2.9]), "changed"),
    "the same as floats": (np.array([1, 2]), np.array([1.0, 2.0]), "identical"),
    "numbers for booleans": (np.array([True, False]), np.array([5, 0]), "changed"),
    "other whole types": (np.array([2**60], "int64"), np.array([2**60 + 1], "uint64"), "changed"),
    "wrapped bytes": (np.array([1], "uint8"), np.array([257]), "changed"),
    "a level of a picture": (PICTURE, PICTURE + np.uint8(1), "changed"),
    "floats": (np.array([1.0], "float32"), np.array([1.00001], "float32"), "rounding"),
    "NaN": (np.array([np.nan], "float32"), np.array([np.nan], "float32"), "identical"),
}


@pytest.mark.parametrize("case", PAIRS)
def test_second_judge_tells_equal_answers_from_others(case: str):
    left, right, expected = PAIRS[case]
    found, distance = compare_answers({"y": left}, {"y": right})
    assert (found, distance > 0) == (expected, expected != "identical")


def test_second_judge_measures_a_picture_in_levels():
    assert compare_answers({"y": PICTURE}, {"y": PICTURE + np.uint8(7)}) == ("changed", 7.0)
    assert compare_answers({"y": PICTURE.astype("int32")}, {"y": PICTURE + np.uint8(7)}) == ("changed", 1.0)
