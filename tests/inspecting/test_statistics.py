"""What is said of one tensor, and of two beside each other: held against NumPy, and against known answers."""

import numpy as np
import pytest

from core.tensors import matching as measuring
from core.tensors import statistics as counting
from core.tensors.json_diff import JsonChange, diff_json
from core.tensors.matching import (
    TensorIdentity,
    apply_transposition,
    find_transpositions,
    match_tensors,
    tensor_distance,
)
from core.tensors.statistics import (
    MAX_HEATMAP_SIDE,
    MAX_LINE_VALUES,
    MAX_TILES,
    compute_histogram,
    compute_statistics,
    preview_tensor,
)

RANDOM = np.random.default_rng(5)


def known(name: str, array: np.ndarray, group: str = "weights") -> TensorIdentity:
    return TensorIdentity(name, "", array.shape, str(array.dtype), str(hash(array.tobytes())), group)


def paired(ours: list[np.ndarray], theirs: list[np.ndarray], names: str = "different") -> list:
    left = [known(f"a{at}", one) for at, one in enumerate(ours)]
    right = [known(f"{'a' if names == 'same' else 'b'}{at}", one) for at, one in enumerate(theirs)]
    return match_tensors(left, right, ours.__getitem__, theirs.__getitem__)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "int64", "bool"])
def test_statistics_are_those_of_numpy_also_across_stretches(dtype, monkeypatch):
    monkeypatch.setattr(counting, "CHUNK_VALUES", 7)
    array = (RANDOM.normal(size=(5, 4, 3)) * 3).astype(dtype)
    found, wide = compute_statistics(array), array.astype("float64")
    assert found["count"] == 60
    assert (found["min"], found["max"]) == (wide.min(), wide.max())
    assert found["mean"] == pytest.approx(wide.mean(), rel=1e-12)
    assert found["std"] == pytest.approx(wide.std(), rel=1e-12)
    assert found["zeros"] == int((wide == 0).sum())


def test_what_is_not_finite_is_counted_and_spoils_no_other_number():
    found = compute_statistics(np.array([np.nan, np.inf, -np.inf, 1.0, 3.0, 0.0], "float32"))
    assert found == {
        "count": 6,
        "min": 0.0,
        "max": 3.0,
        "mean": pytest.approx(4 / 3),
        "std": pytest.approx(np.std([1, 3, 0])),
        "zeros": 1,
        "nan": 1,
        "inf": 2,
    }


def test_nothing_is_said_of_the_bounds_of_no_numbers():
    assert compute_statistics(np.array(["a", "b"]))["min"] is None
    assert compute_statistics(np.empty((0, 3)))["mean"] is None
    assert compute_statistics(np.array([np.nan]))["max"] is None


def test_a_histogram_is_that_of_numpy():
    array = RANDOM.normal(size=5000).astype("float32")
    counts, edges = np.histogram(array.astype("float64"), 48)
    found = compute_histogram(array)
    assert found["counts"] == counts.tolist()
    assert found["edges"] == pytest.approx(edges.tolist())


def test_one_value_that_moved_is_found_at_its_place_and_at_that_distance(monkeypatch):
    monkeypatch.setattr(measuring, "CHUNK_VALUES", 10)
    ours = RANDOM.normal(size=(6, 7))
    theirs = ours.copy()
    theirs[4, 2] += 0.5
    found = tensor_distance(ours, theirs)
    assert not found["equal"]
    assert (found["changed"], found["lost"], found["at"]) == (1, 0, [4, 2])
    assert found["max_abs"] == pytest.approx(0.5, rel=1e-12)
    assert found["mean_abs"] == pytest.approx(0.5 / 42, rel=1e-9)
    assert found["relative"] == pytest.approx(0.5 / np.linalg.norm(ours), rel=1e-9)


def test_equal_means_bit_for_bit():
    same = np.array([1.0, np.nan, -0.0])
    assert tensor_distance(same, same.copy())["equal"]
    assert not tensor_distance(np.array([0.0]), np.array([-0.0]))["equal"]
    assert tensor_distance(np.array([0.0]), np.array([-0.0]))["changed"] == 0


