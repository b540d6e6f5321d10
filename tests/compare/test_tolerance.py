"""Pass or fail for a tolerance, and the smallest that passes."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.compare import ToleranceResult, check_tolerance, compare
from core.compare.chunks import single_chunk
from core.errors import InputError
from tests.compare.strategies import numeric_array_pairs

NAN, INF = np.nan, np.inf


def check_arrays(reference, answer, atol: float = 0.0, rtol: float = 0.0) -> ToleranceResult:
    return check_tolerance(single_chunk(np.asarray(reference)), single_chunk(np.asarray(answer)), atol, rtol)


@given(numeric_array_pairs())
def test_needed_tolerance_passes_and_smaller_fails(pair):
    result = compare({"y": pair[0]}, {"y": pair[1]}).outputs[0]
    atol, rtol = result.atol_needed, result.rtol_needed
    if math.isfinite(atol):
        assert check_arrays(*pair, atol=atol).passed
        assert atol == 0 or not check_arrays(*pair, atol=math.nextafter(atol, 0)).passed
    else:
        assert not check_arrays(*pair, atol=1e300).passed
    if math.isfinite(rtol):
        assert check_arrays(*pair, rtol=rtol).passed
        assert rtol == 0 or not check_arrays(*pair, rtol=rtol * (1 - 1e-12)).passed
    else:
        assert not check_arrays(*pair, rtol=1e300).passed or compare({"y": pair[0]}, {"y": pair[1]}).max_abs < 1e-300


@given(numeric_array_pairs(), st.floats(0, 2), st.floats(0, 2))
def test_check_tolerance_matches_numpy_isclose(pair, atol, rtol):
    left, right = (side.astype("longdouble") for side in pair)
    same = (left == right) | (np.isnan(left) & np.isnan(right))
    both = np.isfinite(left) & np.isfinite(right)
    with np.errstate(invalid="ignore"):
        away, limit = np.abs(left - right), atol + rtol * np.abs(left)
        border = both & (np.abs(away - limit) <= 1e-6 * np.maximum(away, limit))
    failing = ~same & ~(both & (away <= limit))
    result = check_arrays(*pair, atol, rtol)
    assert (failing & ~border).sum() <= result.values_failing <= (failing | border).sum()
    if not border.any():
        assert result.rows_failing == failing.reshape(len(failing), -1).any(axis=1).sum()
        assert result.passed == (not failing.any())
        with np.errstate(over="ignore", invalid="ignore"):
            assert result.passed == np.allclose(right.astype("float64"), left.astype("float64"), rtol, atol, True)


def test_check_tolerance_uses_differences_beyond_float32():
    pair = np.array([1.0], "float32"), np.array([-(2.0**-30)], "float32")
    assert check_arrays(*pair, atol=1.0) == (False, 1, 1)
    assert check_arrays(*pair, rtol=1.0) == (False, 1, 1)
    result = compare({"y": pair[0]}, {"y": pair[1]}).outputs[0]
    assert result.atol_needed == 1.0 + 2.0**-30
    assert check_arrays(*pair, atol=result.atol_needed).passed
    assert check_arrays(*pair, rtol=result.rtol_needed).passed


def test_rows_and_values_that_fail_are_counted():
    left = np.array([[1.0, 2.0], [3.0, 4.0], [NAN, INF]])
    assert check_arrays(left, [[1.5, 2.5], [3.0, 4.4], [NAN, INF]], atol=0.45) == (False, 1, 2)
    assert check_arrays(left, [[1.5, 2.5], [3.0, 4.4], [NAN, INF]], atol=0.3, rtol=0.2) == (True, 0, 0)
    assert check_arrays(left, [[1.0, 2.0], [3.0, 4.0], [1.0, -INF]], atol=9, rtol=9) == (False, 1, 2)


def test_the_tolerance_is_relative_to_the_reference():
    assert check_arrays([100.0], [110.0], rtol=0.1).passed
    assert not check_arrays([90.0], [100.0], rtol=0.1).passed


def test_rtol_needed_for_changed_zero_is_infinite():
    result = compare({"y": np.array([0.0, 1.0])}, {"y": np.array([1e-9, 1.0])}).outputs[0]
    assert (result.atol_needed, result.rtol_needed) == (1e-9, INF)
    assert result.to_json()["rtol_needed"] == "inf"


@pytest.mark.parametrize("answer", [[NAN, 1.0], [INF, 1.0]])
def test_needed_tolerance_for_non_finite_value_is_infinite(answer):
    result = compare({"y": np.array([2.0, 1.0])}, {"y": np.array(answer)}).outputs[0]
    assert (result.atol_needed, result.rtol_needed, result.max_abs) == (INF, INF, 0.0)


def test_check_tolerance_text_passes_only_if_equal():
    assert check_arrays(["a", "b"], [b"a", b"b"]) == (True, 0, 0)
    assert check_arrays(["a", "b"], ["a", "c"], 1e9, 1e9) == (False, 1, 1)


@pytest.mark.parametrize("atol", [-1.0, NAN])
def test_check_tolerance_negative_or_nan_is_refused(atol):
    with pytest.raises(InputError, match="A tolerance is 0 or more"):
        check_arrays([1.0], [1.0], atol)
