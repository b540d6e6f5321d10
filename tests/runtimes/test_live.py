"""Predictors over live Keras models that take and give more than one array, by name; and what travels as what."""

import numpy as np
import pytest

from core.arrays import to_plain_array
from core.errors import InputError
from core.runtimes.base import Predictor, predict_in_batches
from core.runtimes.keras import keras_predictor
from core.runtimes.reference import Reference
from core.runtimes.specs import Spec

ZETA, ALPHA = np.array([[1.0, 1.0], [2.0, 2.0]], "float32"), np.array([[10.0, 20.0], [30.0, 40.0]], "float32")


def build_difference_model(outputs, arranged):
    """A functional model of zeta and alpha that gives their difference and their sum."""
    import keras

    inputs = {"zeta": keras.Input((2,), name="zeta"), "alpha": keras.Input((2,), name="alpha")}
    less = keras.layers.Subtract(name="less")([inputs["alpha"], inputs["zeta"]])
    more = keras.layers.Add(name="more")([inputs["alpha"], inputs["zeta"]])
    return keras.Model(arranged(inputs), outputs(less, more))


@pytest.mark.parametrize("arranged", [dict, lambda inputs: list(inputs.values())], ids=["by name", "as a list"])
def test_several_inputs_are_fed_by_name_in_any_order(arranged):
    predictor = keras_predictor(build_difference_model(lambda less, more: [less, more], arranged))
    answers = predictor.predict({"alpha": ALPHA, "zeta": ZETA})
    assert sorted(spec.name for spec in predictor.inputs) == ["alpha", "zeta"]
    assert answers["less"].tolist() == [[9, 19], [28, 38]]
    assert answers["more"].tolist() == [[11, 21], [32, 42]]


@pytest.mark.filterwarnings("ignore:When providing `inputs` as a dict:UserWarning")  # other keys are the point here
def test_keras_predictor_uses_dictionary_keys_as_input_names():
    import keras

    left, right = keras.Input((2,), name="a"), keras.Input((2,), name="b")
    predictor = keras_predictor(keras.Model({"taken": left, "given": right}, keras.layers.Subtract()([left, right])))
    assert {spec.name for spec in predictor.inputs} == {"taken", "given"}
    assert predictor.predict({"given": ZETA, "taken": 3 * ZETA})["output_0"].tolist() == [[2, 2], [4, 4]]


def test_keras_predictor_uses_dictionary_keys_as_output_names():
    predictor = keras_predictor(build_difference_model(lambda less, more: {"minus": less, "and": more}, dict))
    answers = predictor.predict({"zeta": ZETA, "alpha": ALPHA})
    assert {name: array[0].tolist() for name, array in answers.items()} == {"minus": [9, 19], "and": [11, 21]}


def test_a_subclassed_model_is_fed_by_name():
    import keras

    class Quotient(keras.Model):
        def call(self, inputs):
            return {"quotient": inputs["alpha"] / inputs["zeta"]}

    predictor = keras_predictor(Quotient())
    assert predictor.inputs == ()
    assert predictor.predict({"zeta": ZETA, "alpha": ALPHA})["quotient"].tolist() == [[10, 20], [15, 20]]


def test_keras_predictor_text_output_is_text_across_batches():
    import keras

    words = keras.Input((1,), name="word", dtype="string")
    lookup = keras.layers.StringLookup(vocabulary=["Curaçao", "Togo"], invert=False)
    back = keras.layers.StringLookup(vocabulary=["Curaçao", "Togo"], invert=True)
    predictor = keras_predictor(keras.Model(words, back(lookup(words))))
    rows = {"word": np.array([["Togo"]] * 64 + [["Curaçao"], ["Mali"]])}
    answers = predict_in_batches(predictor, rows)["output_0"]
    assert answers.dtype.kind == "U"
    assert answers[[0, 64, 65], 0].tolist() == ["Togo", "Curaçao", "[UNK]"]


@pytest.mark.parametrize(
    ("given", "kind", "values"),
    [
        (np.array([b"caf\xc3\xa9", b"\xff"], dtype=object), "U", ["café", "\\xff"]),
        (np.array(["café".encode()]), "U", ["café"]),
        (np.array(["a", "bc"], dtype=object), "U", ["a", "bc"]),
        (np.array([1.5], dtype="float16"), "f", [1.5]),
        (np.array([], dtype=object), "U", []),
    ],
)
def test_to_plain_array_result_needs_no_pickle(given, kind, values):
    array = to_plain_array(given)
    assert (array.dtype.kind, array.tolist()) == (kind, values)


def test_to_plain_array_converts_bfloat16_to_float32():
    import ml_dtypes

    array = to_plain_array(np.array([1.5, -2.0], dtype=ml_dtypes.bfloat16))
    assert (array.dtype.name, array.tolist()) == ("float32", [1.5, -2.0])


def test_a_reference_of_text_is_written_and_read(tmp_path):
    names = np.array([["Togo"], ["Curaçao"]], dtype=object)
    Reference({"name": names}, {"output_0": np.zeros((2, 4), "float16")}, {}).write(tmp_path / "reference.npz")
    read = Reference.read(tmp_path / "reference.npz")
    assert read.inputs["name"].tolist() == names.tolist()
    assert read.predictions["output_0"].dtype == np.float16


@pytest.mark.parametrize(
    ("dtype", "given", "kind"),
    [("float32", np.array(["5"]), "numbers"), ("object", np.array([5.0]), "text"), ("float32", [None, {}], "numbers")],
)
def test_predictor_refuses_text_for_numbers_and_numbers_for_text(dtype, given, kind):
    predictor = Predictor(None, (Spec("value", dtype, (None,)),), lambda inputs: inputs)
    with pytest.raises(InputError) as caught:
        predictor.predict({"value": np.asarray(given)})
    assert caught.value.sentence == f"The input 'value' takes {kind}."


def test_predictor_matches_renamed_inputs_of_one_shape_by_kind():
    specs = Spec("inputs", "object", (None, 1)), Spec("inputs_1", "float32", (None, 1))
    given = {"bill": np.array([[9.5]]), "day": np.array([["Sun"]])}
    answers = Predictor(None, specs, lambda inputs: inputs).predict(given)
    assert {name: array.tolist() for name, array in answers.items()} == {"inputs": [["Sun"]], "inputs_1": [[9.5]]}
