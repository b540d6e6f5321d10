"""Models as packages ship them, read by the formats themselves: answers are compared with NumPy's."""

from pathlib import Path

import numpy as np
import pytest

from core.errors import CannotSave
from core.formats import get_format
from core.runtimes.base import ModelCode, Predictor
from core.runtimes.litert import open_interpreter
from core.runtimes.model_facts import describe_graph_file
from core.runtimes.model_kinds import ModelFile
from core.worker.model_loading import follow_choices
from tests.factories import packaged_models
from tests.factories.packaged_models import KERNEL

ROWS = np.random.default_rng(0).random((5, 4), "float32")


def load(key: str, path: Path, **code) -> Predictor:
    """Load a file, or a folder, as the copy of a format."""
    names = {"onnx": "model.onnx", "litert": "model.tflite", "keras": "model.keras"}
    if path.is_file():
        path = path.rename(path.with_name(names[key])).parent
    return follow_choices(get_format(key).load(path, ModelCode(**code, compiles=False)), ModelCode(**code))


def test_onnx_cell_counts_rows_on_named_axes(tmp_path: Path):
    predictor = load("onnx", packaged_models.write_stateful_cell(tmp_path / "cell.onnx"))
    state, rate = np.random.default_rng(1).random((5, 2, 3), "float32"), np.arange(5, dtype="float32")
    answers = predictor.predict({"input": ROWS, "state": state, "rate": rate})
    new = np.tanh(state + (ROWS @ KERNEL)[:, None])
    assert np.allclose(answers["stateN"], new, atol=1e-6)
    assert np.allclose(answers["output"], new[:, 0] * rate[:, None], atol=1e-6)


def test_time_major_onnx_file_answers_rows_first(tmp_path: Path):
    predictor = load("onnx", packaged_models.write_time_major_onnx(tmp_path / "time.onnx"))
    rows = np.random.default_rng(0).random((600, 20, 4), "float32")
    assert np.allclose(predictor.predict({"x": rows})["y"], rows @ KERNEL, atol=1e-6)


def test_onnx_scan_over_rows_is_asked_one_row_at_a_time(tmp_path: Path):
    path = packaged_models.write_running_sum_onnx(tmp_path / "scan.onnx")
    predictor = load("onnx", path, one_row=True)
    assert np.array_equal(predictor.predict({"x": ROWS})["y"], ROWS)
    assert "each is asked alone" in predictor.remark


def test_onnx_file_of_opset_6_is_translated_and_says_so(tmp_path: Path):
    predictor = load("onnx", packaged_models.write_opset6_onnx(tmp_path / "old.onnx"))
    assert np.allclose(predictor.predict({"x": ROWS})["y"], ROWS @ KERNEL + [1, 2, 3], atol=1e-6)
    assert "of opset 6" in predictor.remark


def test_onnx_file_with_external_data_predicts_and_shows_its_weights(tmp_path: Path):
    predictor = load("onnx", packaged_models.write_external_onnx(tmp_path / "external"))
    rows = np.random.default_rng(0).random((2, 20, 4), "float32")
    assert np.allclose(predictor.predict({"x": rows})["y"], rows @ KERNEL, atol=1e-6)
    assert [(name, array.tolist()) for name, array in predictor.weights()] == [("kernel", KERNEL.tolist())]


def test_onnx_constants_in_nodes_are_counted(tmp_path: Path):
    predictor = load("onnx", packaged_models.write_constant_node_onnx(tmp_path / "constant.onnx"))
    assert describe_graph_file(predictor, tmp_path, "onnx")["parameters"] == 12 + 2


def test_sizes_in_an_onnx_file_are_no_parameters(tmp_path: Path):
    predictor = load("onnx", packaged_models.write_stateful_cell(tmp_path / "cell.onnx"))
    assert describe_graph_file(predictor, tmp_path, "onnx")["parameters"] == 12


REMEMBERING = {
    "SavedModel": ("saved_model", lambda folder: packaged_models.write_counting_saved_model(folder / "counting")),
    "LiteRT": ("litert", lambda folder: packaged_models.write_counting_tflite(folder / "counting.tflite")),
}


@pytest.mark.parametrize("case", REMEMBERING)
@pytest.mark.parametrize("keeps", [False, True], ids=["forgets", "keeps"])
def test_model_that_remembers_forgets_unless_told_to_keep(case: str, keeps: bool, tmp_path: Path):
    key, write = REMEMBERING[case]
    predictor = load(key, write(tmp_path), keeps_state=keeps)
    expected = np.cumsum(ROWS, axis=0) if keeps else ROWS
    assert np.allclose(predictor.predict({"x": ROWS})["y"], expected, atol=1e-6)
    predictor.forget()
    assert np.allclose(predictor.predict({"x": ROWS})["y"], expected, atol=1e-6)
    assert ("its state is kept" if keeps else "each call begins anew") in predictor.remark


def test_tf1_session_forgets_what_it_assigned(tmp_path: Path):
    import tensorflow as tf

    item = tf.compat.v1
    with tf.Graph().as_default() as graph, item.Session(graph=graph) as session:
        x = item.placeholder("float32", [1, 4], "x")
        total = item.get_variable("total", initializer=np.zeros((1, 4), "float32"), use_resource=True)
        with tf.control_dependencies([total.assign_add(x)]):
            y = tf.identity(total.read_value(), "y")
        session.run(item.global_variables_initializer())
        item.saved_model.simple_save(session, str(tmp_path / "one"), {"x": x}, {"y": y})
    predictor = load("saved_model", tmp_path / "one")
    assert np.allclose(predictor.predict({"x": ROWS})["y"], ROWS, atol=1e-6)
    assert predictor.state is not None


