"""Every way to give inputs: arrays by the model's own names and in its own order, or one clear sentence."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse as scipy_sparse

from core.errors import InputError
from core.formats import get_format
from core.library.given_inputs import read_given_inputs
from core.runtimes.live import live_predictor

LEFT, RIGHT = np.full((5, 3), 1.0, "float32"), np.full((5, 3), 10.0, "float32")
TEXT = np.array([["one"], ["two"], ["one two"]])


def read(model, inputs) -> dict[str, np.ndarray]:
    return read_given_inputs(model, live_predictor(model), inputs)


@pytest.fixture(scope="module")
def difference():
    """A functional model of a list of inputs, IT and IS, that gives IT - IS."""
    import keras

    minuend, subtrahend = keras.Input((3,), name="IT"), keras.Input((3,), name="IS")
    return keras.Model([minuend, subtrahend], keras.ops.subtract(minuend, subtrahend))


@pytest.fixture(scope="module")
def single():
    """A functional model of one input of numbers."""
    import keras

    inputs = keras.Input((3,), name="x")
    return keras.Model(inputs, keras.ops.negative(inputs))


@pytest.fixture(scope="module")
def reader():
    """A functional model of one column of text."""
    import keras

    inputs = keras.Input((1,), name="text", dtype="string")
    return keras.Model(inputs, keras.layers.TextVectorization(output_sequence_length=2, vocabulary=["one"])(inputs))


@pytest.mark.parametrize(
    "inputs",
    [{"IS": RIGHT, "IT": LEFT}, {"b": LEFT, "a": RIGHT}, [LEFT, RIGHT], (LEFT, RIGHT)],
    ids=["another order", "foreign names", "a list", "a tuple"],
)
def test_inputs_get_the_names_and_the_order_of_the_model(difference, inputs):
    arrays = read(difference, inputs)
    assert list(arrays) == ["IT", "IS"]
    assert (arrays["IT"].max(), arrays["IS"].max()) == (1, 10)
    assert live_predictor(difference).predict(arrays)["output_0"].tolist() == [[-9.0] * 3] * 5


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float64", "int8", "uint8", "int64", "bool"])
def test_inputs_of_every_type_can_be_sent_and_are_predicted_on(dtype):
    """NumPy's buffers hold no bfloat16: its numbers are kept as float32, which holds each of them."""
    import keras

    inputs = keras.Input((2,), name="x", dtype=dtype)
    model = keras.Model(inputs, keras.ops.flip(inputs, axis=1))
    arrays = read(model, np.array([[0, 1], [1, 1]]))
    assert arrays["x"].dtype == ("float32" if dtype == "bfloat16" else dtype)
    assert memoryview(arrays["x"]).nbytes == arrays["x"].nbytes
    assert live_predictor(model).predict(arrays)["output_0"].tolist() == [[1, 0], [1, 1]]


def test_three_inputs_in_another_order_keep_the_order_of_the_model():
    import keras

    parts = [keras.Input((3,), name=name) for name in ("q", "m", "b")]
    arrays = read(keras.Model(parts, keras.layers.Add()(parts)), {"b": 3 * LEFT, "q": LEFT, "m": 2 * LEFT})
    assert [(name, array.max()) for name, array in arrays.items()] == [("q", 1), ("m", 2), ("b", 3)]


def test_twelve_inputs_of_a_saved_model_keep_their_order(tmp_path):
    import keras

    parts = [keras.Input((3,), name=f"part{place}") for place in range(12)]
    model = keras.Model(parts, sum((place + 1) * part for place, part in enumerate(parts)))
    arrays = read(model, [np.full((5, 3), 2.0**place, "float32") for place in range(12)])
    get_format("saved_model").save_model(model, "keras", tmp_path)
    copy = get_format("saved_model").load(tmp_path)
    assert copy.predict(arrays)["output_0"].tolist() == live_predictor(model).predict(arrays)["output_0"].tolist()


def make_tensor(array, dtype=None):
    import tensorflow as tf

    return tf.cast(array, dtype) if dtype else tf.constant(array)


@pytest.mark.parametrize(
    "give",
    [
        lambda array: array.tolist(),
        list,
        lambda array: [array],
        lambda array: array.astype("float64"),
        lambda array: array.astype(object),
        make_tensor,
        lambda array: pd.DataFrame(array, columns=list("abc")),
        lambda array: pd.DataFrame(array).astype(object),
        lambda array: make_tensor(array, "bfloat16"),
    ],
    ids=["numbers", "rows", "a list", "float64", "objects", "a tensor", "a table", "a table of objects", "bfloat16"],
)
def test_one_input_of_numbers_is_taken_in_every_form(single, give):
    (array,) = read(single, give(LEFT)).values()
    assert (array.dtype, array.tolist()) == (np.float32, LEFT.tolist())


