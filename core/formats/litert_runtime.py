"""LiteRT (once TensorFlow Lite): how its files are quantised, and how its interpreter answers."""

from pathlib import Path
from typing import Any

import numpy as np

from core.errors import CannotSave
from core.formats.batches import ByRows, by_rows
from core.formats.contract import NO_CODE, Arrays, Code, Predictor, Spec
from core.formats.litert_ways import in_floats, way_through
from core.formats.signatures import remarks

FILE = "model.tflite"
PACKAGES = {"ai_edge_litert": "ai-edge-litert"}
QUANTIZER = PACKAGES | {"ai_edge_quantizer": "ai-edge-quantizer"}


def load(folder: Path, code: Code = NO_CODE) -> Predictor:
    """Read the bytes ourselves: the interpreter that is given a path crashes on some damaged files."""
    return litert_predictor((folder / FILE).read_bytes(), code.signature)


def litert_predictor(content: bytes, signature: str = "") -> Predictor:
    """The predictor over a LiteRT file, through its signature where it has one: only there do inputs and outputs have
    their names.

    A file that does not take batches is fed as `by_rows` says; integers with a scale are asked in floats.
    """
    interpreter = open_interpreter(content)
    rows = asked_in_rows(content, interpreter, signature)
    return Predictor(interpreter, rows.specs, rows.answer, remark=rows.remark)


def asked_in_rows(content: bytes, interpreter: Any, signature: str) -> ByRows:
    """How an interpreter over this content answers any number of rows."""
    way = way_through(interpreter, signature)
    takes_batches = _takes_batches(content, signature)
    specs = tuple(_spec(name, detail, takes_batches) for name, detail in way.inputs.items())
    specs, way = in_floats(way, specs)
    outputs = {} if takes_batches else {name: _sizes(detail["shape"]) for name, detail in way.outputs.items()}
    rows = by_rows(specs, outputs, way.call)
    return rows._replace(remark=remarks(way.remark, rows.remark))


def open_interpreter(content: bytes) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    return Interpreter(model_content=content)


def _spec(name: str, detail: dict[str, Any], takes_batches: bool) -> Spec:
    shape = detail["shape_signature"] if len(detail["shape_signature"]) else detail["shape"]
    dtype = np.dtype(detail["dtype"])
    sizes = _sizes(shape)
    if sizes:
        sizes = (None if takes_batches else sizes[0] or 1, *sizes[1:])
    return Spec(name, "object" if dtype.kind in "SUO" else dtype.name, sizes)


def _sizes(shape: Any) -> tuple[int | None, ...]:
    return tuple(None if size < 0 else int(size) for size in shape)


def _takes_batches(content: bytes, signature: str) -> bool:
    """Whether a fresh interpreter answers some rows at once with as many, and not only the number that it states."""
    way = way_through(open_interpreter(content), signature)
    stated = {int(detail["shape_signature"][0]) for detail in way.inputs.values() if len(detail["shape_signature"])}
    if 1 in stated:
        return False
    rows = max(stated, default=-1) + 1 or 2
    try:
        answers = way.call({name: _blank(_spec(name, detail, True), rows) for name, detail in way.inputs.items()})
    except (RuntimeError, ValueError):
        return False
    return all(array.ndim and len(array) == rows for array in answers.values())


def _blank(spec: Spec, rows: int) -> np.ndarray:
    shape = (rows, *(size or 1 for size in spec.shape[1:])) if spec.shape else ()
    return np.full(shape, b"", dtype=object) if spec.dtype == "object" else np.zeros(shape, spec.dtype)


def quantize(path: Path, recipe: list[dict[str, Any]], samples: Arrays | None = None) -> None:
    """Quantise a float LiteRT file in place by a recipe; `samples` are inputs by name to calibrate on, batch first.

    Raises CannotSave when nothing in the file could be quantised.
    """
    from ai_edge_quantizer.quantizer import Quantizer

    if samples and not open_interpreter(path.read_bytes()).get_signature_list():
        raise CannotSave(
            "The quantizer measures ranges through a signature, and this file has none.",
            cure="Choose dynamic range, which needs no measuring.",
        )
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
    if _takes_batches(content, ""):
        return [fitting]
    rows = len(next(iter(fitting.values())))
    return [{name: array[row : row + 1] for name, array in fitting.items()} for row in range(rows)]


def small_tensors(content: bytes) -> int:
    """How many tensors of a LiteRT file are held in fewer bits than float32: float16, int8 or int4."""
    small = {"float16", "int8", "int4"}
    return sum(np.dtype(one["dtype"]).name in small for one in open_interpreter(content).get_tensor_details())
