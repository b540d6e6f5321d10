"""Good files whose numbers are known, and whether a damaged one answers what the numbers in it say."""

import io
import json
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from core.arrays import Arrays
from tests.gate.makers import DENSE, h5, sequential
from tests.gate.makers_runtimes import onnx_model, tflite

KERNEL = np.array([[0.5, -1.0], [2.0, 0.25], [-0.75, 1.5]], "float32")
BIAS = np.array([0.125, -0.5], "float32")
BIAS_OF_THREE = np.array([0.125, -0.5, 3.0], "float32")
May = Callable[[bytes, "Answered"], bool]


class Answered(NamedTuple):
    inputs: Arrays
    answers: Arrays

    def same(self, other: "Answered") -> bool:
        """Bit for bit, to the same questions, whatever the names."""
        return _bits(self.inputs) == _bits(other.inputs) and _bits(self.answers) == _bits(other.answers)


def _bits(arrays: Arrays) -> list[tuple[str, tuple[int, ...], bytes]]:
    return [(array.dtype.str, array.shape, array.tobytes()) for array in arrays.values()]


def never(_: bytes, __: Answered) -> bool:
    return False


def in_the_numbers_of_onnx(damaged: bytes, _: Answered) -> bool:
    """Whether such a file differs from the good one in the values of its weights at most."""
    return _without_numbers(damaged) == _without_numbers(good_onnx())


def _without_numbers(content: bytes) -> bytes:
    import onnx

    model = onnx.ModelProto.FromString(content)
    for one in model.graph.initializer:
        one.raw_data = bytes(len(one.raw_data))
        del one.float_data[:]
    return model.SerializeToString(deterministic=True)


def good_onnx() -> bytes:
    from onnx import helper, numpy_helper

    kernel = numpy_helper.from_array(np.linspace(-1, 1, 9, dtype="float32").reshape(3, 3), "kernel")
    return onnx_model([helper.make_node("MatMul", ["x", "kernel"], ["y"])], [kernel], ir_version=8).SerializeToString()


def as_its_numbers_say(answered: Answered, kernel: np.ndarray, bias: np.ndarray) -> bool:
    """Whether the answers are those of one layer of these numbers and relu, to rounding."""
    (rows,), (answers,) = answered.inputs.values(), answered.answers.values()
    with np.errstate(all="ignore"):
        wanted = (rows.astype("float64") @ kernel.astype("float64") + bias).astype("float32")
    return bool(np.allclose(answers, np.maximum(wanted, 0), rtol=1e-4, atol=1e-5, equal_nan=True))


def good_h5() -> bytes:
    """A whole model of one layer, as Keras 2 wrote it."""

    def fill(file: Any) -> None:
        config = sequential(DENSE)
        file.attrs["model_config"] = json.dumps(config)
        weights = file.create_group("model_weights")
        weights.attrs["layer_names"] = [b"dense"]
        weights.attrs["keras_version"] = file.attrs["keras_version"] = "2.15.0"
        weights.attrs["backend"] = file.attrs["backend"] = "tensorflow"
        layer = weights.create_group("dense")
        layer.attrs["weight_names"] = [b"dense/kernel:0", b"dense/bias:0"]
        layer["dense/kernel:0"] = KERNEL
        layer["dense/bias:0"] = BIAS

    return h5(fill)


def good_weights() -> bytes:
    def fill(file: Any) -> None:
        values = file.create_group("layers/dense/vars")
        values["0"], values["1"] = KERNEL, BIAS

    return h5(fill)


def in_the_numbers_of_h5(where: str, kernel: str, bias: str) -> May:
    """Whether such a file still says the same of its layers, and answers what the numbers in it say."""

    def may_differ(damaged: bytes, answered: Answered) -> bool:
        import h5py

        with h5py.File(io.BytesIO(damaged)) as file:
            said = json.loads(file.attrs["model_config"]) if "model_config" in file.attrs else sequential(DENSE)
            values = file[where][kernel][()], file[where][bias][()]
        return said == sequential(DENSE) and as_its_numbers_say(answered, *values)

    return may_differ


def good_litert() -> bytes:
    def numbers(model: Any) -> None:
        model.buffers[1].data = list(BIAS_OF_THREE.tobytes())

    return tflite(numbers)


def in_what_litert_says(damaged: bytes, answered: Answered) -> bool:
    """Whether such a file says another graph, or adds to each row the numbers that stand in it."""
    if _graph(damaged) != _graph(good_litert()):
        return True
    from ai_edge_litert import schema_py_generated as schema

    numbers = schema.ModelT.InitFromPackedBuf(damaged, 0).buffers[1].data
    (rows,), (answers,) = answered.inputs.values(), answered.answers.values()
    wanted = rows + np.frombuffer(bytes(numbers), "float32")
    return answers.shape == wanted.shape and bool(np.allclose(answers, wanted, rtol=1e-4, atol=1e-5, equal_nan=True))


def _graph(content: bytes) -> list[Any]:
    """The operation, how it is wired, and each tensor's shape, type and place in a file of one operation."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(content, 0)
    graph = model.subgraphs[0]
    code, operator = model.operatorCodes[0], graph.operators[0]
    wires = [graph.inputs, graph.outputs, operator.inputs, operator.outputs, *(one.shape for one in graph.tensors)]
    return [
        (code.builtinCode, code.deprecatedBuiltinCode, operator.builtinOptionsType),
        [(one.buffer, one.type) for one in graph.tensors],
        [len(one.data) if one.data is not None else 0 for one in model.buffers],
        [[int(number) for number in one] if one is not None else None for one in wires],
    ]


UNCHECKED: dict[str, tuple[Callable[[], bytes], May]] = {
    "model.h5": (good_h5, in_the_numbers_of_h5("model_weights/dense", "dense/kernel:0", "dense/bias:0")),
    "model.weights.h5": (good_weights, in_the_numbers_of_h5("layers/dense/vars", "0", "1")),
    "model.tflite": (good_litert, in_what_litert_says),
}
