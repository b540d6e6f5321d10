"""Operations that an engine computes otherwise than the model: each is said, and computed so by the release we have."""

from collections.abc import Callable

import numpy as np
import pytest

from core.formats import get_format
from core.runtimes.litert import litert_predictor
from core.runtimes.litert_contents import DROPPED_RELU, MEAN_OF_BYTES, SOFTPLUS, describe_operations
from core.runtimes.openvino import FILE, KNOWN_OPERATIONS, compile_model, describe_model, import_openvino, load

SAID = {known.name: known.sentence for known in KNOWN_OPERATIONS}
CHANNELS = np.arange(1, 9, dtype="float32").reshape(1, 1, 1, 8)


def normalize(radius: int, bias: float) -> Callable:
    import tensorflow as tf

    return lambda rows: tf.nn.local_response_normalization(rows, radius, bias, 0.1, 0.75)


@pytest.fixture
def trace(tmp_path):
    """A function that makes a SavedModel of a function of one tensor; returns its folder and the traced function."""
    import tensorflow as tf

    def make(function: Callable, rows: np.ndarray) -> tuple[str, Callable]:
        module, folder = tf.Module(), str(tmp_path / "saved")
        module.answer = tf.function(function, [tf.TensorSpec(rows.shape, rows.dtype, name="rows")])
        tf.saved_model.save(module, folder, signatures=module.answer.get_concrete_function())
        return folder, module.answer

    return make


@pytest.fixture
def to_openvino(trace, tmp_path):
    """A function that asks a function in OpenVINO; returns its answer and the remark, which is that of its load."""

    def ask(function: Callable, rows: np.ndarray) -> tuple[np.ndarray, str]:
        ov = import_openvino()
        model = ov.convert_model(trace(function, rows)[0])
        ov.save_model(model, tmp_path / FILE, compress_to_fp16=False)
        predictor = load(tmp_path)
        ((name, _),) = predictor.predict({"rows": rows}).items()
        assert describe_model(model) in predictor.remark  # of the copy that was saved, and of what was loaded
        return predictor.predict({"rows": rows})[name], predictor.remark

    return ask


@pytest.mark.parametrize(("radius", "bias", "as_if"), [(1, 1.0, (0, 1.0)), (5, 1.0, (4, 1.0)), (2, 1.5, (2, 1.0))])
def test_openvino_normalises_responses_by_other_numbers_and_says_so(to_openvino, radius, bias, as_if):
    answer, remark = to_openvino(normalize(radius, bias), CHANNELS)
    expected = {given: normalize(*given)(CHANNELS).numpy() for given in ((radius, bias), as_if)}
    assert np.abs(answer - expected[radius, bias]).max() > 0.05
    assert answer == pytest.approx(expected[as_if], abs=1e-6)
    assert remark.endswith(SAID["LRN"])


def test_openvino_lists_different_numbers_as_zeros_and_says_so(trace):
    import tensorflow as tf

    rows = np.array([3, 1, 3, 2], "float32")
    model = import_openvino().convert_model(trace(lambda given: tf.unique(given).y, rows)[0])
    (answer,) = compile_model(model)({"rows": rows}).values()
    assert answer.tolist() == [3, 0, 0]
    assert describe_model(model) == SAID["Unique"]


def test_openvino_softplus_is_below_zero_and_says_so(to_openvino):
    import tensorflow as tf

    answer, remark = to_openvino(tf.math.softplus, np.array([[-20, 10, 100]], "float32"))
    assert -1e-5 < answer[0, 0] < 0
    assert answer[0, 1:].tolist() == pytest.approx([10.0000454, 100])
    assert remark.endswith(SAID["SoftPlus"])


def test_openvino_says_nothing_of_other_operations(to_openvino):
    import tensorflow as tf

    answer, remark = to_openvino(tf.nn.relu, np.array([[-1, 2]], "float32"))
    assert answer.tolist() == [[0, 2]]
    assert not any(sentence in remark for sentence in SAID.values())


@pytest.fixture
def to_litert():
    """A function that asks a function in LiteRT; returns its answer and the remark."""
    import tensorflow as tf

    def ask(function: Callable, rows: np.ndarray) -> tuple[np.ndarray, str]:
        traced = tf.function(function, [tf.TensorSpec(rows.shape, rows.dtype)]).get_concrete_function()
        predictor = litert_predictor(tf.lite.TFLiteConverter.from_concrete_functions([traced]).convert())
        (answer,) = predictor.predict({predictor.inputs[0].name: rows}).values()
        return answer, predictor.remark

    return ask


@pytest.mark.parametrize("name", ["softplus", "log_sigmoid"])
def test_litert_softplus_is_infinite_and_says_so(to_litert, name: str):
    import tensorflow as tf

    sign = 1 if name == "softplus" else -1
    rows = sign * np.array([[-20, 88, 89]], "float32")
    answer, remark = to_litert(getattr(tf.math, name), rows)
    assert (answer[0, 0], np.abs(answer[0, 1]), answer[0, 2]) == (0, pytest.approx(88), sign * np.inf)
    assert SOFTPLUS in remark


