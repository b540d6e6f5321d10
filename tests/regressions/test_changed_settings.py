"""Settings that Keras' own config leaves out: each is named with both values, and what it does is measured."""

import numpy as np
import pytest

from tests.factories.keras_models import ROWS, build_dense_model

CURE = "Call compile() again with the values of before, after loading."


def build_one_layer(outputs: int, **layer):
    import keras

    keras.utils.set_random_seed(3)
    return keras.Sequential([keras.Input((4,), name="x"), keras.layers.Dense(outputs, **layer)])


@pytest.fixture(scope="module")
def huber_row(add, matrix_row_of):
    """The row of a compiled model with Huber(delta=2.0), as .keras."""
    import keras

    model = build_one_layer(1)
    model.compile("sgd", keras.losses.Huber(delta=2.0))
    return matrix_row_of(add(model, ["keras"])["keras"].artifact.id)


def test_huber_delta_that_keras_drops_is_named_with_both_values(huber_row):
    cell = huber_row.cells["compile"]
    assert cell.state == "changed"
    assert cell.words == (
        "loss.delta was 2 and came back as 1: Huber.get_config() of Keras leaves it out. "
        f"On the same fixed numbers, loss gave [0.158068, 5.54668] and now gives [0.158068, 3.18519]. {CURE}"
    )


def test_model_with_other_loss_argument_keeps_its_layers_and_weights(huber_row):
    states = {key: huber_row.cells[key].state for key in ("answers", "architecture", "weights", "sharing")}
    assert set(states.values()) == {"kept"}


def test_cosine_axis_of_loss_and_metric_is_named(add, matrix_row_of):
    import keras

    model = build_one_layer(3)
    model.compile("sgd", keras.losses.CosineSimilarity(axis=0), metrics=[keras.metrics.CosineSimilarity(axis=0)])
    cell = matrix_row_of(add(model, ["h5"])["h5"].artifact.id).cells["compile"]
    assert cell.state == "changed"
    for place in ("loss.axis", "metrics.axis"):
        assert f"{place} was 0 and came back as -1: CosineSimilarity.get_config() of Keras leaves it out." in cell.words
    assert "On the same fixed numbers, metrics gave " in cell.words


def test_initializer_argument_that_keras_drops_is_named(add, matrix_row_of):
    import keras

    model = build_one_layer(4, kernel_initializer=keras.initializers.Identity(gain=3.0), name="turn")
    cell = matrix_row_of(add(model, ["keras"])["keras"].artifact.id).cells["architecture"]
    assert cell.state == "changed"
    assert cell.words == (
        "turn.kernel_initializer.gain was 3 and came back as 1: Identity.get_config() of Keras leaves it out."
    )


def test_argument_forgotten_by_own_regularizer_is_named_in_its_program(add, matrix_row_of):
    import keras

    class Weighted(keras.regularizers.Regularizer):
        def __init__(self, weight=1.0):
            self.weight = weight

        def __call__(self, values):
            return self.weight * keras.ops.sum(values**2)

        def get_config(self):
            return {}

    model = build_one_layer(3, kernel_regularizer=Weighted(3.0), name="head")
    row = matrix_row_of(add(model, ["keras"])["keras"].artifact.id)
    assert row.cells["architecture"].words == (
        "head.kernel_regularizer.weight was 3 and came back as 1: Weighted.get_config() leaves it out. Return it from "
        "get_config()."
    )
    assert row.cells["code"].words == (
        "Loads only with your code. This process does not know the custom class 'Weighted'."
    )


def test_settings_that_config_holds_are_kept(add, matrix_row_of):
    import keras

    parts = {"kernel_regularizer": keras.regularizers.L1L2(0.1, 0.2), "kernel_constraint": keras.constraints.MaxNorm(3)}
    model = build_one_layer(3, activity_regularizer="l2", **parts)
    schedule = keras.optimizers.schedules.PolynomialDecay(0.1, 7, power=2.0)
    losses, metrics = keras.losses.LogCosh(), ["mae", keras.metrics.CosineSimilarity()]
    model.compile(keras.optimizers.AdamW(schedule, clipnorm=0.5), losses, metrics=metrics, loss_weights=0.5)
    model.fit(ROWS, np.ones((40, 3), "float32"), verbose=0)
    cells = matrix_row_of(add(model, ["keras"])["keras"].artifact.id).cells
    assert (cells["compile"].state, cells["compile"].words) == ("kept", "AdamW, loss log_cosh.")
    assert cells["architecture"].state == "kept"


def test_imported_settings_are_not_compared(add, jobs):
    outcome = add(build_dense_model(), ["saved_model"])["saved_model"].evidence.best
    assert outcome.settings is None
