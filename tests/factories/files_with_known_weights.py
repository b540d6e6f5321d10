"""Good files whose numbers are known, and whether a damaged one answers what the numbers in it say."""

import io
import json
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from core.arrays import Arrays
from tests.factories.invalid_runtime_files import make_onnx_model, make_tflite
from tests.factories.untrusted_files import DENSE, make_hdf5, sequential_config

KERNEL = np.array([[0.5, -1.0], [2.0, 0.25], [-0.75, 1.5]], "float32")
BIAS = np.array([0.125, -0.5], "float32")
BIAS_OF_THREE = np.array([0.125, -0.5, 3.0], "float32")
AllowedDifference = Callable[[bytes, "ImportedPredictions"], bool]


class ImportedPredictions(NamedTuple):
    inputs: Arrays
    answers: Arrays

    def same(self, other: "ImportedPredictions") -> bool:
        """Bit for bit, to the same questions, whatever the names."""
        return _to_bytes(self.inputs) == _to_bytes(other.inputs) and _to_bytes(self.answers) == _to_bytes(other.answers)


def _to_bytes(arrays: Arrays) -> list[tuple[str, tuple[int, ...], bytes]]:
    return [(array.dtype.str, array.shape, array.tobytes()) for array in arrays.values()]


def allow_no_difference(_: bytes, __: ImportedPredictions) -> bool:
    return False


def differs_only_in_onnx_weights(damaged: bytes, _: ImportedPredictions) -> bool:
    """Whether such a file differs from the good one in the values of its weights at most."""
    return _without_weights(damaged) == _without_weights(make_valid_onnx())


def _without_weights(content: bytes) -> bytes:
    import onnx

    model = onnx.ModelProto.FromString(content)
    for item in model.graph.initializer:
        item.raw_data = bytes(len(item.raw_data))
        del item.float_data[:]
    return model.SerializeToString(deterministic=True)


def make_valid_onnx() -> bytes:
    from onnx import helper, numpy_helper

    kernel = numpy_helper.from_array(np.linspace(-1, 1, 9, dtype="float32").reshape(3, 3), "kernel")
    return make_onnx_model(
        [helper.make_node("MatMul", ["x", "kernel"], ["y"])], [kernel], ir_version=8
    ).SerializeToString()


def matches_dense_layer(answered: ImportedPredictions, kernel: np.ndarray, bias: np.ndarray) -> bool:
    """Whether the answers are those of one layer of these numbers and relu, to rounding."""
    (rows,), (answers,) = answered.inputs.values(), answered.answers.values()
    with np.errstate(all="ignore"):
        wanted = (rows.astype("float64") @ kernel.astype("float64") + bias).astype("float32")
    return bool(np.allclose(answers, np.maximum(wanted, 0), rtol=1e-4, atol=1e-5, equal_nan=True))


def make_valid_h5() -> bytes:
    """A whole model of one layer, as Keras 2 wrote it."""

    def fill(file: Any) -> None:
        config = sequential_config(DENSE)
        file.attrs["model_config"] = json.dumps(config)
        weights = file.create_group("model_weights")
        weights.attrs["layer_names"] = [b"dense"]
        weights.attrs["keras_version"] = file.attrs["keras_version"] = "2.15.0"
        weights.attrs["backend"] = file.attrs["backend"] = "tensorflow"
        layer = weights.create_group("dense")
        layer.attrs["weight_names"] = [b"dense/kernel:0", b"dense/bias:0"]
        layer["dense/kernel:0"] = KERNEL
        layer["dense/bias:0"] = BIAS

    return make_hdf5(fill)


def make_valid_weights_file() -> bytes:
    def fill(file: Any) -> None:
        values = file.create_group("layers/dense/vars")
        values["0"], values["1"] = KERNEL, BIAS

    return make_hdf5(fill)


def matches_hdf5_weights(where: str, kernel: str, bias: str) -> AllowedDifference:
    """Whether such a file still says the same of its layers, and answers what the numbers in it say."""

    def may_differ(damaged: bytes, answered: ImportedPredictions) -> bool:
        import h5py

        with h5py.File(io.BytesIO(damaged)) as file:
            text = json.loads(file.attrs["model_config"]) if "model_config" in file.attrs else sequential_config(DENSE)
            values = file[where][kernel][()], file[where][bias][()]
        return text == sequential_config(DENSE) and matches_dense_layer(answered, *values)

    return may_differ


def make_valid_litert() -> bytes:
    def numbers(model: Any) -> None:
        model.buffers[1].data = list(BIAS_OF_THREE.tobytes())

    return make_tflite(numbers)


def matches_litert_content(damaged: bytes, answered: ImportedPredictions) -> bool:
    """Whether such a file says another graph, or adds to each row the numbers that stand in it."""
    if _read_litert_graph(damaged) != _read_litert_graph(make_valid_litert()):
        return True
    from ai_edge_litert import schema_py_generated as schema

    numbers = schema.ModelT.InitFromPackedBuf(damaged, 0).buffers[1].data
    (rows,), (answers,) = answered.inputs.values(), answered.answers.values()
    wanted = rows + np.frombuffer(bytes(numbers), "float32")
    return answers.shape == wanted.shape and bool(np.allclose(answers, wanted, rtol=1e-4, atol=1e-5, equal_nan=True))


def _read_litert_graph(content: bytes) -> list[Any]:
    """The operation, how it is wired, and each tensor's shape, type and place in a file of one operation."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(content, 0)
    graph = model.subgraphs[0]
    code, operator = model.operatorCodes[0], graph.operators[0]
    wires = [
        graph.inputs,
        graph.outputs,
        operator.inputs,
        operator.outputs,
        *(tensor.shape for tensor in graph.tensors),
    ]
    return [
        (code.builtinCode, code.deprecatedBuiltinCode, operator.builtinOptionsType),
        [(tensor.buffer, tensor.type) for tensor in graph.tensors],
        [len(buffer.data) if buffer.data is not None else 0 for buffer in model.buffers],
        [[int(number) for number in wire] if wire is not None else None for wire in wires],
    ]


FILES_WITHOUT_CHECKSUMS: dict[str, tuple[Callable[[], bytes], AllowedDifference]] = {
    "model.h5": (make_valid_h5, matches_hdf5_weights("model_weights/dense", "dense/kernel:0", "dense/bias:0")),
    "model.weights.h5": (make_valid_weights_file, matches_hdf5_weights("layers/dense/vars", "0", "1")),
    "model.tflite": (make_valid_litert, matches_litert_content),
}
