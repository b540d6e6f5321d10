"""Conversions that work elsewhere: where a converter's first way fails, another one that gives the same answers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.arrays import Arrays
from core.errors import CannotSave
from core.formats import get_format
from core.formats.base import Saved
from core.formats.litert import SINGLE_ROW_REMARK
from core.runtimes.base import Predictor
from core.runtimes.live import live_predictor
from core.runtimes.model_kinds import ModelFile, model_kind
from core.runtimes.onnx import FILE as ONNX
from core.runtimes.signature_module import serving_module
from tests.factories import architectures
from tests.factories.parser_models import expected_parser_predictions, make_parser_inputs, write_parser_model
from tests.parameter_pairs import drawn_values

pytestmark = pytest.mark.filterwarnings("ignore:Layer 'conv1d")  # which loses the mask, as in the model that was asked
CLOSE = {"rtol": 1e-4, "atol": 1e-5}


def convert(model: Any, key: str, folder: Path, inputs: Arrays) -> tuple[Saved, Predictor]:
    """A model saved in a format, and the predictor over the copy."""
    folder.mkdir()
    saved = get_format(key).save_model(model, model_kind(model), folder, samples=lambda: inputs)
    return saved, get_format(key).load(folder)


def refuse(model: Any, key: str, folder: Path, inputs: Arrays | None = None) -> CannotSave:
    """The error with which a format refuses a model."""
    folder.mkdir()
    with pytest.raises(CannotSave) as caught:
        get_format(key).save_model(model, model_kind(model), folder, samples=lambda: inputs or {})
    return caught.value


def first_answer(predictor: Predictor, inputs: Arrays) -> np.ndarray:
    return next(iter(predictor.predict(inputs).values()))


# LiteRT, for one row


@pytest.fixture(scope="module")
def masked_gru() -> tuple[Any, Arrays, np.ndarray]:
    model = architectures.build_masked_gru()
    inputs = architectures.make_inputs(model)
    return model, inputs, model.predict(inputs["steps"], verbose=0)


@pytest.mark.parametrize(("key", "tolerance"), [("litert", 1e-6), ("litert_dynamic", 0.05)])
def test_masked_gru_is_converted_for_one_row_and_says_so(key, tolerance, masked_gru, tmp_path):
    model, inputs, expected = masked_gru
    saved, predictor = convert(model, key, tmp_path / "copy", inputs)
    assert saved.remark == SINGLE_ROW_REMARK
    assert "one row at a time" in predictor.remark
    assert [spec.name for spec in predictor.inputs] == ["steps"]
    np.testing.assert_allclose(first_answer(predictor, inputs), expected, atol=tolerance)


def test_saved_model_of_masked_gru_is_converted_for_one_row(masked_gru, tmp_path):
    model, inputs, expected = masked_gru
    get_format("saved_model").save(model, tmp_path / "graph")
    saved, predictor = convert(serving_module(tmp_path / "graph"), "litert", tmp_path / "copy", inputs)
    assert saved.remark == SINGLE_ROW_REMARK
    np.testing.assert_allclose(first_answer(predictor, inputs), expected, atol=1e-6)


def test_masked_gru_in_integers_is_refused_for_its_loops(masked_gru, tmp_path):
    model, inputs, _ = masked_gru
    error = refuse(model, "litert_int8", tmp_path / "copy", inputs)
    assert error.sentence == (
        "The quantizer cannot measure the ranges of a model that has loops, such as those of recurrent layers."
    )


@pytest.mark.parametrize("rows", [1, 4])
@pytest.mark.parametrize(("key", "remembers"), [("litert", True), ("onnx", False)])
def test_stateful_model_is_converted_for_its_stated_rows(key, remembers, rows, tmp_path):
    import keras

    keras.utils.set_random_seed(0)
    steps = keras.Input(batch_shape=(rows, 3, 4), name="x")
    model = keras.Model(steps, keras.layers.LSTM(2, stateful=True)(steps))
    inputs = {"x": np.random.default_rng(0).random((8, 3, 4), "float32")}
    expected = first_answer(live_predictor(model), inputs)
    _, predictor = convert(model, key, tmp_path / "copy", inputs)
    np.testing.assert_allclose(first_answer(predictor, inputs), expected, **CLOSE)
    assert (predictor.call_rows, predictor.state is not None) == (rows, remembers)


@pytest.mark.parametrize("key", ["onnx", "litert", "saved_model", "keras"])
def test_copy_of_model_that_remembers_begins_anew(key, tmp_path):
    """And the live model goes on from where it was."""
    import keras

    keras.utils.set_random_seed(0)
    steps = keras.Input(batch_shape=(2, 3, 4), name="x")
    layer = keras.layers.SimpleRNN(2, stateful=True, unroll=True)
    model = keras.Model(steps, layer(steps))
    rows = np.random.default_rng(0).random((2, 3, 4), "float32")
    first, second = np.array(model(rows)), np.array(model(rows))
    state = np.array(layer.states[0])
    _, predictor = convert(model, key, tmp_path / "copy", {"x": rows})
    np.testing.assert_array_equal(layer.states[0], state)
    assert np.abs(first - second).max() > 0.01
    live = live_predictor(model)
    for answer in [first_answer(each, {"x": rows}) for each in (predictor, live) for _ in range(3)]:
        np.testing.assert_allclose(answer, first, **CLOSE)


def test_model_that_converts_for_any_number_of_rows_has_no_remark(tmp_path):
    model = architectures.build_convnext_block()
    saved, predictor = convert(model, "litert", tmp_path / "copy", architectures.make_inputs(model))
    assert (saved.remark, predictor.remark) == ("", "")


# ONNX, in other operations


BUILDERS: list[Callable[[], Any]] = [architectures.build_convnext_block, architectures.build_transformer]


@pytest.mark.parametrize("build", BUILDERS, ids=["convnext", "transformer"])
def test_onnx_file_of_exact_gelu_predicts_the_same(build, tmp_path):
    model = build()
    inputs = architectures.make_inputs(model)
    expected = model.predict(next(iter(inputs.values())), verbose=0)
    for key in ("onnx", "litert"):
        _, predictor = convert(model, key, tmp_path / key, inputs)
        np.testing.assert_allclose(first_answer(predictor, inputs), expected, **CLOSE)
    _, predictor = convert(ModelFile("litert", tmp_path / "litert"), "onnx", tmp_path / "from litert", inputs)
    np.testing.assert_allclose(first_answer(predictor, inputs), expected, **CLOSE)


def test_onnx_decompositions_equal_the_operations_of_tensorflow(tmp_path):
    import tensorflow as tf

    def call(x):
        y = tf.abs(x)
        parts = [tf.math.erfc(x), tf.math.expm1(x), tf.math.log1p(y), tf.math.multiply_no_nan(x, tf.nn.relu(x))]
        parts += [x // (y + 0.3), x % (-y - 0.3)]
        return {"y": tf.concat([*parts, *(f(x, y) for f in (tf.math.xlogy, tf.math.xlog1py, tf.math.xdivy))], -1)}

    class Operations(tf.Module):
        __call__ = tf.function(lambda self, x: call(x), input_signature=[tf.TensorSpec([None, 3], tf.float32, "x")])

    rows = np.array([[-1.5, 0.0, 2.0], [0.25, -0.0, 1e-3]], "float32")
    _, predictor = convert(Operations(), "onnx", tmp_path / "copy", {"x": rows})
    np.testing.assert_allclose(first_answer(predictor, {"x": rows}), call(rows)["y"].numpy(), atol=1e-6)


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_onnx_operations_on_integers_below_zero_equal_those_of_tensorflow(dtype, tmp_path):
    import tensorflow as tf

    def call(x):
        y = x * 0 + tf.constant(-3, dtype)
        parts = [x // tf.constant(3, dtype), x % tf.constant(3, dtype), x // y, x % y]
        classes = [tf.one_hot(x, 3, dtype=dtype), tf.one_hot(x, 3, on_value=7, off_value=-1, axis=1, dtype=dtype)]
        return {"y": tf.concat([*parts, *(tf.reshape(each, [-1, 15]) for each in classes)], -1)}

    signature = [tf.TensorSpec([None, 5], dtype, "x")]

    class Operations(tf.Module):
        __call__ = tf.function(lambda self, x: call(x), input_signature=signature)

    rows = np.array([[-7, -6, -1, 0, 1], [2, 3, 7, 8, -3]], dtype)
    _, predictor = convert(Operations(), "onnx", tmp_path / "copy", {"x": rows})
    assert first_answer(predictor, {"x": rows}).tolist() == call(rows)["y"].numpy().tolist()


@pytest.mark.parametrize("key", drawn_values(["onnx", "litert", "openvino", "frozen_graph"], 2))
def test_convolution_of_groups_is_converted(key, tmp_path):
    import keras

    keras.utils.set_random_seed(0)
    pictures = keras.Input((6, 6, 4), name="picture")
    features = keras.layers.Conv2D(4, 3, groups=4, padding="same", activation="relu")(pictures)
    model = keras.Model(pictures, keras.layers.Conv2D(6, 3, groups=2, name="groups")(features))
    inputs = {"picture": np.random.default_rng(0).random((3, 6, 6, 4), "float32")}
    _, predictor = convert(model, key, tmp_path / "copy", inputs)
    np.testing.assert_allclose(first_answer(predictor, inputs), model.predict(inputs["picture"], verbose=0), **CLOSE)


@pytest.mark.parametrize("opset", [15, *(pytest.param(each, marks=pytest.mark.long) for each in (13, 14, 16, 17)), 18])
def test_onnx_file_tells_zero_below_zero_as_keras_does(opset, tmp_path):
    """Keras asks for the sign of each number by its bits, in argmax and argmin too: -0.0 is less than 0.0 there."""
    import keras

    ops, x = keras.ops, keras.Input((4,), name="x")
    outputs = {"most": ops.argmax(x, axis=-1), "least": ops.argmin(x, axis=1), "is_below": ops.signbit(x)}
    model = keras.Model(x, outputs)
    rows = np.array([[0.0, -0.0, -1, -0.0], [-0.0, 0.0, -3, -5], [1, 2, 3, -np.inf], [-0.0, -0.0, -0.0, -1e-30]], "f4")
    expected = {name: np.asarray(answer).tolist() for name, answer in model(rows).items()}
    get_format("onnx").save_model(model, "keras", tmp_path, {"opset": opset})
    answers = get_format("onnx").load(tmp_path).predict({"x": rows})
    assert {name: answer.tolist() for name, answer in answers.items()} == expected
    assert (expected["most"], expected["least"]) == ([0, 1, 2, 0], [2, 3, 3, 3])


@pytest.mark.parametrize("kind", ["keras", "module"])
def test_onnx_file_of_answers_that_are_inputs_is_written(kind, tmp_path):
    """The converter says of its own that an input does not exist."""
    import keras
    import tensorflow as tf

    def call(row, key):
        return {"key": key, "row": row, "sum": keras.ops.sum(row, axis=1)}

    signature = [tf.TensorSpec([None, 3], tf.float32, "row"), tf.TensorSpec([None, 1], tf.int32, "key")]

    class Passing(tf.Module):
        __call__ = tf.function(lambda self, row, key: call(row, key), input_signature=signature)

    row, key = keras.Input((3,), name="row"), keras.Input((1,), dtype="int32", name="key")
    model = keras.Model({"row": row, "key": key}, call(row, key)) if kind == "keras" else Passing()
    inputs = {"key": np.array([[7], [9]], "i4"), "row": np.array([[1, 2, 3], [4, 5, 6]], "f4")}
    _, predictor = convert(model, "onnx", tmp_path / "copy", inputs)
    inputs = {spec.name: inputs["key" if spec.dtype == "int32" else "row"] for spec in predictor.inputs}
    answers = [answer.tolist() for answer in predictor.predict(inputs).values()]
    assert sorted(answers, key=str) == [[6, 15], [[1, 2, 3], [4, 5, 6]], [[7], [9]]]


def test_onnx_file_of_regularized_activity_predicts_the_same(tmp_path):
    """The converter says of its own that it failed to import a metagraph."""
    import keras

    x = keras.Input((4,), name="x")
    features = keras.layers.Dense(3, "tanh", activity_regularizer=keras.regularizers.L1(0.1))(x)
    model, rows = keras.Model(x, keras.layers.Dense(2)(features)), np.ones((3, 4), "f4")
    _, predictor = convert(model, "onnx", tmp_path / "copy", {"x": rows})
    (port,) = predictor.inputs
    np.testing.assert_allclose(first_answer(predictor, {port.name: rows}), model.predict(rows, verbose=0), **CLOSE)


# By the operation: how many axes of the tensor an index stands for, and the first opset that can say it.
SCATTERS = {
    "scatter_nd": (1, 16),
    "scatter_nd of two axes": (2, 16),
    "tensor_scatter_nd_add": (1, 16),
    "tensor_scatter_nd_sub": (2, 16),
    "tensor_scatter_nd_max": (1, 18),
    "tensor_scatter_nd_min": (2, 18),
}


@pytest.mark.parametrize(("dtype", "opset"), [("float32", 15), ("int32", 13), ("bool", 18)])
@pytest.mark.parametrize("name", drawn_values(list(SCATTERS), 3))
def test_onnx_file_adds_up_numbers_for_one_place(name, dtype, opset, tmp_path):
    import onnxruntime
    import tensorflow as tf

    depth, first = SCATTERS[name]
    scatter, is_fresh = getattr(tf, name.split()[0]), name.startswith("scatter")
    if dtype == "bool" and not is_fresh:
        pytest.skip("TensorFlow has it for numbers alone.")
    places = tf.constant([[1, 2], [1, 2], [0, 1], [3, 0], [1, 2]])[:, :depth]
    shape = [4, 3, 2]

    def call(x):
        updates = tf.cast(x, dtype)
        return scatter(places, updates, shape) if is_fresh else scatter(tf.ones(shape, dtype), places, updates)

    signature = [tf.TensorSpec([5, *shape[depth:]], "int32", "x")]

    class Scattering(tf.Module):
        __call__ = tf.function(lambda self, x: {"y": call(x)}, input_signature=signature)

    rows = np.random.default_rng(0).integers(-3, 4, (5, *shape[depth:])).astype("int32")
    (tmp_path / "copy").mkdir()
    saved = get_format("onnx").save_model(Scattering(), "module", tmp_path / "copy", {"opset": opset})
    said = f"It is of opset {first}: " if opset < first else ""
    assert (saved.remark[: len(said)], bool(saved.remark)) == (said, bool(said))
    session = onnxruntime.InferenceSession(tmp_path / "copy" / ONNX)
    (answer,) = session.run(None, {session.get_inputs()[0].name: rows})
    assert answer.tolist() == call(rows).numpy().tolist()


# Graphs of TensorFlow 1 that are fed behind their parser


@pytest.mark.parametrize("shape", [[None], None], ids=["a list of examples", "examples in any shape"])
def test_graph_fed_behind_its_parser_is_cut_there(shape, tmp_path):
    path, inputs = write_parser_model(tmp_path, shape), make_parser_inputs()
    specs = get_format("saved_model").load(path).inputs
    assert [(spec.name, spec.shape) for spec in specs] == [("times", (None, 1)), ("x", (None, 3))]
    model = serving_module(path)
    for key in ("saved_model", "frozen_graph", "onnx", "litert", "openvino"):
        _, predictor = convert(model, key, tmp_path / key, inputs)
        np.testing.assert_allclose(first_answer(predictor, inputs), expected_parser_predictions(inputs), **CLOSE)
    assert b"ParseExample" not in (tmp_path / "frozen_graph" / "model.pb").read_bytes()


# LiteRT in integers


def test_integer_file_that_xnnpack_refuses_predicts_by_own_kernels(tmp_path):
    model = architectures.build_mobilenet_block()
    inputs = {"picture": (np.random.default_rng(0).random((4, 16, 16, 3)) * 255).astype("float32")}
    _, predictor = convert(model, "litert_int8", tmp_path / "copy", inputs)
    assert "XNNPACK" in predictor.remark
    classes = model.predict(inputs["picture"], verbose=0).argmax(-1)
    assert first_answer(predictor, inputs).argmax(-1).tolist() == classes.tolist()


@pytest.mark.parametrize("key", ["litert_float16", "litert_dynamic", "litert_int8"])
def test_file_of_dynamic_range_is_not_quantised_again(key, dynamic_range_file, tmp_path):
    error = refuse(dynamic_range_file, key, tmp_path / "copy", {"x": np.zeros((2, 40), "float32")})
    assert error.sentence == "This LiteRT file is quantised already, and what was rounded once is not rounded again."
    assert error.cure == "Keep the file as it is, or quantise the model that it was made from."


@pytest.fixture(scope="module")
def dynamic_range_file(tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    """A file as TensorFlow's own converter quantises it."""
    import tensorflow as tf

    kernel = tf.constant(np.random.default_rng(0).normal(size=(40, 64)).astype("float32"))
    specs = [tf.TensorSpec([None, 40], tf.float32, "x")]
    serve = tf.function(lambda x: {"y": tf.nn.relu(x @ kernel)}, input_signature=specs).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([serve], tf.Module())
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    folder = tmp_path_factory.mktemp("dynamic")
    (folder / "model.tflite").write_bytes(converter.convert())
    return ModelFile("litert", folder)


def test_float_file_with_nothing_to_quantise_is_to_be_kept(tmp_path):
    import tensorflow as tf

    serve = tf.function(lambda x: {"y": x + 1.0}, input_signature=[tf.TensorSpec([None, 3], tf.float32, "x")])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([serve.get_concrete_function()], tf.Module())
    (tmp_path / "model.tflite").write_bytes(converter.convert())
    error = refuse(ModelFile("litert", tmp_path), "litert_float16", tmp_path / "copy")
    assert error.cure.startswith("Keep the file as it is: ")
