"""ONNX Runtime: how an ONNX file answers, and what can be read of its weights."""

from pathlib import Path
from typing import Any

from core.arrays import Arrays
from core.runtimes.adapters import BatchAdapter, adapt_batch_size
from core.runtimes.base import NO_CODE, ModelCode, NamedArrays, Predictor, Spec

FILE = "model.onnx"
NUMPY_DTYPES = {"float": "float32", "double": "float64", "string": "object"}  # ONNX' words where they are not NumPy's
LOG_FATAL_ONLY = 4  # what is logged on the way; every error also comes as an exception


def load(folder: Path, code: ModelCode = NO_CODE) -> Predictor:
    return onnx_predictor(folder / FILE)


def onnx_predictor(path: Path) -> Predictor:
    """The predictor over an ONNX file, on the processor."""
    session = open_session(str(path))
    rows = adapt_session(session)
    return Predictor(session, rows.specs, rows.predict, weights=lambda: _read_initializers(path), remark=rows.remark)


def adapt_session(session: Any) -> BatchAdapter:
    """How a session answers any number of rows."""
    names = [output.name for output in session.get_outputs()]

    def answer(inputs: Arrays) -> Arrays:
        return dict(zip(names, session.run(names, inputs), strict=True))

    outputs = {port.name: _value_spec(port).shape for port in session.get_outputs()}
    return adapt_batch_size(tuple(map(_value_spec, session.get_inputs())), outputs, answer)


def open_session(model: str | bytes) -> Any:
    """A session over a file's path or its content, on the processor."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = LOG_FATAL_ONLY
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _value_spec(value_info: Any) -> Spec:
    word = value_info.type.removeprefix("tensor(").removesuffix(")")
    shape = tuple(size if isinstance(size, int) else None for size in value_info.shape)
    return Spec(value_info.name, NUMPY_DTYPES.get(word, word), shape)


def _read_initializers(path: Path) -> NamedArrays:
    """The constants of the graph; a converter may have transposed a kernel or folded two into one."""
    import onnx

    return [(one.name, onnx.numpy_helper.to_array(one)) for one in onnx.load(path).graph.initializer]


def count_inputs(path: Path) -> int:
    """How many arrays an ONNX file must be given, beside those that it holds itself."""
    import onnx

    graph = onnx.load(path, load_external_data=False).graph
    return len({port.name for port in graph.input} - {one.name for one in graph.initializer})
