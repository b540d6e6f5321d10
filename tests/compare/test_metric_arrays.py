"""Where differences are: histograms, columns, rows and the heat map; other kinds of values, and JSON."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.compare import compare, to_jsonable
from tests.compare.output_values import CLOSE, INF, NAN, finite_pairs, make_noisy_pair, output_metrics
from tests.compare.strategies import numeric_array_pairs

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
