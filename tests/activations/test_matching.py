"""Sketches, pairs and differences on arrays whose answers are known by hand."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from core.activations.matching import (
    Activation,
    SketchedActivation,
    absolute_gaps,
    compare_activations,
    compute_sketch,
    match_by_structure,
    match_by_value,
    value_range,
)

ROWS = 8
numbers = st.floats(-1e6, 1e6, width=32)


def make_tensor(name: str, op: str = "Dense", shape: tuple = (None, 4), after: tuple[str, ...] = ()) -> Activation:
    return Activation(name, name, op, shape, "float32", after)


def make_sketched_tensor(name: str, values: np.ndarray, *after: str) -> SketchedActivation:
    return SketchedActivation(make_tensor(name, after=after), values.shape[1:], compute_sketch(values))


def random_array(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(ROWS, *shape)).astype("float32")


# Sketches


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_sketch_is_layout_independent_and_bounded_by_value_changes(data):
    shape = data.draw(array_shapes(min_dims=2, max_dims=4, max_side=5))
    values = data.draw(arrays("float32", shape, elements=numbers))
    turned = values.transpose(0, *reversed(range(1, values.ndim)))
    # The means are sums in another order, so they may round differently.
    scale = max(float(np.abs(values).max()), 1.0)
    np.testing.assert_allclose(compute_sketch(turned), compute_sketch(values), atol=1e-12 * scale)
    moved = values.astype("float64") + data.draw(arrays("float64", shape, elements=st.floats(-1, 1)))
    assert (
        absolute_gaps(compute_sketch(values), compute_sketch(moved)).max()
        <= np.abs(moved - values).max() + 1e-9 * scale
    )


def test_sketch_differs_for_permuted_one_hot_rows():
    left, right = np.eye(3)[[0, 1, 2, 0, 1, 2, 0, 1]], np.eye(3)[[1, 1, 0, 2, 0, 0, 2, 2]]
    assert np.array_equal(np.sort(left, axis=1), np.sort(right, axis=1))
    assert absolute_gaps(compute_sketch(left), compute_sketch(right)).max() > 0.05


def test_absolute_gaps_handle_nan_and_infinity():
    left = np.array([1.0, np.nan, np.inf, np.inf, np.nan, 1.0])
    right = np.array([1.5, np.nan, np.inf, -np.inf, 0.0, np.inf])
    assert absolute_gaps(left, right).tolist() == [0.5, 0, 0, np.inf, np.inf, np.inf]


def test_value_range_of_equal_values_is_their_magnitude():
    assert value_range(np.array([2.0, 5.0, np.nan])) == 3
    assert value_range(np.array([-4.0, -4.0])) == 4
    assert value_range(np.array([0.0, np.inf])) == 1


# Differences


@pytest.mark.parametrize("axes", list(itertools.permutations((1, 2, 3))))
def test_compare_activations_finds_axis_order(axes):
    reference = random_array(0, 3, 4, 5)
    other = reference.transpose(0, *axes)
    result, laid_out = compare_activations(reference, other)
    assert result.identical
    assert np.array_equal(other.transpose(result.axes), reference)
    assert np.array_equal(laid_out, reference)


def test_compare_activations_detects_transposed_square_image():
    reference = random_array(1, 6, 6)
    result, _ = compare_activations(reference, reference.transpose(0, 2, 1))
    assert (result.identical, result.axes) == (True, (0, 2, 1))


def test_compare_activations_restores_flattened_channel_order():
    picture = random_array(2, 4, 4, 3)
    channels_first = picture.transpose(0, 3, 1, 2).reshape(ROWS, -1)
    assert compare_activations(picture, channels_first)[0].identical
    assert compare_activations(channels_first, picture)[0].identical


def test_compare_activations_measures_one_changed_value_in_layout():
    reference = random_array(3, 4, 4, 3)
    other = reference.transpose(0, 3, 1, 2).copy()
    other[5, 2, 1, 0] += 0.5
    result, _ = compare_activations(reference, other)
    assert result.axes == (0, 2, 3, 1)
    assert result.max_abs == pytest.approx(0.5)
    assert result.mean_abs == pytest.approx(0.5 / reference.size)
    assert result.relative == pytest.approx(0.5 / np.ptp(reference))
    assert result.near == pytest.approx(1 - 1 / reference.size)
    assert result.exceeds(0.01)
    assert not result.exceeds(0.5)


def test_activation_difference_non_finite_exceeds_any_tolerance():
    reference = random_array(4, 3)
    other = reference.copy()
    other[0, 0] = np.nan
    result, _ = compare_activations(reference, other)
    assert (result.max_abs, result.not_finite) == (0.0, 1)
    assert result.exceeds(1e9)
    assert not compare_activations(other, other.copy())[0].exceeds(0)


# Pairs


def test_match_by_structure_uses_order_class_and_shape():
    left = [make_tensor("a"), make_tensor("b", "Dropout"), make_tensor("c"), make_tensor("d", shape=(None, 2))]
    right = [make_tensor("x"), make_tensor("y"), make_tensor("z", shape=(None, 2))]
    assert match_by_structure(left, right) == [0, None, 1, 2]


def test_match_by_value_matches_reordered_branches():
    left, right, both = random_array(0, 4), random_array(1, 4), random_array(2, 8)
    own = [
        make_sketched_tensor("left", left),
        make_sketched_tensor("right", right),
        make_sketched_tensor("both", both, "left", "right"),
    ]
    other = [
        make_sketched_tensor("1", right),
        make_sketched_tensor("2", left),
        make_sketched_tensor("3", both.reshape(ROWS, 2, 4).transpose(0, 2, 1), "1", "2"),
    ]
    assert match_by_value(own, other) == [1, 0, 2]


def test_match_by_value_leaves_fused_layer_unmatched():
    conv, act = random_array(0, 6), np.maximum(random_array(0, 6), 0)
    left = [make_sketched_tensor("conv", conv), make_sketched_tensor("relu", act, "conv")]
    assert match_by_value(left, [make_sketched_tensor("fused", act)]) == [None, 0]


def test_match_by_value_prefers_equal_shape_among_equal_values():
    values = random_array(0, 2, 3)
    right = [
        make_sketched_tensor("flat", values.reshape(ROWS, 6)),
        make_sketched_tensor("turned", values.transpose(0, 2, 1)),
        make_sketched_tensor("same", values),
    ]
    assert match_by_value([make_sketched_tensor("ours", values)], right) == [2]


def test_match_by_value_keeps_order_after_first_difference():
    """Ten layers of one width, the other side with three tensors for each; from the third on nothing is the same."""
    left, right = [], []
    for layer in range(10):
        before, values = random_array(100 + layer, 16), np.maximum(random_array(layer, 16), 0)
        other = values if layer < 3 else np.maximum(values + 0.3 * random_array(50 + layer, 16), 0)
        left.append(make_sketched_tensor(f"dense{layer}", values, *([f"dense{layer - 1}"] if layer else [])))
        right.append(make_sketched_tensor(f"mul{layer}", before - 3, *([f"relu{layer - 1}"] if layer else [])))
        right.append(make_sketched_tensor(f"add{layer}", before, f"mul{layer}"))
        right.append(make_sketched_tensor(f"relu{layer}", other, f"add{layer}"))
    assert [right[place].tensor.key for place in match_by_value(left, right)] == [f"relu{n}" for n in range(10)]


def test_match_by_value_respects_graph_order_of_branches():
    """Two branches of one shape, both changed beyond recognition: each stays within its own branch."""
    inputs = [random_array(0, 3), random_array(1, 5)]
    left = [
        make_sketched_tensor("a", inputs[0]),
        make_sketched_tensor("b", inputs[1]),
        make_sketched_tensor("a1", random_array(2, 4), "a"),
        make_sketched_tensor("b1", random_array(3, 4), "b"),
    ]
    right = [
        make_sketched_tensor("y", inputs[1]),
        make_sketched_tensor("y1", random_array(8, 4), "y"),
        make_sketched_tensor("x", inputs[0]),
        make_sketched_tensor("x1", random_array(9, 4), "x"),
    ]
    assert match_by_value(left, right) == [2, 0, 3, 1]
