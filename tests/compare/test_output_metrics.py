"""Every number on an output, compared with one that was found another way."""

import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cosine
from scipy.stats import entropy

from tests.compare.output_values import CLOSE, INF, NAN, finite_pairs, make_noisy_pair, output_metrics
from tests.compare.strategies import INTEGERS, SHAPES, arrays, float_array_pairs, numeric_array_pairs, probability_pairs

# Differences


@given(numeric_array_pairs())
def test_absolute_differences_match_longdouble(pair):
    result, (left, right) = output_metrics(*pair), finite_pairs(*pair)
    assert result.values == len(left)
    if not len(left):
        assert (result.max_abs, result.mean_abs, result.median_abs, result.p99_abs) == (None, None, None, None)
        return
    away = np.abs(left - right)
    assert result.max_abs == pytest.approx(float(away.max()), **CLOSE)
    assert result.mean_abs == pytest.approx(float(away.mean()), **CLOSE)
    assert result.median_abs == pytest.approx(float(np.median(away)), **CLOSE)
    assert result.p99_abs == pytest.approx(float(np.quantile(away, 0.99)), **CLOSE)


@given(numeric_array_pairs())
def test_relative_differences_are_against_the_larger_of_the_two(pair):
    result, (left, right) = output_metrics(*pair), finite_pairs(*pair)
    if not len(left):
        assert (result.max_rel, result.mean_rel, result.median_rel) == (None, None, None)
        return
    larger = np.maximum(np.abs(left), np.abs(right))
    relative = np.abs(left - right) / np.where(larger == 0, 1, larger)
    assert result.max_rel == pytest.approx(float(relative.max()), **CLOSE)
    assert result.mean_rel == pytest.approx(float(relative.mean()), **CLOSE)
    assert result.median_rel == pytest.approx(float(np.median(relative)), **CLOSE)


def test_relative_differences_near_zero_are_bounded():
    result = output_metrics(np.array([0.0, 0.0, 1e-30, -1e-30]), np.array([0.0, 1e-30, 0.0, 1e-30]))
    assert (result.max_rel, result.median_rel, result.mean_rel) == (2.0, 1.0, 1.0)


@given(st.integers(1, 200), st.integers(1, 6))
def test_median_and_percentile_equal_numpy_exactly(rows, width):
    left, right = make_noisy_pair(rows, width, dtype="float64")
    result, away = output_metrics(left, right), np.abs(left - right)
    assert (result.median_abs, result.p99_abs) == (np.quantile(away, 0.5), np.quantile(away, 0.99))


def test_differences_beyond_float32_range_stay_finite():
    side = np.array([[3e38, 1.0], [-2e38, 0.0]], "float32")
    result = output_metrics(side, -side)
    assert result.max_abs == 2 * float(side[0, 0])
    assert result.median_abs == 0.5 * (2.0 + 2 * abs(float(side[1, 0])))
    assert result.snr_db == pytest.approx(-20 * math.log10(2))


def test_int64_differences_are_exact_beyond_float64_precision():
    result = output_metrics(np.array([2**62, -(2**63)]), np.array([2**62 + 1, 2**63 - 1]))
    assert (result.max_ulp, result.median_abs, result.worst["row"]) == (2**64, 2**63, 1)
    assert output_metrics(np.array([2**62]), np.array([2**62 + 1])).max_abs == 1.0


# Units in the last place


def float_ordinal(value: float, dtype: np.dtype) -> int:
    """The place of a float among all of its dtype, 0 for zero, from its sign and magnitude as Python reads them."""
    letters = {"float16": "eH", "float32": "fI", "float64": "dQ"}[dtype.name]
    (bits,) = struct.unpack(letters[1], struct.pack(letters[0], value))
    top = 1 << (dtype.itemsize * 8 - 1)
    return -(bits - top) if bits >= top else bits


@given(float_array_pairs())
def test_units_in_the_last_place_count_the_floats_between(pair):
    result = output_metrics(*pair)
    coarse = min((side.dtype for side in pair), key=lambda dtype: dtype.itemsize)
    left, right = (side.astype("longdouble").ravel() for side in pair)
    finite = np.isfinite(left) & np.isfinite(right)
    with np.errstate(over="ignore"):
        cast = [side.ravel()[finite].astype(coarse) for side in pair]
    steps = [
        abs(float_ordinal(a, coarse) - float_ordinal(b, coarse))
        for a, b in zip(*(c.tolist() for c in cast), strict=True)
    ]
    assert result.max_ulp == (max(steps) if steps else None)
    assert result.mean_ulp == (pytest.approx(sum(steps) / len(steps)) if steps else None)


@given(st.sampled_from(["float32", "float64"]), st.data())
def test_units_in_the_last_place_agree_with_numpys_testing(dtype, data):
    shape = data.draw(SHAPES)
    pair = [np.nan_to_num(data.draw(arrays(dtype, shape)), nan=1, posinf=2, neginf=3) for _ in range(2)]
    same_sign = [np.abs(side) for side in pair]
    assert output_metrics(*same_sign).max_ulp == np.testing.assert_array_max_ulp(*same_sign, maxulp=2**63).max()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("start", [1.0, 0.0, -0.0, "smallest", -1.0, "below two"])
def test_ulps_equal_the_number_of_nextafter_steps(dtype, start):
    named = {"smallest": np.finfo(dtype).tiny, "below two": np.nextafter(np.array(2, dtype), np.array(0, dtype))}
    value = np.array([named.get(start, start)], dtype)
    stepped = value
    for steps in range(1, 8):
        stepped = np.nextafter(stepped, np.array(INF, dtype))
        assert output_metrics(value, stepped).max_ulp == output_metrics(stepped, value).max_ulp == steps