def test_litert_mean_of_bytes_is_zero_and_says_so(to_litert):
    import tensorflow as tf

    rows = np.array([[10, 20, 40, 3]], "uint8")
    answers = {
        dtype: to_litert(lambda given: tf.reduce_mean(given, axis=1), rows.astype(dtype))
        for dtype in ("uint8", "int32")
    }
    assert [answers[dtype][0].ravel().tolist() for dtype in answers] == [[0], [18]]
    assert [MEAN_OF_BYTES in answers[dtype][1] for dtype in answers] == [True, False]


@pytest.mark.parametrize("kind", ["relu", "relu6"])
def test_litert_converter_drops_relu_after_product_and_says_so(to_litert, kind: str):
    import tensorflow as tf

    rows = np.array([[1, -2, 3], [4, 5, -6]], "float32")
    activate = getattr(tf.nn, kind)
    answer, remark = to_litert(lambda given: activate(tf.matmul(given[:, :2], given[:, 1:])), rows)
    product = rows[:, :2] @ rows[:, 1:]
    assert product.min() < 0 == activate(product).numpy().min()
    assert answer.tolist() == product.tolist()
    assert DROPPED_RELU in remark


@pytest.mark.parametrize("form", ["constant", "three axes", "tanh after"])
def test_litert_product_that_keeps_its_activation_is_right(to_litert, form: str):
    import tensorflow as tf

    rows, kernel = np.array([[1, -2, 3], [4, 5, -6]], "float32"), np.array([[1], [2], [-1]], "float32")
    rows = np.stack([rows, -rows], axis=1) if form == "three axes" else rows
    functions = {
        "constant": lambda given: tf.nn.relu(tf.matmul(given, kernel)),
        "three axes": lambda given: tf.nn.relu(tf.matmul(given, given, transpose_b=True)),
        "tanh after": lambda given: tf.nn.relu(tf.tanh(tf.matmul(given[:, :2], given[:, 1:]))),
    }
    answer, remark = to_litert(functions[form], rows)
    assert answer == pytest.approx(functions[form](rows).numpy(), abs=1e-6)
    assert (DROPPED_RELU in remark) == (form == "tanh after")  # of a file that does not tell what was left out


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_dense_layer_in_four_bits_without_bias_loses_its_relu_in_litert(tmp_path):
    import keras

    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((512,), name="x"), keras.layers.Dense(128, "relu", use_bias=False)])
    model.quantize("int4")
    rows = np.random.default_rng(0).random((4, 512), dtype="float32")
    expected = np.asarray(model(rows))
    get_format("litert").save_model(model, "keras", tmp_path)
    predictor = get_format("litert").load(tmp_path)
    (answer,) = predictor.predict({"x": rows}).values()
    assert DROPPED_RELU in predictor.remark
    assert answer.min() < 0 == expected.min()
    assert np.maximum(answer, 0) == pytest.approx(expected, abs=1e-5)


# What two operations are, and their inputs by number: 0 and 1 are given, 2 is a constant, 3 and 4 are computed.
STRUCTURES = {
    "product of what is given": ([("BATCH_MATMUL", [0, 1]), ("TANH", [3])], [DROPPED_RELU]),
    "product of what is computed": ([("TANH", [0]), ("BATCH_MATMUL", [3, 1])], [DROPPED_RELU]),
    "product that a ReLU follows": ([("BATCH_MATMUL", [0, 1]), ("RELU", [3])], []),
    "constant on the left": ([("BATCH_MATMUL", [2, 0]), ("TANH", [3])], []),
    "constant on the right": ([("BATCH_MATMUL", [0, 2]), ("TANH", [3])], []),
    "inputs left out": ([("BATCH_MATMUL", [0, -1]), ("RELU", [-1])], []),
    "operations without inputs": ([("RELU", []), ("BATCH_MATMUL", [])], []),
    "numbers beyond the tensors": ([("MEAN", [5]), ("LOG", [-1])], []),
}


def make_structure(operations: list[tuple[str, list[int]]]) -> bytes:
    """A LiteRT file of five small matrices and two operations, which is looked at and not run."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    kinds = {kind: at for at, kind in enumerate(dict.fromkeys(kind for kind, _ in operations))}
    graph = schema.SubGraphT()
    graph.tensors = [schema.TensorT(shape=[2, 2]) for _ in range(5)]
    graph.inputs, graph.outputs = [0, 1], [4]
    graph.operators = [
        schema.OperatorT(opcodeIndex=kinds[kind], inputs=inputs, outputs=[3 + at])
        for at, (kind, inputs) in enumerate(operations)
    ]
    codes = [schema.OperatorCodeT(builtinCode=getattr(schema.BuiltinOperator, kind)) for kind in kinds]
    builder = flatbuffers.Builder(1024)
    builder.Finish(schema.ModelT(operatorCodes=codes, subgraphs=[graph]).Pack(builder))
    return bytes(builder.Output())


@pytest.mark.parametrize(("operations", "said"), STRUCTURES.values(), ids=STRUCTURES)
def test_litert_operations_are_told_by_what_they_take(operations: list[tuple[str, list[int]]], said: list[str]):
    assert describe_operations(make_structure(operations)) == said