def test_stateful_keras_layer_begins_each_row_anew(tmp_path: Path):
    import keras

    path = packaged_models.write_stateful_rnn_keras(tmp_path / "rnn.keras")
    model = keras.models.load_model(path)
    rows = np.random.default_rng(0).random((3, 3, 4), "float32")
    expected = []
    for row in rows:
        model.reset_states() if hasattr(model, "reset_states") else [layer.reset_state() for layer in model.layers[1:]]
        expected.append(np.asarray(model(row[None]))[0])
    predictor = load("keras", path)
    assert np.allclose(next(iter(predictor.predict({"x": rows}).values())), expected, atol=1e-6)


def test_saved_model_of_serialized_examples_takes_their_features(tmp_path: Path):
    predictor = load("saved_model", packaged_models.write_example_saved_model(tmp_path / "examples"))
    assert {spec.name: (spec.dtype, spec.shape) for spec in predictor.inputs} == {
        "x": ("float32", (None, 4)),
        "word": ("object", (None,)),
    }
    answers = predictor.predict({"x": ROWS, "word": np.array(["a", "bb", "", "ö", "eeeee"])})
    assert np.array_equal(answers["y"], ROWS * 2)
    assert answers["size"].tolist() == [1, 2, 0, 2, 5]
    assert "serialized tf.train.Example messages in “examples”" in predictor.remark


def test_tf1_saved_model_of_serialized_examples_takes_their_features(tmp_path: Path):
    import tensorflow as tf

    item = tf.compat.v1
    with tf.Graph().as_default() as graph, item.Session(graph=graph) as session:
        examples = item.placeholder("string", [None], "examples")
        parsed = tf.raw_ops.ParseExample(
            serialized=examples,
            names=tf.constant([], "string"),
            sparse_keys=[],
            dense_keys=["x"],
            dense_defaults=[tf.constant([], "float32")],
            sparse_types=[],
            dense_shapes=[[4]],
        )
        y = tf.identity(parsed.dense_values[0] * 2.0, "y")
        item.saved_model.simple_save(session, str(tmp_path / "one"), {"examples": examples}, {"y": y})
    predictor = load("saved_model", tmp_path / "one")
    assert [(spec.name, spec.shape) for spec in predictor.inputs] == [("x", (None, 4))]
    assert np.array_equal(predictor.predict({"x": ROWS})["y"], ROWS * 2)


def test_saved_model_that_takes_nothing_answers_each_row(tmp_path: Path):
    predictor = load("saved_model", packaged_models.write_no_input_saved_model(tmp_path / "nothing"))
    assert predictor.predict({"row": np.arange(2)})["y"].tolist() == [[[1.0, 2.0]]] * 2


@pytest.mark.parametrize("key", ["litert_float16", "litert_dynamic", "litert_int8"])
def test_quantised_litert_file_is_not_quantised_again(key: str, tmp_path: Path):
    packaged_models.write_dynamic_range_tflite(tmp_path / "model.tflite")
    (folder := tmp_path / "out").mkdir()
    model = ModelFile("litert", tmp_path)
    with pytest.raises(CannotSave, match="quantised already"):
        get_format(key).save_model(model, "litert", folder, samples=lambda: {"x": np.zeros((4, 64), "float32")})
    assert list(folder.iterdir()) == []


def test_litert_file_that_remembers_is_refused_by_onnx_in_a_sentence(tmp_path: Path):
    packaged_models.write_counting_tflite(tmp_path / "model.tflite")
    (folder := tmp_path / "out").mkdir()
    with pytest.raises(CannotSave, match="keeps values in variables"):
        get_format("onnx").save_model(ModelFile("litert", tmp_path), "litert", folder)


def test_integers_of_a_litert_file_that_remembers_are_measured_row_by_row(tmp_path: Path):
    packaged_models.write_counting_tflite(tmp_path / "model.tflite")
    (folder := tmp_path / "out").mkdir()
    model = ModelFile("litert", tmp_path)
    rows = {"x": np.random.default_rng(0).random((64, 4), "float32")}
    get_format("litert_int8").save_model(model, "litert", folder, samples=lambda: rows)
    answers = get_format("litert_int8").load(folder).predict(rows)["y"]
    assert np.abs(answers - rows["x"]).max() < 0.02  # of all rows one after another the sum reaches 32, in 255 steps


def test_openvino_rounds_nothing_beside_weights_of_8_bits(tmp_path: Path):
    packaged_models.write_dynamic_range_tflite(tmp_path / "model.tflite")
    (folder := tmp_path / "out").mkdir()
    get_format("openvino").save_model(ModelFile("litert", tmp_path), "litert", folder)
    rows = np.random.default_rng(0).random((5, 64), "float32")
    interpreter = open_interpreter((tmp_path / "model.tflite").read_bytes())
    kernel = next(item for item in interpreter.get_tensor_details() if item["dtype"] is np.int8)
    interpreter.allocate_tensors()
    scales = kernel["quantization_parameters"]["scales"][:, None]
    expected = rows @ (interpreter.get_tensor(kernel["index"]) * scales).T
    answers = next(iter(get_format("openvino").load(folder).predict({"x": rows}).values()))
    assert np.allclose(answers, expected, atol=1e-4)


def test_litert_file_says_how_many_parameters_it_has(tmp_path: Path):
    predictor = load("litert", packaged_models.write_dynamic_range_tflite(tmp_path / "dynamic.tflite"))
    assert describe_graph_file(predictor, tmp_path, "litert")["parameters"] == 64 * 64
