"""Pass or fail for a tolerance, and the smallest that passes."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import two_numbers

from core.compare import ToleranceResult, check_tolerance, compare
from core.compare.chunks import single_chunk
from core.errors import InputError

NAN, INF = np.nan, np.inf


def passed(reference, answer, atol: float = 0.0, rtol: float = 0.0) -> ToleranceResult:
    return check_tolerance(single_chunk(np.asarray(reference)), single_chunk(np.asarray(answer)), atol, rtol)


@given(two_numbers())
def test_the_tolerance_needed_passes_and_nothing_smaller_does(pair):
    found = compare({"y": pair[0]}, {"y": pair[1]}).outputs[0]
    atol, rtol = found.atol_needed, found.rtol_needed
    if math.isfinite(atol):
        assert passed(*pair, atol=atol).passed
        assert atol == 0 or not passed(*pair, atol=math.nextafter(atol, 0)).passed
    else:
        assert not passed(*pair, atol=1e300).passed
    if math.isfinite(rtol):
        assert passed(*pair, rtol=rtol).passed
        assert rtol == 0 or not passed(*pair, rtol=rtol * (1 - 1e-12)).passed
    else:
        assert not passed(*pair, rtol=1e300).passed or compare({"y": pair[0]}, {"y": pair[1]}).max_abs < 1e-300


@given(two_numbers(), st.floats(0, 2), st.floats(0, 2))
def test_passing_is_numpys_isclose(pair, atol, rtol):
    left, right = (side.astype("longdouble") for side in pair)
    same = (left == right) | (np.isnan(left) & np.isnan(right))
    both = np.isfinite(left) & np.isfinite(right)
    with np.errstate(invalid="ignore"):
        away, limit = np.abs(left - right), atol + rtol * np.abs(left)
        border = both & (np.abs(away - limit) <= 1e-6 * np.maximum(away, limit))
    failing = ~same & ~(both & (away <= limit))
    found = passed(*pair, atol, rtol)
    assert (failing & ~border).sum() <= found.values_failing <= (failing | border).sum()
    if not border.any():
        assert found.rows_failing == failing.reshape(len(failing), -1).any(axis=1).sum()
        assert found.passed == (not failing.any())
        with np.errstate(over="ignore", invalid="ignore"):
            assert found.passed == np.allclose(right.astype("float64"), left.astype("float64"), rtol, atol, True)


def test_a_tolerance_is_held_against_differences_that_float32_would_round():
    pair = np.array([1.0], "float32"), np.array([-(2.0**-30)], "float32")
    assert passed(*pair, atol=1.0) == (False, 1, 1)
    assert passed(*pair, rtol=1.0) == (False, 1, 1)
    found = compare({"y": pair[0]}, {"y": pair[1]}).outputs[0]
    assert found.atol_needed == 1.0 + 2.0**-30
    assert passed(*pair, atol=found.atol_needed).passed
    assert passed(*pair, rtol=found.rtol_needed).passed


def test_rows_and_values_that_fail_are_counted():
    left = np.array([[1.0, 2.0], [3.0, 4.0], [NAN, INF]])
    assert passed(left, [[1.5, 2.5], [3.0, 4.4], [NAN, INF]], atol=0.45) == (False, 1, 2)
    assert passed(left, [[1.5, 2.5], [3.0, 4.4], [NAN, INF]], atol=0.3, rtol=0.2) == (True, 0, 0)
    assert passed(left, [[1.0, 2.0], [3.0, 4.0], [1.0, -INF]], atol=9, rtol=9) == (False, 1, 2)


def test_the_tolerance_is_relative_to_the_reference():
    assert passed([100.0], [110.0], rtol=0.1).passed
    assert not passed([90.0], [100.0], rtol=0.1).passed


def test_no_relative_tolerance_lets_a_zero_be_anything_else():
    found = compare({"y": np.array([0.0, 1.0])}, {"y": np.array([1e-9, 1.0])}).outputs[0]
    assert (found.atol_needed, found.rtol_needed) == (1e-9, INF)
    assert found.to_json()["rtol_needed"] == "inf"


@pytest.mark.parametrize("answer", [[NAN, 1.0], [INF, 1.0]])
def test_no_tolerance_makes_up_for_what_is_not_finite(answer):
    found = compare({"y": np.array([2.0, 1.0])}, {"y": np.array(answer)}).outputs[0]
    assert (found.atol_needed, found.rtol_needed, found.max_abs) == (INF, INF, 0.0)


def test_texts_pass_when_they_are_the_same():
    assert passed(["a", "b"], [b"a", b"b"]) == (True, 0, 0)
    assert passed(["a", "b"], ["a", "c"], 1e9, 1e9) == (False, 1, 1)


@pytest.mark.parametrize("atol", [-1.0, NAN])
def test_a_tolerance_below_zero_is_refused_in_words(atol):
    with pytest.raises(InputError, match="A tolerance is 0 or more"):
        passed([1.0], [1.0], atol)
