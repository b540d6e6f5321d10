"""ONNX Runtime: how an ONNX file predicts, and what can be read of its weights."""

from pathlib import Path
from typing import Any

from core.arrays import Arrays, NamedArrays
from core.runtimes.adapters import BatchAdapter, adapt_batch_size, adapted_predictor
from core.runtimes.base import NO_CODE, ModelCode, Predictor
from core.runtimes.specs import Spec

FILE = "model.onnx"
NUMPY_DTYPES = {"float": "float32", "double": "float64", "string": "object"}  # ONNX' words where they are not NumPy's
LOG_FATAL_ONLY = 4  # what is logged on the way; every error also comes as an exception


def load(folder: Path, code: ModelCode = NO_CODE) -> Predictor:
    """Load on the processor."""
    path = folder / FILE
    session = open_session(str(path))
    adapter = adapt_session(session)
    return adapted_predictor(session, adapter, lambda: _read_initializers(path))


def adapt_session(session: Any) -> BatchAdapter:
    """How a session predicts any number of rows."""
    names = [output.name for output in session.get_outputs()]

    def predict(inputs: Arrays) -> Arrays:
        return dict(zip(names, session.run(names, inputs), strict=True))

    outputs = {port.name: _value_spec(port).shape for port in session.get_outputs()}
    return adapt_batch_size(tuple(map(_value_spec, session.get_inputs())), outputs, predict)


def open_session(model: str | bytes) -> Any:
    """A session over a file's path or its content, on the processor."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = LOG_FATAL_ONLY
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _value_spec(port: Any) -> Spec:
    dtype = port.type.removeprefix("tensor(").removesuffix(")")
    shape = tuple(size if isinstance(size, int) else None for size in port.shape)
    return Spec(port.name, NUMPY_DTYPES.get(dtype, dtype), shape)


def _read_initializers(path: Path) -> NamedArrays:
    """The constants of the graph; a converter may have transposed a kernel or folded two into one."""
    import onnx

    return [(tensor.name, onnx.numpy_helper.to_array(tensor)) for tensor in onnx.load(path).graph.initializer]


def count_inputs(path: Path) -> int:
    """How many arrays an ONNX file takes, beside those that it holds itself."""
    import onnx

    graph = onnx.load(path, load_external_data=False).graph
    return len({port.name for port in graph.input} - {tensor.name for tensor in graph.initializer})