@pytest.mark.parametrize(
    "give",
    [
        np.asarray,
        lambda array: array.astype(object),
        lambda array: np.char.encode(array),
        lambda array: array.astype(np.dtypes.StringDType()),
        make_tensor,
        lambda array: pd.DataFrame(array),
        lambda array: pd.Series(array[:, 0]),
        lambda array: {"text": array[:, 0]},
    ],
    ids=["text", "objects", "bytes", "StringDType", "a tensor", "a table", "a column", "one axis"],
)
def test_text_is_taken_in_every_form(reader, give):
    assert read(reader, give(TEXT))["text"].tolist() == TEXT.tolist()
    assert live_predictor(reader).predict(read(reader, give(TEXT)))["output_0"].tolist() == [[2, 0], [1, 0], [2, 1]]


def test_columns_of_a_table_are_inputs_of_their_names():
    import keras

    age, city = keras.Input((1,), name="age"), keras.Input((1,), name="city", dtype="string")
    indices = keras.layers.StringLookup(vocabulary=["Bern"], output_mode="one_hot")(city)
    model = keras.Model({"age": age, "city": city}, keras.layers.Concatenate()([age, indices]))
    arrays = read(model, pd.DataFrame({"city": ["Bern", "Basel"], "age": [30, 40]}))
    assert {name: array.tolist() for name, array in arrays.items()} == {
        "age": [[30.0], [40.0]],
        "city": [["Bern"], ["Basel"]],
    }


def test_gaps_of_a_table_are_nan(single):
    table = pd.DataFrame({"a": [1.0, None], "b": [1, 2], "c": [1, 2]}).convert_dtypes()
    (array,) = read(single, table).values()
    assert np.isnan(array).tolist() == [[False, False, False], [True, False, False]]


def test_inputs_in_the_nested_structure_of_the_model_go_by_their_names():
    import keras

    taken = {"v": [keras.Input((3,), name="q")], "u": {"p": keras.Input((3,), name="p")}}
    model = keras.Model(taken, keras.ops.subtract(taken["u"]["p"], taken["v"][0]))
    arrays = read(model, {"u": {"p": RIGHT}, "v": [LEFT]})
    assert {name: array.max() for name, array in arrays.items()} == {"p": 10, "q": 1}
    assert live_predictor(model).predict(arrays)["output_0"].max() == 9


def ragged():
    import tensorflow as tf

    return tf.ragged.constant([[1.0, 2.0], [3.0]])


def sparse():
    import tensorflow as tf

    return tf.sparse.from_dense(LEFT)


def dataset():
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices(LEFT).batch(2)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (ragged, "The input 'x' is no plain array."),
        (sparse, "The input 'x' is no plain array."),
        (dataset, "The input 'x' is no plain array."),
        (lambda: (row for row in LEFT), "The input 'x' is no plain array."),
        (lambda: [[1, 2], [3]], "The input 'x' has rows of different shapes."),
        (lambda: np.array([["a", 1, 2.0]] * 3, dtype=object), "The input 'x' holds text and numbers in one array."),
        (lambda: np.array([[{}, 1, 2.0]] * 3, dtype=object), "The input 'x' holds objects in one array."),
        (lambda: np.array([["2026-01-01"]] * 3, dtype="datetime64[D]"), "The input 'x' holds dates or times."),
        (lambda: np.array([["a", None, np.nan]] * 3, dtype=object), "The input 'x' holds text with gaps."),
        (lambda: np.ma.masked_less(LEFT, 5.0), "The input 'x' is no plain array."),
        (lambda: scipy_sparse.coo_array(LEFT), "The input 'x' is no plain array."),
        (lambda: {"x": {"inner": LEFT}}, "The input 'x' is no plain array."),
        (lambda: LEFT.astype("complex64"), "The input 'x' takes real numbers."),
        (lambda: [LEFT, RIGHT], "This model takes 1 inputs (x)."),
        (lambda: None, "The inputs must be arrays with the same number of rows, at least one, batch first."),
        (lambda: "text", "The inputs must be arrays with the same number of rows, at least one, batch first."),
        (lambda: {"x": LEFT, "y": RIGHT}, "This model takes 1 inputs (x)."),
        (lambda: LEFT[:, :2], "The input 'x' must have the shape (None, 3)."),
    ],
)
def test_what_cannot_be_taken_is_refused_in_a_sentence(single, make, sentence):
    with pytest.raises(InputError) as caught:
        read(single, make())
    assert caught.value.sentence == sentence
    assert caught.value.cure


