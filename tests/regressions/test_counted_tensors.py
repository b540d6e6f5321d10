"""Tensors, parameters and sharing are counted in both directions: what came back twice or beside is said."""

import numpy as np
import pytest

from core.introspection.diff import diff_tensors
from tests.factories.keras_models import ROWS, build_dense_model

TEN = np.linspace(-1, 1, 80, dtype="float32").reshape(8, 10)


@pytest.fixture(scope="module")
def shared_layer_artifacts(add):
    """A layer that stands in a model and in a model nested in it, in four formats."""
    import keras

    x = keras.Input((10,), name="x")
    layer = keras.layers.Dense(10, name="twice")
    model = keras.Model(x, layer(keras.Model(x, layer(x), name="inner")(x)))
    return add(model, ["h5", "keras", "saved_model", "weights"], TEN)


@pytest.fixture(scope="module")
def exported(add):
    """A model of 37 parameters as .keras and by `model.export`."""
    import keras

    keras.utils.set_random_seed(4)
    parts = {"bias_initializer": "random_normal"}
    layers = [keras.layers.Dense(6, **parts), keras.layers.Dense(1, **parts)]
    model = keras.Sequential([keras.Input((4,), name="x"), *layers])
    return add(model, ["keras", "keras_export"])


def test_shared_layer_that_h5_doubles_is_counted(shared_layer_artifacts, matrix_row_of):
    result = shared_layer_artifacts["h5"]
    weights = result.evidence.best.weights
    assert (weights.found, weights.of, weights.values, weights.values_of) == (2, 2, 220, 110)
    assert len(weights.surplus.copies) == 2
    cells = matrix_row_of(result.artifact.id).cells
    assert cells["weights"].state == "changed"
    assert "It has 220 parameters, the original 110. It holds 2 tensors more than once" in cells["weights"].words
    assert (cells["sharing"].state, cells["architecture"].state) == ("lost", "changed")
    assert cells["sharing"].words == "Came back apart, so that training moves each by itself: twice (2 places)."


def test_shared_layer_that_keras_does_not_load_names_the_cure(shared_layer_artifacts):
    error = shared_layer_artifacts["keras"].evidence.best.error
    assert error["sentence"] == "The file holds 0 of the 2 arrays that the layer 'twice' asks for."
    assert error["cure"].startswith(
        "If nested models share this layer, Keras writes it once and rebuilds it apart: save"
    )


def test_weights_of_a_model_that_keras_rebuilds_otherwise_say_so(shared_layer_artifacts):
    error = shared_layer_artifacts["weights"].evidence.completed.error
    assert error["sentence"].startswith("Keras rebuilds this model otherwise than it was. The file holds 0 of the 2")
    assert error["cure"].endswith("weights alone load into the model that this program builds.")


def test_shared_layer_in_saved_model_stands_once(shared_layer_artifacts, matrix_row_of):
    cells = matrix_row_of(shared_layer_artifacts["saved_model"].artifact.id).cells
    assert (cells["sharing"].state, cells["sharing"].words) == ("kept", "Its graph holds each shared weight once.")
    assert "It has 110 parameters, as the original." in cells["weights"].words


def test_weights_that_an_export_stores_twice_are_said(exported, matrix_row_of):
    result = exported["keras_export"]
    unread = result.evidence.best.unread
    assert (len(unread.copies), unread.others, unread.values) == (4, [], 37)
    cell = matrix_row_of(result.artifact.id).cells["weights"]
    assert cell.words.endswith("Its files store 4 weights a second time. That is 37 numbers.")
    assert cell.state == "kept"


def test_diff_says_what_is_stored_a_second_time(exported, jobs):
    diff = diff_tensors(jobs, exported["keras"].artifact.id, exported["keras_export"].artifact.id)
    assert len(diff.pairs) == 4
    assert (diff.values_ours, diff.values_theirs) == (37, 74)
    assert all(tensor.copy_of for tensor in diff.only_theirs)
    assert diff.count_sentences == [
        "The weights of A hold 37 numbers, those of B 74.",
        "B stores 4 tensors a second time: 37 numbers.",
    ]


def test_plain_model_shares_nothing_before_and_after(add, matrix_row_of):
    cells = matrix_row_of(add(build_dense_model(), ["keras"], ROWS)["keras"].artifact.id).cells
    assert (cells["sharing"].state, cells["sharing"].words) == ("kept", "Nothing is shared, before and after.")
    assert cells["weights"].words == "4 of 4 tensors came back bit-equal. It has 67 parameters, as the original."
