"""What goes wrong without an exception: optimizer state, weights, classes and bytes that are not what they were."""

import numpy as np
import pytest

from core.compare import Verdict
from core.errors import CannotSave, Damaged
from core.evidence import match_by_hash
from core.runtimes.live import live_predictor
from core.runtimes.reference import fingerprint_arrays
from tests.pains.models import ROWS, dense, fitted, module, scale_class, subclassed

OPTIMIZER = {
    "keras": ("kept", "10 of 10 tensors came back bit-equal."),
    "weights": ("kept", "10 of 10 tensors came back bit-equal."),
    "checkpoint": ("kept", "10 of 10 tensors came back bit-equal."),
    "h5": ("lost", "2 of 10 tensors came back bit-equal; not "),
    "architecture": ("lost", "1 of 10 tensors came back bit-equal; not "),
    "keras_export": ("lost", "0 of 10 tensors came back bit-equal; not "),
}


@pytest.mark.parametrize("format_key", OPTIMIZER)
def test_p05_optimizer_state_is_counted_tensor_by_tensor(saved, judged, format_key):
    state, words = OPTIMIZER[format_key]
    cell = judged(saved("digits-mlp", format_key)["artifact"]).cells["optimizer"]
    assert cell.state == state
    assert cell.words.startswith(words)


@pytest.mark.parametrize(("format_key", "state"), [("keras", "kept"), ("architecture", "changed")])
def test_p05_one_more_step_shows_whether_training_goes_on_as_it_would_have(saved, judged, format_key, state):
    assert judged(saved("digits-mlp", format_key)["artifact"]).cells["trainable"].state == state


def test_p08_weights_by_name_into_renamed_layers_are_zero_of_four(jobs, add):
    import keras

    kept = add(fitted(dense()), ["h5"])["h5"].artifact
    renamed = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, name="a"), keras.layers.Dense(3, name="b")])
    renamed.load_weights(jobs.library.verified_folder(kept.id) / "model.h5", by_name=True)
    found = match_by_hash(jobs.library.run(kept.run).weights, fingerprint_arrays(live_predictor(renamed).weights()))
    assert (found.found, found.of, len(found.missing)) == (0, 4, 4)


def test_p08_a_file_without_weights_is_none_of_four_and_not_a_success(add, judged):
    cells = judged(add(fitted(dense()), ["architecture"])["architecture"].artifact.id).cells
    assert cells["weights"].state == "lost"
    assert cells["weights"].words.startswith("0 of 4 tensors came back bit-equal; not ")
    assert cells["answers"].words.startswith("Different answers: ")


def test_p08_weights_in_a_network_with_another_activation_are_found_by_their_answers(add, compared):
    weights = add(fitted(dense("relu")), ["weights"])["weights"].artifact.id
    other = add(dense("tanh"), ["architecture"])["architecture"].artifact.id
    outcome = compared(weights, other)
    assert (outcome.weights.found, outcome.weights.of) == (4, 4)
    assert outcome.verdict is Verdict.DIFFERENT


def test_p08_weights_of_another_shape_are_refused_with_both_shapes(add, compared):
    weights = add(dense(), ["weights"])["weights"].artifact.id
    wider = add(dense(outputs=5), ["architecture"])["architecture"].artifact.id
    outcome = compared(weights, wider)
    assert outcome.error["sentence"] == (
        "A saved array has the shape (8, 3), and the variable that it belongs to has (8, 5)."
    )
    assert outcome.error["cure"] == "Use the architecture that the weights were saved from."


def functional():
    """The network of `dense()`, written another way."""
    import keras

    x = keras.Input((4,), name="x")
    return keras.Model(x, keras.layers.Dense(3)(keras.layers.Dense(8, activation="relu")(x)))


def test_p09_a_checkpoint_that_finds_no_variable_is_said_not_to_load(add, compared):
    checkpoint = add(dense(), ["checkpoint"])["checkpoint"].artifact.id
    rewritten = add(functional(), ["architecture"])["architecture"].artifact.id
    outcome = compared(checkpoint, rewritten)
    assert outcome.verdict is Verdict.DOES_NOT_LOAD
    assert outcome.error["sentence"] == (
        "Values in this checkpoint found no variable in the model, or variables found no value."
    )
    assert outcome.error["cure"] == "Build the model with the same code that wrote the checkpoint."


