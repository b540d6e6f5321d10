"""What is said of one tensor, and of two beside each other: compared with NumPy, and against known answers."""

import tracemalloc

import numpy as np
import pytest

from core.tensors import statistics as counting
from core.tensors import statistics as measuring
from core.tensors.json_diff import JsonChange, diff_json
from core.tensors.matching import TensorIdentity, apply_transposition, find_transpositions, match_tensors
from core.tensors.statistics import (
    MAX_HEATMAP_SIDE,
    MAX_LINE_VALUES,
    MAX_TILES,
    compute_histogram,
    compute_statistics,
    preview_tensor,
    tensor_distance,
)

RANDOM = np.random.default_rng(5)


def make_known_tensor(name: str, array: np.ndarray, group: str = "weights") -> TensorIdentity:
    return TensorIdentity(name, "", array.shape, str(array.dtype), str(hash(array.tobytes())), group)


def match_arrays(ours: list[np.ndarray], theirs: list[np.ndarray], names: str = "different") -> list:
    left = [make_known_tensor(f"a{at}", item) for at, item in enumerate(ours)]
    right = [make_known_tensor(f"{'a' if names == 'same' else 'b'}{at}", item) for at, item in enumerate(theirs)]
    return match_tensors(left, right, ours.__getitem__, theirs.__getitem__)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "int64", "bool"])
def test_statistics_match_numpy_across_chunks(dtype, monkeypatch):
    monkeypatch.setattr(counting, "CHUNK_VALUES", 7)
    array = (RANDOM.normal(size=(5, 4, 3)) * 3).astype(dtype)
    result, wide = compute_statistics(array), array.astype("float64")
    assert result["count"] == 60
    assert (result["min"], result["max"]) == (wide.min(), wide.max())
    assert result["mean"] == pytest.approx(wide.mean(), rel=1e-12)
    assert result["std"] == pytest.approx(wide.std(), rel=1e-12)
    assert result["zeros"] == int((wide == 0).sum())


def test_statistics_count_non_finite_values_separately():
    result = compute_statistics(np.array([np.nan, np.inf, -np.inf, 1.0, 3.0, 0.0], "float32"))
    assert result == {
        "count": 6,
        "min": 0.0,
        "max": 3.0,
        "mean": pytest.approx(4 / 3),
        "std": pytest.approx(np.std([1, 3, 0])),
        "zeros": 1,
        "nan": 1,
        "inf": 2,
    }


def test_statistics_without_finite_numbers_are_none():
    assert compute_statistics(np.array(["a", "b"]))["min"] is None
    assert compute_statistics(np.empty((0, 3)))["mean"] is None
    assert compute_statistics(np.array([np.nan]))["max"] is None


def test_histogram_matches_numpy():
    array = RANDOM.normal(size=5000).astype("float32")
    counts, edges = np.histogram(array.astype("float64"), 48)
    result = compute_histogram(array)
    assert result["counts"] == counts.tolist()
    assert result["edges"] == pytest.approx(edges.tolist())


def test_tensor_distance_locates_one_changed_value(monkeypatch):
    monkeypatch.setattr(measuring, "CHUNK_VALUES", 10)
    left = RANDOM.normal(size=(6, 7))
    right = left.copy()
    right[4, 2] += 0.5
    result = tensor_distance(left, right)
    assert not result["equal"]
    assert (result["changed"], result["lost"], result["at"]) == (1, 0, [4, 2])
    assert result["max_abs"] == pytest.approx(0.5, rel=1e-12)
    assert result["mean_abs"] == pytest.approx(0.5 / 42, rel=1e-9)
    assert result["relative"] == pytest.approx(0.5 / np.linalg.norm(left), rel=1e-9)


def test_bits_of_large_tensors_are_compared_in_little_memory():
    left = np.ones(2**22, "float32")
    right = left.copy()
    tracemalloc.start()
    try:
        assert measuring._have_same_bits(left, right)
        right[-1] = np.nextafter(right[-1], np.float32(2))
        assert not measuring._have_same_bits(left, right)
        assert tracemalloc.get_traced_memory()[1] < left.nbytes / 4
    finally:
        tracemalloc.stop()