def test_ulps_across_zero_count_both_zeros_as_one():
    assert output_metrics(np.array([5e-324]), np.array([-5e-324])).max_ulp == 2
    result = output_metrics(np.array([0.0, 1.0]), np.array([-0.0, 1.0]))
    assert (result.max_ulp, result.identical) == (0, False)


def test_units_are_those_of_the_coarser_dtype():
    fine = np.array([1.0 + np.finfo("float16").eps], "float32")
    assert output_metrics(np.array([1.0], "float16"), fine).max_ulp == 1
    assert output_metrics(np.array([1], "int64"), fine).max_ulp == 2**13


@given(INTEGERS, st.data())
def test_units_of_integers_are_their_plain_difference(dtype, data):
    shape = data.draw(SHAPES)
    pair = [data.draw(arrays(dtype, shape)) for _ in range(2)]
    between = max(abs(int(a) - int(b)) for a, b in zip(*(side.ravel().tolist() for side in pair), strict=True))
    assert output_metrics(*pair).max_ulp == int(float(between))


# Angle, noise, divergence


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_cosine_matches_scipy(dtype):
    left, right = make_noisy_pair(300, 12, dtype=dtype, noise=0.3)
    expected = 1 - cosine(left.astype("float64").ravel(), right.astype("float64").ravel())
    assert output_metrics(left, right).cosine == pytest.approx(expected, rel=1e-12)


def test_cosine_uses_finite_pairs_and_is_none_for_zeros():
    assert output_metrics(np.array([1.0, 2.0, NAN, INF]), np.array([2.0, 4.0, 1.0, 1.0])).cosine == pytest.approx(1)
    assert output_metrics(np.zeros(3), np.ones(3)).cosine is None
    assert output_metrics(np.array([1.0, -1.0]), np.array([-1.0, 1.0])).cosine == pytest.approx(-1)


def test_snr_matches_hand_computed_decibels():
    assert output_metrics(np.array([3.0, 4.0]), np.array([3.0, 4.5])).snr_db == pytest.approx(20.0)
    assert output_metrics(np.array([3.0, 4.0]), np.array([3.0, 4.0])).snr_db == INF
    assert output_metrics(np.zeros(2), np.array([0.0, 1.0])).snr_db == -INF


@given(probability_pairs())
def test_kl_matches_scipy(pair):
    expected = entropy(*pair, axis=1).mean()
    assert output_metrics(*pair).kl == pytest.approx(expected, rel=1e-9, abs=1e-14)


def test_kl_is_accurate_below_float32_logarithms():
    left = np.full((4, 2), 0.5, "float32")
    right = left + np.array([[1e-4, -1e-4]], "float32")
    assert output_metrics(left, right).kl == pytest.approx(
        entropy(*(x.astype("float64") for x in (left, right)), axis=1)[0]
    )


def test_kl_is_infinite_where_prediction_is_zero_and_reference_is_not():
    assert output_metrics(np.array([[0.5, 0.5]]), np.array([[1.0, 0.0]])).kl == INF
    assert output_metrics(np.array([[1.0, 0.0]]), np.array([[1.0, 0.0]])).kl == 0


def test_kl_is_none_for_non_probabilities():
    even = np.full((2, 2), 0.5)
    assert output_metrics(even, even).kl == 0
    for other in (np.array([[0.5, 0.5], [0.5, 0.7]]), np.array([[0.5, 0.5], [1.5, -0.5]]), np.full((2, 2), NAN)):
        assert output_metrics(even, other).kl is None
        assert output_metrics(other, even).kl is None
    assert output_metrics(np.array([0.25, 0.75]), np.array([0.25, 0.75])).kl is None


def test_kl_normalizes_coarse_probabilities():
    left, right = np.array([[0.7, 0.2, 0.1]]), np.array([[0.703125, 0.19921875, 0.109375]])
    assert output_metrics(left, right).kl == pytest.approx(entropy(left[0], right[0]))


# What is not finite, and where


@given(float_array_pairs())
def test_non_finite_values_are_counted_on_both_sides(pair):
    result = output_metrics(*pair)
    assert (result.reference_nan, result.answer_nan) == tuple(int(np.isnan(side).sum()) for side in pair)
    assert (result.reference_inf, result.answer_inf) == tuple(int(np.isinf(side).sum()) for side in pair)


@given(numeric_array_pairs())
def test_the_worst_place_holds_the_largest_difference(pair):
    result = output_metrics(*pair)
    if not result.worst:
        assert not result.max_abs
        assert np.array_equal(pair[0].astype("longdouble"), pair[1].astype("longdouble"), equal_nan=True)
        return
    place = (result.worst["row"], *result.worst["index"])
    assert [repr(result.worst[name]) for name in ("reference", "answer")] == [repr(side[place].item()) for side in pair]
    if result.max_abs:
        left, right = (side[place].astype("longdouble") for side in pair)
        assert float(abs(left - right)) == pytest.approx(result.max_abs, rel=1e-6)


def test_worst_value_of_ties_is_the_first():
    left, right = np.zeros((5, 2, 3)), np.zeros((5, 2, 3))
    right[3, 1, 2] = right[3, 1, 1] = right[4, 0, 0] = 7.0
    assert output_metrics(left, right).worst == {"row": 3, "index": [1, 1], "reference": 0.0, "answer": 7.0}


def test_worst_value_is_nan_where_all_else_is_equal():
    left, right = np.zeros((4, 2)), np.zeros((4, 2))
    right[2, 1] = NAN
    result = output_metrics(left, right)
    assert result.to_json()["worst"] == {"row": 2, "index": [1], "reference": 0.0, "answer": "nan"}
    right[3, 0] = 0.5
    assert output_metrics(left, right).worst["row"] == 3
