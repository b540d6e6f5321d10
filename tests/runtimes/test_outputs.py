"""Every output of a model, in every structure, by its path."""

from pathlib import Path

import numpy as np
import pytest

from core.compare import Verdict, compare, match_outputs
from core.errors import CannotSave
from core.formats import get_format
from core.runtimes.base import predict_in_batches
from core.runtimes.keras import keras_predictor
from core.runtimes.specs import flatten_outputs
from core.runtimes.tf_module import module_predictor

ROWS = np.linspace(-1, 1, 70 * 3, dtype="float32").reshape(70, 3)


@pytest.mark.parametrize(
    ("outputs", "names", "paths"),
    [
        (1, None, {"output_0": 1}),
        ([1, 2], None, {"output_0": 1, "output_1": 2}),
        ((1, 2), ["left", "right"], {"left": 1, "right": 2}),
        ([1, 2], ["head", "head"], {"output_0": 1, "output_1": 2}),
        ({"a": 1, "b": {"c": 2, "d": [3]}}, ["x"], {"a": 1, "b/c": 2, "b/d/output_0": 3}),
        ([(1, 2), 3], None, {"output_0/output_0": 1, "output_0/output_1": 2, "output_1": 3}),
        ({"a/b": 1, "a": {"b": 2}}, None, {"output_0": 1, "output_1": 2}),
        ({"a": None, "b": 2}, None, {"b": 2}),
    ],
    ids=["one", "a list", "named", "two of one name", "nested", "lists in a list", "keys that collide", "None"],
)
def test_flatten_outputs_names_every_tensor_by_its_path(outputs, names, paths):
    assert flatten_outputs(outputs, names) == paths


def build_two_heads():
    """One Dense layer, "head", on two branches: Keras gives both outputs its name."""
    import keras

    inputs, head = keras.Input((3,), name="x"), keras.layers.Dense(2, name="head")
    return keras.Model(inputs, [head(keras.layers.Dense(3)(inputs)), head(keras.layers.Dense(3)(inputs))])


def build_recurrent():
    import keras

    inputs = keras.Input((3,), name="x")
    return keras.Model(inputs, keras.layers.LSTM(2, return_state=True, unroll=True)(keras.ops.expand_dims(inputs, 1)))


def build_nested():
    import keras

    inputs = keras.Input((3,), name="x")
    heads = [keras.layers.Dense(size + 1)(inputs) for size in range(4)]
    return keras.Model(inputs, {"a": heads[0], "b": {"c": heads[1], "e": [heads[2], heads[3]]}})


def build_with_mean():
    import keras

    inputs = keras.Input((3,), name="x")
    scores = keras.layers.Dense(2)(inputs)
    return keras.Model(inputs, {"scores": scores, "mean": keras.ops.mean(scores)})


MODELS = {
    "two heads": (build_two_heads, {"output_0": (70, 2), "output_1": (70, 2)}),
    "recurrent": (build_recurrent, {f"output_{index}": (70, 2) for index in range(3)}),
    "nested": (build_nested, {"a": (70, 1), "b/c": (70, 2), "b/e/output_0": (70, 3), "b/e/output_1": (70, 4)}),
    "mean": (build_with_mean, {"scores": (70, 2), "mean": (70,)}),
}


@pytest.mark.parametrize("name", MODELS)
def test_keras_predictor_gives_every_output(name: str):
    build, shapes = MODELS[name]
    model = build()
    predictions = predict_in_batches(keras_predictor(model), {"x": ROWS})
    assert {key: array.shape for key, array in predictions.items()} == shapes
    for key, wanted in flatten_outputs(model(ROWS[:64], training=False)).items():
        prediction = predictions[key][:64]
        np.testing.assert_allclose(prediction, np.broadcast_to(wanted, prediction.shape), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "key"), [("two heads", "frozen_graph"), ("nested", "saved_model"), ("mean", "openvino")]
)
def test_a_copy_gives_every_output(tmp_path: Path, name: str, key: str):
    model = MODELS[name][0]()
    reference = predict_in_batches(keras_predictor(model), {"x": ROWS})
    get_format(key).save_model(model, "keras", tmp_path)
    result = compare(reference, predict_in_batches(get_format(key).load(tmp_path), {"x": ROWS}), None)
    assert result.verdict.rank <= Verdict.ROUNDING.rank
    assert {pair.reference for pair in result.pairs} == reference.keys()