def test_a_value_that_became_nan_is_lost_and_not_hidden():
    found = tensor_distance(np.array([1.0, 2.0]), np.array([np.nan, 2.0]))
    assert (found["changed"], found["lost"], found["max_abs"]) == (1, 1, 0.0)


def test_every_way_to_turn_a_shape_into_another_is_known():
    assert find_transpositions((2, 3), (3, 2)) == [(1, 0)]
    assert find_transpositions((3, 3, 1, 8), (8, 3, 3, 1))[0] == (3, 0, 1, 2)
    assert find_transpositions((2, 3), (6,)) == []


def test_renamed_tensors_are_paired_by_their_bits():
    arrays = [RANDOM.normal(size=(3, 4)) for _ in range(4)]
    assert [(one.ours, one.theirs, one.by) for one in paired(arrays, arrays[::-1])] == [
        (at, 3 - at, "bits") for at in range(4)
    ]


def test_a_turned_and_rounded_kernel_finds_its_partner_among_others_of_its_size():
    kernels = [RANDOM.normal(size=(3, 3, 4, 5)).astype("float32") for _ in range(3)]
    turned = [one.transpose(3, 0, 1, 2).astype("float16").astype("float32") for one in (kernels[2], kernels[0])]
    found = paired(kernels, turned)
    assert [(one.ours, one.theirs, one.by, one.transposition) for one in found] == [
        (0, 1, "values", "transposed 3, 0, 1, 2"),
        (2, 0, "values", "transposed 3, 0, 1, 2"),
    ]
    moved = apply_transposition(kernels[0], found[0].transposition, turned[1].shape)
    assert tensor_distance(moved, turned[1])["max_abs"] < 2e-3


def test_a_reshaped_tensor_is_known_by_its_bits():
    array = RANDOM.normal(size=12)
    (found,) = paired([array], [array.reshape(1, 12)])
    assert (found.by, found.transposition) == ("bits", "reshaped")


def test_the_same_name_is_a_pair_however_far_the_values_are():
    (found,) = paired([np.zeros(5)], [np.full(5, 9.0)], names="same")
    assert found.by == "name"


def test_what_is_for_something_else_is_no_partner_though_it_is_near():
    array = RANDOM.normal(size=8)
    ours, theirs = [known("a", array, "weights")], [known("b", array + 1e-6, "optimizer state")]
    assert match_tensors(ours, theirs, lambda at: array, lambda at: array) == []


def test_config_is_compared_place_by_place_and_layers_by_their_names():
    ours = {"name": "m", "layers": [{"name": "a", "units": 3}, {"name": "b", "units": 4}]}
    theirs = {"name": "m", "layers": [{"name": "b", "units": 5}, {"name": "c"}]}
    assert diff_json(ours, theirs) == [
        JsonChange("layers.a", "only in A", {"name": "a", "units": 3}, None),
        JsonChange("layers.b.units", "changed", 4, 5),
        JsonChange("layers.c", "only in B", None, {"name": "c"}),
    ]
    assert next(iter(diff_json(ours, ours, include_equal=True))).path == "name"
    assert diff_json(ours, ours) == []


def test_true_is_not_one():
    assert diff_json({"a": True}, {"a": 1}) == [JsonChange("a", "changed", True, 1)]


def test_a_large_tensor_is_shown_by_few_values():
    heat = preview_tensor(RANDOM.normal(size=(1000, 700)))
    assert heat.kind == "heat"
    assert max(heat.values.shape) <= MAX_HEATMAP_SIDE
    assert preview_tensor(np.zeros(10 * MAX_LINE_VALUES)).values.size <= MAX_LINE_VALUES
    tiles = preview_tensor(np.zeros((3, 3, 64, 128)))
    assert (tiles.kind, tiles.values.shape) == ("tiles", (*MAX_TILES, 3, 3))
    assert preview_tensor(np.array(3.0)).kind == ""
