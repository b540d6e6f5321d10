"""What stops with an exception, of losses, functions and their inputs: the cause comes first, then the cure."""

import numpy as np
import pytest

from core.compare import Verdict
from core.errors import CannotSave, InputError
from tests.factories.keras_models import ROWS, build_dense_model, build_module, fit


def test_p14_custom_loss_is_named_with_compile_false_as_cure(add, matrix_row_of):
    import keras

    def own_loss(truth, answer):
        return keras.ops.mean((truth - answer) ** 2)

    added = add(fit(build_dense_model(), own_loss), ["keras", "h5", "saved_model"])
    assert added["keras"].evidence.with_code.verdict is Verdict.BIT_IDENTICAL
    error = added["keras"].evidence.without_code.error
    assert error["sentence"] == "This process does not know the custom function 'own_loss'."
    assert error["cure"].endswith("or with compile=False if only training needs it.")
    error = added["h5"].evidence.without_code.error
    assert error["sentence"].startswith("The file holds a bare name where Keras looks for settings")
    assert error["cure"].startswith("Load it with compile=False")
    cells = matrix_row_of(added["saved_model"].artifact.id).cells
    assert cells["compile"] == ("lost", "No loss, metrics or optimizer settings came back.")


def test_p16_a_module_without_a_signature_is_refused_with_the_decorator(add):
    import tensorflow as tf

    class Bare(tf.Module):
        @tf.function
        def __call__(self, x):
            return x

    with pytest.raises(CannotSave) as caught:
        add(Bare(), ["saved_model"])
    assert caught.value.sentence.startswith("This tf.Module has no single tf.function with an input signature")
    assert caught.value.cure.startswith("Decorate its __call__ with @tf.function(input_signature=")


def test_p16_python_function_in_graph_fails_in_fresh_process(add):
    import tensorflow as tf

    calls_python = build_module(lambda self, x: tf.numpy_function(lambda rows: rows * 2, [x], tf.float32))
    error = add(calls_python, ["saved_model"])["saved_model"].evidence.best.error
    assert error["sentence"] == ("The model calls Python code (numpy_function or py_function), which no file can hold.")
    assert error["cure"] == "Say the same with TensorFlow operations, then save again."


def test_p16_nested_outputs_come_back_by_their_paths(add):
    added = add(build_module(lambda self, x: {"a": x, "b": {"c": x}}), ["saved_model"])["saved_model"]
    assert added.evidence.best.verdict is Verdict.BIT_IDENTICAL
    assert [pair["reference"] for pair in added.evidence.best.pairs] == ["a", "b/c"]


def test_p16_a_variable_outside_of_the_module_is_the_reason(add):
    import tensorflow as tf

    outside = tf.Variable(2.0)
    with pytest.raises(CannotSave) as caught:
        add(build_module(lambda self, x: x * outside), ["saved_model"])
    assert caught.value.sentence == ("A function of the model uses a variable that does not belong to the model.")
    assert caught.value.cure.startswith("Make the variable an attribute of the model")


@pytest.mark.parametrize("format_key", ["saved_model", "onnx", "litert"])
def test_p17_inputs_of_other_precision_are_cast(add, format_key):
    added = add(build_dense_model(), [format_key], ROWS.astype("float64"))
    assert added[format_key].evidence.best.verdict.rank <= Verdict.ROUNDING.rank


@pytest.mark.parametrize(
    ("inputs", "sentence"),
    [
        (np.ones((5, 3), "float32"), "The input 'x' must have the shape (None, 4)."),
        (np.array([["a", "b", "c", "d"]]), "The input 'x' takes numbers."),
        ({"x": ROWS, "y": ROWS}, "This model takes 1 inputs (x)."),
    ],
    ids=["shape", "text", "too many"],
)
def test_p17_inputs_that_do_not_fit_are_refused_by_name(add, inputs, sentence):
    with pytest.raises(InputError) as caught:
        add(build_dense_model(), ["saved_model"], inputs)
    assert caught.value.sentence == sentence
    assert caught.value.cure.endswith(".")
