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


def tensor(name: str, op: str = "Dense", shape: tuple = (None, 4), after: tuple[str, ...] = ()) -> Activation:
    return Activation(name, name, op, shape, "float32", after)


def seen(name: str, values: np.ndarray, *after: str) -> SketchedActivation:
    return SketchedActivation(tensor(name, after=after), values.shape[1:], compute_sketch(values))


def random(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(ROWS, *shape)).astype("float32")


# Sketches


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_a_sketch_does_not_depend_on_the_layout_and_moves_no_further_than_the_values(data):
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


def test_two_one_hot_codes_of_as_many_words_have_different_sketches():
    left, right = np.eye(3)[[0, 1, 2, 0, 1, 2, 0, 1]], np.eye(3)[[1, 1, 0, 2, 0, 0, 2, 2]]
    assert np.array_equal(np.sort(left, axis=1), np.sort(right, axis=1))
    assert absolute_gaps(compute_sketch(left), compute_sketch(right)).max() > 0.05


def test_gaps_are_zero_between_equal_infinities_and_nan_and_infinite_where_one_is_a_number():
    left = np.array([1.0, np.nan, np.inf, np.inf, np.nan, 1.0])
    right = np.array([1.5, np.nan, np.inf, -np.inf, 0.0, np.inf])
    assert absolute_gaps(left, right).tolist() == [0.5, 0, 0, np.inf, np.inf, np.inf]


def test_the_spread_of_equal_values_is_their_magnitude():
    assert value_range(np.array([2.0, 5.0, np.nan])) == 3
    assert value_range(np.array([-4.0, -4.0])) == 4
    assert value_range(np.array([0.0, np.inf])) == 1


# Differences


@pytest.mark.parametrize("axes", list(itertools.permutations((1, 2, 3))))
def test_the_order_of_the_axes_is_found(axes):
    reference = random(0, 3, 4, 5)
    other = reference.transpose(0, *axes)
    found = compare_activations(reference, other)
    assert found.identical
    assert np.array_equal(other.transpose(found.axes), reference)


def test_a_square_picture_that_is_turned_is_not_taken_as_it_lies():
    reference = random(1, 6, 6)
    found = compare_activations(reference, reference.transpose(0, 2, 1))
    assert (found.identical, found.axes) == (True, (0, 2, 1))


def test_what_was_flattened_in_another_order_is_laid_back():
    picture = random(2, 4, 4, 3)
    channels_first = picture.transpose(0, 3, 1, 2).reshape(ROWS, -1)
    assert compare_activations(picture, channels_first).identical
    assert compare_activations(channels_first, picture).identical


def test_one_harmed_value_is_measured_in_the_right_layout():
    reference = random(3, 4, 4, 3)
    other = reference.transpose(0, 3, 1, 2).copy()
    other[5, 2, 1, 0] += 0.5
    found = compare_activations(reference, other)
    assert found.axes == (0, 2, 3, 1)
    assert found.max_abs == pytest.approx(0.5)
    assert found.mean_abs == pytest.approx(0.5 / reference.size)
    assert found.relative == pytest.approx(0.5 / np.ptp(reference))
    assert found.near == pytest.approx(1 - 1 / reference.size)
    assert found.exceeds(0.01)
    assert not found.exceeds(0.5)


def test_a_value_that_is_finite_in_only_one_is_above_any_tolerance():
    reference = random(4, 3)
    other = reference.copy()
    other[0, 0] = np.nan
    found = compare_activations(reference, other)
    assert (found.max_abs, found.not_finite) == (0.0, 1)
    assert found.exceeds(1e9)
    assert not compare_activations(other, other.copy()).exceeds(0)


# Pairs


def test_layers_of_two_keras_models_are_paired_in_order_by_class_and_shape():
    ours = [tensor("a"), tensor("b", "Dropout"), tensor("c"), tensor("d", shape=(None, 2))]
    theirs = [tensor("x"), tensor("y"), tensor("z", shape=(None, 2))]
    assert match_by_structure(ours, theirs) == [0, None, 1, 2]


def test_branches_that_run_in_another_order_are_paired_by_value():
    left, right, both = random(0, 4), random(1, 4), random(2, 8)
    ours = [seen("left", left), seen("right", right), seen("both", both, "left", "right")]
    theirs = [seen("1", right), seen("2", left), seen("3", both.reshape(ROWS, 2, 4).transpose(0, 2, 1), "1", "2")]
    assert match_by_value(ours, theirs) == [1, 0, 2]


def test_a_layer_that_has_no_tensor_of_its_own_finds_no_partner():
    conv, act = random(0, 6), np.maximum(random(0, 6), 0)
    ours = [seen("conv", conv), seen("relu", act, "conv")]
    assert match_by_value(ours, [seen("fused", act)]) == [None, 0]


def test_of_tensors_with_the_same_values_the_one_of_the_same_shape_is_chosen():
    values = random(0, 2, 3)
    theirs = [seen("flat", values.reshape(ROWS, 6)), seen("turned", values.transpose(0, 2, 1)), seen("same", values)]
    assert match_by_value([seen("ours", values)], theirs) == [2]


def test_behind_the_first_difference_layers_of_one_shape_are_paired_in_order():
    """Ten layers of one width, the other side with three tensors for each; from the third on nothing is the same."""
    ours, theirs = [], []
    for layer in range(10):
        before, values = random(100 + layer, 16), np.maximum(random(layer, 16), 0)
        other = values if layer < 3 else np.maximum(values + 0.3 * random(50 + layer, 16), 0)
        ours.append(seen(f"dense{layer}", values, *([f"dense{layer - 1}"] if layer else [])))
        theirs.append(seen(f"mul{layer}", before - 3, *([f"relu{layer - 1}"] if layer else [])))
        theirs.append(seen(f"add{layer}", before, f"mul{layer}"))
        theirs.append(seen(f"relu{layer}", other, f"add{layer}"))
    assert [theirs[place].tensor.key for place in match_by_value(ours, theirs)] == [f"relu{n}" for n in range(10)]


def test_what_is_computed_from_a_layer_is_never_paired_with_what_stands_before_its_partner():
    """Two branches of one shape, both changed beyond recognition: each stays within its own branch."""
    inputs = [random(0, 3), random(1, 5)]
    ours = [seen("a", inputs[0]), seen("b", inputs[1]), seen("a1", random(2, 4), "a"), seen("b1", random(3, 4), "b")]
    theirs = [seen("y", inputs[1]), seen("y1", random(8, 4), "y"), seen("x", inputs[0]), seen("x1", random(9, 4), "x")]
    assert match_by_value(ours, theirs) == [2, 0, 3, 1]
