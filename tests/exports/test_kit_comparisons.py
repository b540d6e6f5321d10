"""How a proof kit holds answers of every type against those that were recorded."""

import numpy as np
import pytest

from core.compare import Verdict
from core.evidence.records import ReloadOutcome
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
    beyond = 2 if case == "imaginary part" else 1
    assert (passes, f"difference is {distance:g};" in line, f"{beyond} of 2 are beyond" in line) == (False, True, True)
    assert find_largest_difference({"y": expected}, {"y": changed}) == distance


def test_kit_compares_text_that_is_no_utf8():
    answers = np.array([[b"caf\xe9"], [b"tea"]], object)
    expected = np.array([["caf\\xe9"], ["tea"]])
    assert compare_output("y", answers, expected, 0.0, 0.0) == ("y: 0 of 2 texts are others.", True)


def test_complex_number_off_in_both_parts_is_counted_once():
    line, passes = compare_output("y", COMPLEX + np.array([[1 + 1j], [0]]), COMPLEX, 1e-5, 1e-4)
    assert (passes, "1 of 2 are beyond" in line) == (False, True)


@pytest.mark.parametrize("dtype", ["int64", "uint64"])
def test_whole_numbers_of_mixed_types_are_compared_exactly(dtype: str):
    """No float holds both of 2^60 and the next one."""
    other = "uint64" if dtype == "int64" else "int64"
    expected, changed = np.array([[2**60], [5]], dtype), np.array([[2**60 + 1], [5]], other)
    assert compare_output("y", expected.astype(other), expected, 0.0, 0.0)[1] is True
    line, passes = compare_output("y", changed, expected, 0.0, 0.0)
    assert (passes, "difference is 1;" in line, "1 of 2 are beyond" in line) == (False, True, True)
    assert find_largest_difference({"y": expected}, {"y": changed}) == 1.0


@pytest.mark.parametrize(("changed_rows", "ids"), [(0, 0.0), (3, 1.5)])
def test_difference_of_scores_is_none_of_ids(changed_rows: int, ids: float):
    answers = {
        "score": np.array([[700.0], [30.0]], "float32"),
        "id": np.array([[700], [30]]),
        "picture": np.zeros((2, 4, 4), "uint8"),
    }
    outcome = ReloadOutcome(verdict=Verdict.SAME_ANSWERS, max_abs=1.5, changed_rows=changed_rows, rows=99)
    tolerance = select_proof_data(Reference({"x": np.ones((2, 1))}, answers, {}), outcome).tolerance
    assert tolerance == {"score": (pytest.approx(1.50001), 1e-4), "id": (ids, 0.0), "picture": (2.5, 0.0)}


@pytest.mark.parametrize("size", [1000.0, 1030.0])
@pytest.mark.parametrize("is_within", [True, False])
def test_kit_of_float16_allows_four_of_its_places(size: float, is_within: bool):
    expected = np.array([[size]], "float16")
    moved = expected + np.float16((4 if is_within else 5) * (0.5 if size < 1024 else 1.0))
    tolerance = select_proof_data(Reference({"x": np.ones((1, 1))}, {"y": expected}, {}), None).tolerance["y"]
    assert compare_output("y", moved, expected, *tolerance)[1] is is_within
