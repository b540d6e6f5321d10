"""What goes wrong without an exception: optimizer state, weights, classes and bytes that are not what they were."""

import numpy as np
import pytest

from core.arrays import fingerprint_arrays
from core.compare import Verdict
from core.errors import CannotSave, Damaged
from core.evidence.fingerprint_matching import match_fingerprints
from core.runtimes.live import live_predictor
from tests.factories.keras_models import (
    ROWS,
    build_dense_model,
    build_module,
    build_subclassed_model,
    fit,
    make_scale_layer_class,
)

EXPECTED_OPTIMIZER = {
    "keras": ("kept", "10 of 10 tensors came back bit-equal."),
    "weights": ("kept", "10 of 10 tensors came back bit-equal."),
    "checkpoint": ("kept", "10 of 10 tensors came back bit-equal."),
    "h5": ("lost", "2 of 10 tensors came back bit-equal; not "),
    "architecture": ("lost", "1 of 10 tensors came back bit-equal; not "),
    "keras_export": ("lost", "0 of 10 tensors came back bit-equal; not "),
}


@pytest.mark.parametrize("format_key", EXPECTED_OPTIMIZER)
def test_p05_optimizer_state_is_counted_tensor_by_tensor(saved, matrix_row_of, format_key):
    state, words = EXPECTED_OPTIMIZER[format_key]
    cell = matrix_row_of(saved("digits-mlp", format_key)["artifact"]).cells["optimizer"]
    assert cell.state == state
    assert cell.words.startswith(words)


@pytest.mark.parametrize(("format_key", "state"), [("keras", "kept"), ("architecture", "changed")])
def test_p05_training_step_after_reload_matches_live_model(saved, matrix_row_of, format_key, state):
    assert matrix_row_of(saved("digits-mlp", format_key)["artifact"]).cells["trainable"].state == state


def test_p08_weights_by_name_into_renamed_layers_match_none(jobs, add):
    import keras

    stored = add(fit(build_dense_model()), ["h5"])["h5"].artifact
    renamed = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, name="a"), keras.layers.Dense(3, name="b")])
    renamed.load_weights(jobs.library.verified_folder(stored.id) / "model.h5", by_name=True)
    result = match_fingerprints(
        jobs.library.run(stored.run).weights, fingerprint_arrays(live_predictor(renamed).weights())
    )
    assert (result.found, result.of, len(result.missing)) == (0, 4, 4)


def test_p08_file_without_weights_matches_none_and_is_lost(add, matrix_row_of):
    cells = matrix_row_of(add(fit(build_dense_model()), ["architecture"])["architecture"].artifact.id).cells
    assert cells["weights"].state == "lost"
    assert cells["weights"].words.startswith("0 of 4 tensors came back bit-equal; not ")
    assert cells["answers"].words.startswith("Different answers: ")


def test_p08_weights_with_other_activation_are_caught_by_predictions(add, compare_artifact):
    weights = add(fit(build_dense_model("relu")), ["weights"])["weights"].artifact.id
    other = add(build_dense_model("tanh"), ["architecture"])["architecture"].artifact.id
    outcome = compare_artifact(weights, other)
    assert (outcome.weights.found, outcome.weights.of) == (4, 4)
    assert outcome.verdict is Verdict.DIFFERENT


def test_p08_weights_of_another_shape_are_refused_with_both_shapes(add, compare_artifact):
    weights = add(build_dense_model(), ["weights"])["weights"].artifact.id
    wider = add(build_dense_model(outputs=5), ["architecture"])["architecture"].artifact.id
    outcome = compare_artifact(weights, wider)
    assert outcome.error["sentence"] == (
        "A saved array has the shape (8, 3), and the variable that it belongs to has (8, 5)."
    )
    assert outcome.error["cure"] == "Use the architecture that the weights were saved from."


def build_functional_model():
    """The network of `dense()`, written another way."""
    import keras

    x = keras.Input((4,), name="x")
    return keras.Model(x, keras.layers.Dense(3)(keras.layers.Dense(8, activation="relu")(x)))


def test_p09_checkpoint_without_matching_variables_does_not_load(add, compare_artifact):
    checkpoint = add(build_dense_model(), ["checkpoint"])["checkpoint"].artifact.id
    rewritten = add(build_functional_model(), ["architecture"])["architecture"].artifact.id
    outcome = compare_artifact(checkpoint, rewritten)
    assert outcome.verdict is Verdict.DOES_NOT_LOAD
    assert outcome.error["sentence"] == (
        "Values in this checkpoint found no variable in the model, or variables found no value."
    )
    assert outcome.error["cure"] == "Build the model with the same code that wrote the checkpoint."


