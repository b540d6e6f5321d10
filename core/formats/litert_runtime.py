"""LiteRT (once TensorFlow Lite): how its files are quantised, and how its interpreter answers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import CannotSave
from core.formats.contract import NO_CODE, Arrays, Code, Predictor, Spec

FILE = "model.tflite"
PACKAGES = {"ai_edge_litert": "ai-edge-litert"}
ONE_ROW = "It takes one row at a time, so it is fed row by row."
QUANTIZER = PACKAGES | {"ai_edge_quantizer": "ai-edge-quantizer"}


def load(folder: Path, code: Code = NO_CODE) -> Predictor:
    """Read the bytes ourselves: the interpreter that is given a path crashes on some damaged files."""
    return litert_predictor((folder / FILE).read_bytes())


def litert_predictor(content: bytes) -> Predictor:
    """The predictor over a LiteRT file, through its signature: only there do inputs and outputs have their names.

    A file that does not take batches is fed row by row.
    """
    interpreter = open_interpreter(content)
    ask = interpreter.get_signature_runner()
    specs = tuple(_spec(name, detail) for name, detail in ask.get_input_details().items())
    if _takes_batches(content, specs):
        return Predictor(interpreter, specs, lambda inputs: ask(**inputs))
    answer = _row_by_row(ask)
    return Predictor(interpreter, specs, lambda inputs: answer(**inputs), remark=ONE_ROW)


def open_interpreter(content: bytes) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    return Interpreter(model_content=content)


def _spec(name: str, detail: dict[str, Any]) -> Spec:
    shape = detail["shape_signature"] if len(detail["shape_signature"]) else detail["shape"]
    dtype = np.dtype(detail["dtype"])
    # Rows are fed one by one where a batch of 1 is built in, so the batch is free in either case.
    sizes = (None, *(None if size < 0 else int(size) for size in shape[1:]))
    return Spec(name, "object" if dtype.kind in "SUO" else dtype.name, sizes)


def _takes_batches(content: bytes, specs: tuple[Spec, ...]) -> bool:
    """Whether a fresh interpreter answers two rows at once with two rows."""
    ask = open_interpreter(content).get_signature_runner()
    if any(detail["shape_signature"][0] == 1 for detail in ask.get_input_details().values()):
        return False
    try:
        answers = ask(**{spec.name: _blank(spec, rows=2) for spec in specs})
    except (RuntimeError, ValueError):
        return False
    return all(len(array) == 2 for array in answers.values())


def _blank(spec: Spec, rows: int) -> np.ndarray:
    shape = (rows, *(size or 1 for size in spec.shape[1:]))
    return np.full(shape, b"", dtype=object) if spec.dtype == "object" else np.zeros(shape, spec.dtype)


def _row_by_row(ask: Callable[..., Arrays]) -> Callable[..., Arrays]:
    def answer(**inputs: np.ndarray) -> Arrays:
        rows = len(next(iter(inputs.values())))
        parts = [ask(**{name: array[row : row + 1] for name, array in inputs.items()}) for row in range(rows)]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    return answer


def quantize(path: Path, recipe: list[dict[str, Any]], samples: Arrays | None = None) -> None:
    """Quantise a float LiteRT file in place by a recipe; `samples` are inputs by name to calibrate on, batch first.

    Raises CannotSave when nothing in the file could be quantised.
    """
    from ai_edge_quantizer.quantizer import Quantizer

    before = small_tensors(path.read_bytes())
    quantizer = Quantizer(path.read_bytes(), recipe)
    calibration = quantizer.calibrate({None: _calls(path.read_bytes(), samples)}) if samples else None
    result = quantizer.quantize(calibration, enable_progress_bar=False, enable_progress_report=False)
    path.write_bytes(result.quantized_model)
    if small_tensors(path.read_bytes()) == before:
        raise CannotSave(
            "Nothing in this model could be quantised, so the file would be the plain LiteRT file.",
            cure="Choose plain LiteRT: the quantizer knows no reduced form for this model's operations.",
        )


def _calls(content: bytes, samples: Arrays) -> list[Arrays]:
    """Samples under the names and dtypes that the file asks for, in one call where it takes batches.

    Between calls the quantizer averages the ranges: row by row it cuts the extremes off, and is 14 times as far off.
    """
    predictor = litert_predictor(content)
    fitting = predictor.fitted(samples)
    if _takes_batches(content, predictor.inputs):
        return [fitting]
    rows = len(next(iter(fitting.values())))
    return [{name: array[row : row + 1] for name, array in fitting.items()} for row in range(rows)]


def small_tensors(content: bytes) -> int:
    """How many tensors of a LiteRT file are held in fewer bits than float32: float16, int8 or int4."""
    small = {"float16", "int8", "int4"}
    return sum(np.dtype(one["dtype"]).name in small for one in open_interpreter(content).get_tensor_details())
