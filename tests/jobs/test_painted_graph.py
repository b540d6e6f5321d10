"""Boxes of a graph by their names: the class of each difference, calls and nested models, and what stays unpainted."""

import numpy as np
import pytest

from core.activations.matching import Activation
from core.jobs.layer_steps import LayerStep, new_step, with_difference
from core.jobs.painted_graph import CLASS_LIMITS, LAST_CLASS, classify_difference, paint_nodes

VALUES = np.array([[0.0, 0.5], [0.25, 1.0]])  # a range of 1, so that a difference is its own share


def make_step(layer: str, difference: float | None, partner: str = "there") -> LayerStep:
    """The step of a layer whose partner differs by so much in one value; without one where it is None."""
    step = new_step(Activation(layer, layer, "Dense", (None, 2), "float64", ()))
    if difference is None:
        return step
    there = VALUES.copy()
    there[1, 1] += difference
    return with_difference(step, Activation(partner, partner, "MatMul", (None, 2), "", ()), VALUES, there, 1e-4)[0]


@pytest.mark.parametrize(
    ("difference", "colour"),
    [(0.0, 0), (1e-9, 1), (2e-6, 2), (2e-5, 3), (2e-4, 4), (0.002, 5), (0.02, 6), (0.5, 7), (np.nan, 7), (None, None)],
)
def test_class_of_a_difference_is_its_power_of_ten(difference: float | None, colour: int | None):
    assert classify_difference(make_step("dense", difference)) == colour


def test_class_limits_are_within_their_own_class():
    classes = [classify_difference(make_step("dense", 0.1) | {"relative": limit}) for limit in CLASS_LIMITS]
    assert classes == list(range(LAST_CLASS))


def test_painted_nodes_have_the_names_of_their_own_side():
    steps = [make_step("dense", 0.002, "matmul:0"), make_step("dropout", None), make_step("dense_1", 0.0, "softmax:0")]
    first = {"place": 0, "difference": pytest.approx(0.002), "colour": 5, "above": True}
    last = {"place": 2, "difference": 0.0, "colour": 0, "above": False}
    assert paint_nodes(steps, "walked", True) == {
        "dense": first,
        "dense[0]": first,
        "dense_1": last,
        "dense_1[0]": last,
    }
    assert paint_nodes(steps, "held", False) == {"matmul:0": first, "softmax:0": last}


def test_painted_nodes_of_nested_and_repeated_layers_show_the_worst():
    steps = [make_step("block/dense", 2e-6), make_step("block/dense (2)", 0.02), make_step("block/relu", 0.0)]
    places = {name: node["place"] for name, node in paint_nodes(steps, "walked", True).items()}
    assert places == {
        "block": 1,
        "block/dense": 1,
        "block/dense[0]": 0,
        "block/dense[1]": 1,
        "block/relu": 2,
        "block/relu[0]": 2,
    }


def test_painted_node_with_not_finite_values_outranks_any_number():
    steps = [make_step("block/dense", 0.5), make_step("block/relu", np.nan), make_step("block/dense_1", 0.1)]
    assert paint_nodes(steps, "walked", True)["block"] == {"place": 1, "difference": None, "colour": 7, "above": True}
