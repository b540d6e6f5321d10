"""Every number on an output, compared with one that was found another way."""

import json
import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cosine
from scipy.stats import entropy

from core.compare import OutputMetrics, compare, to_jsonable
from tests.compare.strategies import INTEGERS, SHAPES, arrays, float_array_pairs, numeric_array_pairs, probability_pairs

NAN, INF = np.nan, np.inf
# What float32 differences and sums of them may lose.
CLOSE = {"rel": 1e-6, "abs": 0}


def output_metrics(reference: np.ndarray, answer: np.ndarray, classes: bool | None = None) -> OutputMetrics:
    return compare({"y": reference}, {"y": answer}, classes).outputs[0]


def finite_pairs(*pair: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    left, right = (side.astype("longdouble").ravel() for side in pair)
    finite = np.isfinite(left) & np.isfinite(right)
    return left[finite], right[finite]


def make_noisy_pair(
    rows: int, *shape: int, dtype: str = "float32", noise: float = 1e-3
) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(rows)
    clean = random.normal(size=(rows, *shape))
    return clean.astype(dtype), (clean + noise * random.normal(size=clean.shape)).astype(dtype)


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


# Where the differences are


def test_difference_histogram_matches_numpy():
    left, right = make_noisy_pair(500, 10, dtype="float64")
    right[:7] = left[:7]
    right[7, 0], right[8, 0], right[9, 0] = NAN, left[8, 0] + 1e12, left[9, 0]
    left[10, 0], right[10, 0] = 0.0, 1e-25
    result, (a, b) = output_metrics(left, right).histogram, finite_pairs(left, right)
    away = np.abs(a - b).astype("float64")
    edges = np.array([0.0, 5e-324, *result["edges"], INF])
    expected = np.histogram(away, edges)[0].tolist()
    assert [result["zero"], result["below"], *result["counts"], result["above"]] == expected
    assert (result["zero"], result["below"], result["above"], result["not_finite"]) == (71, 1, 1, 1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_difference_histogram_power_of_ten_is_in_bin_it_begins(dtype):
    tens = np.array([float(f"1e{power}") for power in range(-20, 11)], dtype)
    for power, ten in zip(range(-20, 11), tens, strict=True):
        result = output_metrics(np.zeros(1, dtype), ten[None]).histogram
        counts = [*result["counts"], result["above"]]
        assert counts[2 * (power + 20)] == 1
    assert np.log10(result["edges"]) == pytest.approx(np.arange(-20, 10.5, 0.5), abs=1e-6)


def test_magnitude_histogram_matches_numpy():
    left, right = make_noisy_pair(400, 10, dtype="float64")
    left *= 10.0 ** np.random.default_rng(0).integers(-5, 5, size=left.shape)
    left[0], right[1], right[2], left[2] = 0.0, left[1], 0.0, 0.0
    result = output_metrics(left, right).by_magnitude
    edges = [[0.0, 5e-324, *result[name][1:]] for name in ("reference_edges", "difference_edges")]
    expected = np.histogram2d(np.abs(left).ravel(), np.abs(left - right).ravel(), edges)[0].astype(int)
    assert result["counts"] == expected[1:, 1:].tolist()
    assert result["reference_zero"] == expected[0, 1:].tolist()
    assert result["difference_zero"] == expected[1:, 0].tolist()
    assert result["both_zero"] == expected[0, 0] == 10


@given(numeric_array_pairs())
def test_histograms_count_every_value_once(pair):
    result = output_metrics(*pair)
    bins = result.histogram
    assert sum(bins["counts"]) + bins["zero"] + bins["below"] + bins["above"] == result.values
    assert bins["not_finite"] == pair[0].size - result.values
    table = result.by_magnitude
    parts = [np.sum(table[name]) for name in ("counts", "reference_zero", "difference_zero", "both_zero")]
    assert sum(parts) == result.values


@pytest.mark.parametrize("width", [1, 10, 64, 65, 256, 257, 1000])
def test_column_means_match_numpy_up_to_256_columns(width):
    left, right = make_noisy_pair(50, width)
    left[:, 0], right[1, -1] = NAN, INF
    expected = np.where(np.isfinite(left) & np.isfinite(right), np.abs(left - right).astype("float64"), NAN)
    result = output_metrics(left, right).by_column
    if width > 256:
        assert result is None
        return
    assert result[0] is None
    assert result[1:] == pytest.approx(np.nanmean(expected[:, 1:], axis=0) if width > 1 else [])


@pytest.mark.parametrize(("rows", "step"), [(1, 1), (100, 1), (101, 2), (1000, 16), (30_000, 512)])
@pytest.mark.parametrize("width", [1, 10, 100, 300])
def test_the_heat_map_is_means_over_blocks_of_rows_and_positions(rows, step, width):
    left, right = make_noisy_pair(rows, width)
    left[rows // 2, 0] = NAN
    away = np.abs(left.astype("float64") - right)
    heat = output_metrics(left, right).heat
    columns = [column * width // 64 for column in range(64)] if width > 64 else list(range(width))
    assert (heat["rows"], heat["columns"]) == (list(range(0, rows, step)), columns)
    for row, means in list(zip(heat["rows"], heat["mean_abs"], strict=True))[:: max(1, len(heat["rows"]) // 5)]:
        block = np.split(away[row : row + step], columns[1:], axis=1)
        expected = [np.nanmean(part) if np.isfinite(part).any() else None for part in block]
        assert [mean is None for mean in means] == [mean is None for mean in expected]
        both = [(mean, other) for mean, other in zip(means, expected, strict=True) if mean is not None]
        assert [mean for mean, _ in both] == pytest.approx([other for _, other in both], rel=1e-5)


# Rows, other kinds, JSON


@given(numeric_array_pairs())
def test_row_distance_is_its_largest_difference(pair):
    left, right = (side.astype("longdouble").reshape(len(side), -1) for side in pair)
    same = (left == right) | (np.isnan(left) & np.isnan(right))
    with np.errstate(invalid="ignore"):
        away = np.where(same, 0, np.abs(left - right))
    away = np.where(np.isnan(away), INF, away).max(axis=1)
    comparison = compare({"y": pair[0]}, {"y": pair[1]})
    assert comparison.distance.dtype == "float64"
    assert comparison.distance.tolist() == pytest.approx(away.astype("float64").tolist(), **CLOSE)


def test_row_distance_covers_all_outputs_and_is_1_for_changed_text():
    reference = {"y": np.array([1.0, 2.0, NAN, INF]), "word": np.array(["a", "b", "c", "d"])}
    comparison = compare(reference, {"y": np.array([1.0, 2.25, 3.0, INF]), "word": np.array(["a", "b", "c", "e"])})
    assert comparison.distance.tolist() == [0.0, 0.25, INF, 1.0]


def test_numeric_metrics_of_text_are_none():
    left, right = np.array([["a", "é"], ["b", "c"]]), np.array([[b"a", "é".encode()], [b"b", b"d"]], object)
    result = output_metrics(left, right)
    assert (result.rows, result.changed, result.identical, result.rounding) == (2, 1, False, False)
    assert result.worst == {"row": 1, "index": [1], "reference": "c", "answer": "d"}
    text = {"output", "answer", "by", "rows", "values", "changed", "identical", "rounding", "worst"}
    assert {name for name, value in vars(result).items() if value is not None} == text


def test_invalid_utf8_bytes_are_compared():
    assert output_metrics(np.array([b"\xff", b"\xc3\xa9"]), np.array([b"\xfe", "é".encode()], object)).changed == 1


def test_complex_values_are_compared_as_pairs():
    result = output_metrics(np.array([[1 + 2j], [3 + 4j]]), np.array([[1 + 2j], [3 + 4.5j]]))
    assert (result.max_abs, result.values, result.worst["index"]) == (0.5, 4, [0, 1])


def test_rows_without_values_are_bit_identical():
    comparison = compare({"y": np.zeros((3, 0))}, {"y": np.zeros((3, 0))})
    assert (comparison.verdict, comparison.rows, comparison.outputs[0].max_abs) == ("bit-identical", 3, None)


@given(numeric_array_pairs(), st.sampled_from([True, False, None]))
def test_output_metrics_are_always_json_serializable(pair, classes):
    comparison = compare({"y": pair[0]}, {"y": pair[1]}, classes, {"y": np.zeros(len(pair[0]), int)})
    document = json.loads(json.dumps(comparison.to_json(), allow_nan=False))
    assert set(document["outputs"][0]) == set(vars(comparison.outputs[0]))
    assert set(document) == {
        "verdict",
        "max_abs",
        "mean_abs",
        "changed_rows",
        "rows",
        "not_finite",
        "mismatched",
        "mismatches",
        "surplus_outputs",
        "pairs",
        "outputs",
    }


def test_json_spells_out_nan_and_infinity():
    given_ = {"a": np.array([NAN, INF, 1]), "b": (-INF, np.int64(3), np.float32(0.5)), 1: b"\xff", "n": None}
    assert to_jsonable(given_) == {"a": ["nan", "inf", 1.0], "b": ["-inf", 3, 0.5], "1": "\\xff", "n": None}


def test_compare_without_numbers_gives_the_same_verdict():
    left, right = make_noisy_pair(200, 5)
    whole, brief = compare({"y": left}, {"y": right}), compare({"y": left}, {"y": right}, with_metrics=False)
    assert brief.outputs == ()
    assert brief.to_json() == whole.to_json() | {"outputs": []}
    assert np.array_equal(whole.distance, brief.distance)