def test_p09_a_checkpoint_in_its_own_architecture_restores_every_variable(add, compared):
    added = add(dense(), ["checkpoint", "architecture"])
    outcome = compared(added["checkpoint"].artifact.id, added["architecture"].artifact.id)
    assert outcome.verdict is Verdict.BIT_IDENTICAL
    assert (outcome.weights.found, outcome.weights.of) == (4, 4)


def test_p12_an_unbuilt_model_is_refused_before_anything_is_written(empty_library):
    with pytest.raises(CannotSave) as caught:
        empty_library.add(subclassed(), inputs=ROWS, formats=["keras"])
    assert caught.value.sentence == "The model has never seen an input, so its weights do not exist yet."
    assert caught.value.cure == "Call it once on a batch, or give it keras.Input, then save again."
    assert (empty_library.ids(), list((empty_library.home / "staging").iterdir())) == ([], [])


def test_p12_a_subclassed_model_in_h5_does_not_come_back_and_says_why(add):
    model = subclassed()
    model(ROWS)
    added = add(model, ["h5", "keras"])
    assert added["h5"].evidence.with_code.error["sentence"] == (
        "The file holds weights of 2 layers, and the model has 0."
    )
    assert added["keras"].evidence.with_code.verdict is Verdict.BIT_IDENTICAL


def test_p13_a_config_that_forgets_an_argument_is_named_and_its_answers_are_changed(add, judged):
    model = dense("relu", scale_class(forgets=True)(3.0))
    added = add(model, ["keras", "saved_model"])
    cells = judged(added["keras"].artifact.id).cells
    assert added["keras"].evidence.with_code.verdict is Verdict.DIFFERENT
    assert cells["architecture"] == (
        "changed",
        "get_config() leaves out Scale: factor: a reloaded layer takes its default.",
    )
    assert cells["answers"].state == "changed"
    assert added["saved_model"].evidence.best.verdict is Verdict.BIT_IDENTICAL


def test_p13_a_config_that_forgets_nothing_is_kept(add, judged):
    added = add(dense("relu", scale_class()(3.0)), ["keras"])["keras"]
    assert added.evidence.with_code.verdict is Verdict.BIT_IDENTICAL
    assert judged(added.artifact.id).cells["architecture"].state == "kept"


def test_p23_equal_weights_and_other_answers_point_at_the_preprocessing(add, compared):
    import keras

    weights = add(dense("relu", keras.layers.Rescaling(1 / 255)), ["weights"])["weights"].artifact.id
    without = add(dense(), ["architecture"])["architecture"].artifact.id
    outcome = compared(weights, without)
    assert (outcome.weights.found, outcome.weights.of) == (4, 4)
    assert outcome.verdict is Verdict.DIFFERENT


def test_p23_answering_that_moves_the_weights_is_said(add, judged):
    import tensorflow as tf

    def count(self, x):
        self.calls.assign_add(1.0)
        return x * 2.0

    added = add(module(count, calls=tf.Variable(0.0)), ["saved_model"])["saved_model"]
    assert judged(added.artifact.id).cells["weights"] == (
        "changed",
        "1 of 1 tensors came back bit-equal. Answering moves 1 of them.",
    )


def flip(path, array: np.ndarray) -> None:
    """Turn one bit of the first number of an array that lies in a file as it is."""
    content = bytearray(path.read_bytes())
    content[content.index(array.tobytes()) + 3] ^= 0x40
    path.write_bytes(content)


def test_p25_a_flipped_bit_is_noticed_before_the_file_is_loaded(jobs, add, compared):
    model = dense()
    artifact = add(model, ["weights"])["weights"].artifact
    path = jobs.library.verified_folder(artifact.id) / "model.weights.h5"
    before = model.layers[0].kernel.numpy()
    flip(path, before)
    model.load_weights(path)  # Keras itself takes it without a word
    assert not np.array_equal(model.layers[0].kernel.numpy(), before)

    with pytest.raises(Damaged) as caught:
        jobs.library.verify(artifact.id)
    assert caught.value.sentence == ("The file model.weights.h5 has changed since it was saved (its SHA-256 differs).")
    outcome = compared(artifact.id, "none")
    assert (outcome.error["code"], outcome.error["sentence"]) == ("damaged", caught.value.sentence)
    assert outcome.error["cure"] == ("Restore it from a backup, or save the run again; the damaged copy is not loaded.")