def test_p09_a_checkpoint_in_its_own_architecture_restores_every_variable(add, compare_artifact):
    added = add(build_dense_model(), ["checkpoint", "architecture"])
    outcome = compare_artifact(added["checkpoint"].artifact.id, added["architecture"].artifact.id)
    assert outcome.verdict is Verdict.BIT_IDENTICAL
    assert (outcome.weights.found, outcome.weights.of) == (4, 4)


def test_p12_an_unbuilt_model_is_refused_before_anything_is_written(empty_library):
    with pytest.raises(CannotSave) as caught:
        empty_library.add(build_subclassed_model(), inputs=ROWS, formats=["keras"])
    assert caught.value.sentence == "The model has never seen an input, so its weights do not exist yet."
    assert caught.value.cure == "Call it once on a batch, or give it keras.Input, then save again."
    assert (empty_library.ids(), list((empty_library.home / "staging").iterdir())) == ([], [])


def test_p12_subclassed_model_in_h5_does_not_load_with_reason(add):
    model = build_subclassed_model()
    model(ROWS)
    added = add(model, ["h5", "keras"])
    assert added["h5"].evidence.with_code.error["sentence"] == (
        "The file holds weights of 2 layers, and the model has 0."
    )
    assert added["keras"].evidence.with_code.verdict is Verdict.BIT_IDENTICAL


def test_p13_config_without_argument_is_named_and_changes_predictions(add, matrix_row_of):
    model = build_dense_model("relu", make_scale_layer_class(forgets=True)(3.0))
    added = add(model, ["keras", "saved_model"])
    cells = matrix_row_of(added["keras"].artifact.id).cells
    assert added["keras"].evidence.with_code.verdict is Verdict.DIFFERENT
    assert cells["architecture"].state == "changed"
    words = cells["architecture"].words
    assert words.startswith("get_config() leaves out Scale: factor: a reloaded layer takes its default. ")
    assert words.endswith(
        ".factor was 3 and came back as 1: Scale.get_config() leaves it out. Return it from get_config()."
    )
    assert cells["answers"].state == "changed"
    assert added["saved_model"].evidence.best.verdict is Verdict.BIT_IDENTICAL


def test_p13_complete_config_keeps_architecture(add, matrix_row_of):
    added = add(build_dense_model("relu", make_scale_layer_class()(3.0)), ["keras"])["keras"]
    assert added.evidence.with_code.verdict is Verdict.BIT_IDENTICAL
    assert matrix_row_of(added.artifact.id).cells["architecture"].state == "kept"


def test_p23_equal_weights_with_other_predictions_name_preprocessing(add, compare_artifact):
    import keras

    weights = add(build_dense_model("relu", keras.layers.Rescaling(1 / 255)), ["weights"])["weights"].artifact.id
    without = add(build_dense_model(), ["architecture"])["architecture"].artifact.id
    outcome = compare_artifact(weights, without)
    assert (outcome.weights.found, outcome.weights.of) == (4, 4)
    assert outcome.verdict is Verdict.DIFFERENT


def test_p23_prediction_that_changes_weights_is_reported(add, matrix_row_of):
    import tensorflow as tf

    def count(self, x):
        self.calls.assign_add(1.0)
        return x * 2.0

    added = add(build_module(count, calls=tf.Variable(0.0)), ["saved_model"])["saved_model"]
    assert matrix_row_of(added.artifact.id).cells["weights"] == (
        "changed",
        "1 of 1 tensors came back bit-equal. It has 1 parameter, as the original. Answering moves 1 of them.",
    )


def flip_bit(path, array: np.ndarray) -> None:
    """Turn one bit of the first number of an array that lies in a file as it is."""
    content = bytearray(path.read_bytes())
    content[content.index(array.tobytes()) + 3] ^= 0x40
    path.write_bytes(content)


def test_p25_a_flipped_bit_is_noticed_before_the_file_is_loaded(jobs, add, compare_artifact):
    model = build_dense_model()
    artifact = add(model, ["weights"])["weights"].artifact
    path = jobs.library.verified_folder(artifact.id) / "model.weights.h5"
    before = model.layers[0].kernel.numpy()
    flip_bit(path, before)
    model.load_weights(path)  # Keras itself takes it without a word
    assert not np.array_equal(model.layers[0].kernel.numpy(), before)

    with pytest.raises(Damaged) as caught:
        jobs.library.verify(artifact.id)
    assert caught.value.sentence == ("The file model.weights.h5 has changed since it was saved (its SHA-256 differs).")
    outcome = compare_artifact(artifact.id, "none")
    assert (outcome.error["code"], outcome.error["sentence"]) == ("damaged", caught.value.sentence)
    assert outcome.error["cure"] == ("Restore it from a backup, or save the run again; the damaged copy is not loaded.")