def test_tensor_distance_equal_means_bit_for_bit():
    same = np.array([1.0, np.nan, -0.0])
    assert tensor_distance(same, same.copy())["equal"]
    assert not tensor_distance(np.array([0.0]), np.array([-0.0]))["equal"]
    assert tensor_distance(np.array([0.0]), np.array([-0.0]))["changed"] == 0


def test_tensor_distance_counts_value_turned_nan_as_lost():
    result = tensor_distance(np.array([1.0, 2.0]), np.array([np.nan, 2.0]))
    assert (result["changed"], result["lost"], result["max_abs"]) == (1, 1, 0.0)


def test_find_transpositions_lists_all_axis_orders():
    assert find_transpositions((2, 3), (3, 2)) == [(1, 0)]
    assert find_transpositions((3, 3, 1, 8), (8, 3, 3, 1))[0] == (3, 0, 1, 2)
    assert find_transpositions((2, 3), (6,)) == []


def test_renamed_tensors_are_paired_by_their_bits():
    arrays = [RANDOM.normal(size=(3, 4)) for _ in range(4)]
    assert [(array.left, array.right, array.by) for array in match_arrays(arrays, arrays[::-1])] == [
        (at, 3 - at, "bits") for at in range(4)
    ]


def test_match_tensors_transposed_and_rounded_kernels_by_values():
    kernels = [RANDOM.normal(size=(3, 3, 4, 5)).astype("float32") for _ in range(3)]
    turned = [item.transpose(3, 0, 1, 2).astype("float16").astype("float32") for item in (kernels[2], kernels[0])]
    result = match_arrays(kernels, turned)
    assert [(item.left, item.right, item.by, item.transposition) for item in result] == [
        (0, 1, "values", "transposed 3, 0, 1, 2"),
        (2, 0, "values", "transposed 3, 0, 1, 2"),
    ]
    moved = apply_transposition(kernels[0], result[0].transposition, turned[1].shape)
    assert tensor_distance(moved, turned[1])["max_abs"] < 2e-3


def test_match_tensors_reshaped_by_bits():
    array = RANDOM.normal(size=12)
    (result,) = match_arrays([array], [array.reshape(1, 12)])
    assert (result.by, result.transposition) == ("bits", "reshaped")


def test_match_tensors_equal_name_regardless_of_values():
    (result,) = match_arrays([np.zeros(5)], [np.full(5, 9.0)], names="same")
    assert result.by == "name"


def test_match_tensors_never_matches_different_groups():
    array = RANDOM.normal(size=8)
    left, right = [make_known_tensor("a", array, "weights")], [make_known_tensor("b", array + 1e-6, "optimizer state")]
    assert match_tensors(left, right, lambda at: array, lambda at: array) == []


def test_diff_json_compares_by_path_and_layers_by_name():
    left = {"name": "m", "layers": [{"name": "a", "units": 3}, {"name": "b", "units": 4}]}
    right = {"name": "m", "layers": [{"name": "b", "units": 5}, {"name": "c"}]}
    assert diff_json(left, right) == [
        JsonChange("layers.a", "only in A", {"name": "a", "units": 3}, None),
        JsonChange("layers.b.units", "changed", 4, 5),
        JsonChange("layers.c", "only in B", None, {"name": "c"}),
    ]
    assert next(iter(diff_json(left, left, include_equal=True))).path == "name"
    assert diff_json(left, left) == []


def test_diff_json_distinguishes_true_from_1():
    assert diff_json({"a": True}, {"a": 1}) == [JsonChange("a", "changed", True, 1)]


def test_preview_tensor_reduces_large_tensors():
    heat = preview_tensor(RANDOM.normal(size=(1000, 700)))
    assert heat.kind == "heat"
    assert max(heat.values.shape) <= MAX_HEATMAP_SIDE
    assert preview_tensor(np.zeros(10 * MAX_LINE_VALUES)).values.size <= MAX_LINE_VALUES
    tiles = preview_tensor(np.zeros((3, 3, 64, 128)))
    assert (tiles.kind, tiles.values.shape) == ("tiles", (*MAX_TILES, 3, 3))
    assert preview_tensor(np.array(3.0)).kind == ""
