"""ONNX Runtime: how an ONNX file answers, and what can be read of its weights."""

from pathlib import Path
from typing import Any

from core.arrays import Arrays
from core.runtimes.adapters import ByRows, by_rows
from core.runtimes.base import NO_CODE, ModelCode, Named, Predictor, Spec

FILE = "model.onnx"
DTYPES = {"float": "float32", "double": "float64", "string": "object"}  # ONNX' words where they are not NumPy's
FATAL = 4  # what is logged on the way; every error also comes as an exception


def load(folder: Path, code: ModelCode = NO_CODE) -> Predictor:
    return onnx_predictor(folder / FILE)


def onnx_predictor(path: Path) -> Predictor:
    """The predictor over an ONNX file, on the processor."""
    session = open_session(str(path))
    rows = asked_in_rows(session)
    return Predictor(session, rows.specs, rows.answer, weights=lambda: _initializers(path), remark=rows.remark)


def asked_in_rows(session: Any) -> ByRows:
    """How a session answers any number of rows."""
    names = [output.name for output in session.get_outputs()]

    def answer(inputs: Arrays) -> Arrays:
        return dict(zip(names, session.run(names, inputs), strict=True))

    outputs = {port.name: _spec(port).shape for port in session.get_outputs()}
    return by_rows(tuple(map(_spec, session.get_inputs())), outputs, answer)


def open_session(model: str | bytes) -> Any:
    """A session over a file's path or its content, on the processor."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = FATAL
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _spec(port: Any) -> Spec:
    word = port.type.removeprefix("tensor(").removesuffix(")")
    shape = tuple(size if isinstance(size, int) else None for size in port.shape)
    return Spec(port.name, DTYPES.get(word, word), shape)


def _initializers(path: Path) -> Named:
    """The constants of the graph; a converter may have transposed a kernel or folded two into one."""
    import onnx

    return [(one.name, onnx.numpy_helper.to_array(one)) for one in onnx.load(path).graph.initializer]


def count_inputs(path: Path) -> int:
    """How many arrays an ONNX file must be given, beside those that it holds itself."""
    import onnx

    graph = onnx.load(path, load_external_data=False).graph
    return len({port.name for port in graph.input} - {one.name for one in graph.initializer})