def test_damage_to_the_first_of_two_heads_is_noticed():
    model = build_two_heads()
    reference = keras_predictor(model).predict({"x": ROWS})
    branch = model.layers[1]
    branch.set_weights([weight + 6.99 for weight in branch.get_weights()])
    assert compare(reference, keras_predictor(model).predict({"x": ROWS}), None).verdict is Verdict.DIFFERENT


def test_a_damaged_output_takes_no_place_of_another():
    reference = {"left": np.zeros((4, 2)), "right": np.ones((4, 2))}
    answers = {"Identity": np.full((4, 2), 6.99), "Identity_1": np.ones((4, 2))}
    pairs = [(match.reference, match.answer) for match in match_outputs(reference, answers)]
    assert pairs == [("left", "Identity"), ("right", "Identity_1")]


def test_a_subclassed_model_with_nested_outputs_is_refused_by_an_export(tmp_path: Path):
    import keras

    class Nested(keras.Model):
        def call(self, x):
            return {"a": (x, x + 1)}

    model = Nested()
    model(ROWS)
    assert sorted(keras_predictor(model).predict({"input_0": ROWS})) == ["a/output_0", "a/output_1"]
    with pytest.raises(CannotSave, match="The outputs of this model are nested"):
        get_format("keras_export").save_model(model, "keras", tmp_path)


# Functions of a tf.Module


def build_module(shape, answer):
    import tensorflow as tf

    class Answering(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec(shape, tf.float32, name="x")])
        def __call__(self, x):
            return answer(x)

    return Answering()


@pytest.mark.parametrize(
    ("answer", "names"),
    [
        (lambda x: x * 2, ["output_0"]),
        (lambda x: [x * 2, x + 1], ["output_0", "output_1"]),
        (lambda x: {"a": x * 2, "b": {"c": [x + 1]}}, ["a", "b/c/output_0"]),
    ],
    ids=["a tensor", "a list", "nested"],
)
@pytest.mark.parametrize("rows", [None, 2, 32])
def test_a_module_answers_any_number_of_rows_in_any_structure(rows, answer, names):
    predictions = predict_in_batches(module_predictor(build_module([rows, 3], answer)), {"x": ROWS})
    assert list(predictions) == names
    assert predictions[names[0]].tolist() == (ROWS * 2).tolist()
    assert predictions[names[-1]].tolist() == (ROWS * 2 if len(names) == 1 else ROWS + 1).tolist()


def test_a_module_answers_through_a_function_that_is_an_attribute():
    import tensorflow as tf

    class Holding(tf.Module):
        def __init__(self):
            super().__init__()
            self.double = tf.function(lambda x: x * 2, input_signature=[tf.TensorSpec([None, 3], tf.float32, name="x")])

        def __call__(self, x):
            return self.double(x)

    assert module_predictor(Holding()).predict({"x": ROWS})["output_0"].tolist() == (ROWS * 2).tolist()


@pytest.mark.parametrize("key", ["saved_model", "litert"])
def test_a_copy_of_a_module_with_nested_outputs_gives_them_by_path(tmp_path: Path, key: str):
    module = build_module([None, 3], lambda x: {"a": x * 2, "b": {"c": [x + 1]}})
    get_format(key).save_model(module, "module", tmp_path)
    predictions = get_format(key).load(tmp_path).predict({"x": ROWS})
    assert {name: array.tolist() for name, array in predictions.items()} == {
        "a": (ROWS * 2).tolist(),
        "b/c/output_0": (ROWS + 1).tolist(),
    }
