"""How a proof kit holds answers of every type against those that were recorded."""

import numpy as np
import pytest

from core.exports.kit_contents import select_proof_data
from core.exports.kit_verify import compare_output, find_largest_difference
from core.runtimes.reference import Reference

COMPLEX = np.array([[3 + 4j], [1 - 2j]], "complex64")
LARGE = np.array([[2**60], [-5]], "int64")
CASES = {
    "int64": (LARGE, LARGE + np.array([[1], [0]]), 1.0),
    "ids as floats": (np.array([[70_000], [3]], "int32"), np.array([[70_001], [3]], "float32"), 1.0),
    "imaginary part": (COMPLEX, COMPLEX.conj(), 8.0),
    "booleans": (np.array([[True], [False]]), np.array([[True], [True]]), 1.0),
    "float16": (np.array([[1], [2]], "float16"), np.array([[1], [2.5]], "float16"), 0.5),
}


@pytest.mark.parametrize("case", CASES)
def test_kit_tells_a_changed_answer_of_every_type(case: str):
    expected, changed, distance = CASES[case]
    tolerance = select_proof_data(Reference({"x": np.ones((2, 1))}, {"y": expected}, {}), None).tolerance["y"]
    assert compare_output("y", expected.copy(), expected, *tolerance)[1] is True
    line, passes = compare_output("y", changed, expected, *tolerance)
    assert (passes, f"difference is {distance:g};" in line, "1 of 2 are beyond" in line) == (
        False, True, case != "imaginary part"
    )  # fmt: skip
    assert find_largest_difference({"y": expected}, {"y": changed}) == distance


def test_kit_compares_text_that_is_no_utf8():
    answers = np.array([[b"caf\xe9"], [b"tea"]], object)
    expected = np.array([["caf\\xe9"], ["tea"]])
    assert compare_output("y", answers, expected, 0.0, 0.0) == ("y: 0 of 2 texts are others.", True)