# Subclassed models


def build_subclassed(call, *arguments, **named):
    """A subclassed model with this `call`, called once."""
    import keras

    model = type("Subclassed", (keras.Model,), {"call": call})()
    model(*arguments, **named)
    return model


def call_two(self, a, b):
    return a - b


def call_scaled(self, x, scale=None):
    return x if scale is None else x * scale


def call_list(self, inputs):
    first, second = inputs
    return first - second


def call_dictionary(self, inputs):
    return inputs["u"] - inputs["t"]


LESS, SCALED = [[-9.0] * 3] * 5, [[10.0] * 3] * 5


@pytest.mark.parametrize(
    ("call", "built_on", "inputs", "names", "answer"),
    [
        (call_two, ((LEFT, RIGHT), {}), {"b": RIGHT, "a": LEFT}, {"a", "b"}, LESS),
        (call_two, ((LEFT, RIGHT), {}), [LEFT, RIGHT], {"a", "b"}, LESS),
        (call_scaled, ((LEFT,), {}), {"x": LEFT}, {"x"}, LEFT.tolist()),
        (call_scaled, ((LEFT,), {}), LEFT, {"input_0"}, LEFT.tolist()),
        (call_scaled, ((LEFT,), {}), {"x": LEFT, "scale": RIGHT}, {"x", "scale"}, SCALED),
        (call_scaled, ((LEFT,), {"scale": RIGHT}), {"scale": RIGHT, "x": LEFT}, {"x", "scale"}, SCALED),
        (call_scaled, ((LEFT,), {}), {"x": LEFT, "scale": None}, {"x"}, LEFT.tolist()),
        (call_list, (([LEFT, RIGHT],), {}), [LEFT, RIGHT], {"input_0", "input_1"}, LESS),
        (call_list, (([LEFT, RIGHT],), {}), {"one": LEFT, "two": RIGHT}, {"input_0", "input_1"}, LESS),
        (call_dictionary, (({"u": LEFT, "t": RIGHT},), {}), {"t": RIGHT, "u": LEFT}, {"t", "u"}, LESS),
    ],
)
def test_a_subclassed_model_is_called_as_it_is_written(call, built_on, inputs, names, answer):
    model = build_subclassed(call, *built_on[0], **built_on[1])
    arrays = read(model, inputs)
    assert set(arrays) == names
    assert live_predictor(model).predict(arrays)["output_0"].tolist() == answer


# Inputs that may be left out


@pytest.fixture(scope="module")
def optional():
    """A functional model that doubles x, and adds y where it is given."""
    import keras

    class AddIfGiven(keras.layers.Layer):
        def call(self, x, y=None):
            return x * 2 if y is None else x * 2 + y

        def compute_output_shape(self, x_shape, y_shape=None):
            return x_shape

    x, y = keras.Input((3,), name="x"), keras.Input((3,), name="y", optional=True)
    return keras.Model({"x": x, "y": y}, AddIfGiven()(x, y))


@pytest.mark.parametrize(
    ("inputs", "answer"),
    [({"x": LEFT, "y": None}, 2), ({"x": LEFT}, 2), ({"y": RIGHT, "x": LEFT}, 12), ([LEFT, None], 2), (LEFT, 2)],
    ids=["None", "without the key", "a value", "a list with None", "the other alone"],
)
def test_an_optional_input_may_be_left_out(optional, inputs, answer):
    predictor = live_predictor(optional)
    assert [(spec.name, spec.to_json().get("optional")) for spec in predictor.inputs] == [("x", None), ("y", True)]
    assert predictor.predict(read(optional, inputs))["output_0"].tolist() == [[answer] * 3] * 5


def test_an_input_that_is_not_optional_cannot_be_left_out(optional):
    with pytest.raises(InputError, match=r"This model takes 2 inputs \(x, y\)"):
        read(optional, {"y": RIGHT})


def test_text_of_pandas_is_refused_by_keras_and_read_here():
    import keras
    import tensorflow as tf

    inputs = keras.Input((1,), dtype="string", name="word")
    model = keras.Model(inputs, keras.layers.StringLookup(vocabulary=["a", "b"])(inputs))
    table = pd.DataFrame({"word": ["a", "b", "c"]})
    with pytest.raises(ValueError, match="Invalid dtype: str"):
        model.predict(table, verbose=0)
    assert model.predict(tf.constant(table.to_numpy()), verbose=0).ravel().tolist() == [1, 2, 0]
    given = read(model, table)
    assert (given["word"].dtype.kind, given["word"].ravel().tolist()) == ("U", ["a", "b", "c"])
