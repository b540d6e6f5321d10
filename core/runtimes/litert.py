"""LiteRT interpreter: signatures, quantized inputs and outputs, quantizer.

The ways to ask a LiteRT file: through a signature, or by the places of its tensors; in floats or in integers.

LiteRT (once TensorFlow Lite): how its files are quantised, and how its interpreter answers.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from core.arrays import Arrays
from core.errors import CannotSave
from core.runtimes.adapters import BatchAdapter, adapt_batch_size, choose_signature, join_remarks
from core.runtimes.base import NO_CODE, ModelCode, Predictor, Spec

TensorDetail = dict[str, Any]
NO_SIGNATURE_REMARK = "The file has no signature: its inputs and outputs go by the names of its tensors."


@dataclass(frozen=True)
class InterpreterCall:
    """How a file is asked: the details of its inputs and outputs by name, and what answers arrays in their dtypes."""

    inputs: dict[str, TensorDetail]
    outputs: dict[str, TensorDetail]
    call: Callable[[Arrays], Arrays]
    remark: str = ""


def bind_signature(interpreter: Any, signature: str = "") -> InterpreterCall:
    """The way through the signature that was chosen (see `choose_signature`), or by place where the file has none."""
    names = interpreter.get_signature_list()
    if not names:
        return _bind_by_index(interpreter)
    name, remark = choose_signature(names, signature)
    ask = interpreter.get_signature_runner(name)
    return InterpreterCall(ask.get_input_details(), ask.get_output_details(), lambda inputs: ask(**inputs), remark)


def _bind_by_index(interpreter: Any) -> InterpreterCall:
    inputs = {one["name"]: one for one in interpreter.get_input_details()}
    outputs = {one["name"]: one for one in interpreter.get_output_details()}

    def call(given: Arrays) -> Arrays:
        for name, array in given.items():
            interpreter.resize_tensor_input(inputs[name]["index"], array.shape)
        interpreter.allocate_tensors()
        for name, array in given.items():
            interpreter.set_tensor(inputs[name]["index"], array)
        interpreter.invoke()
        return {name: interpreter.get_tensor(one["index"]) for name, one in outputs.items()}

    return InterpreterCall(inputs, outputs, call, NO_SIGNATURE_REMARK)


def to_float_call(raw_call: InterpreterCall, specs: tuple[Spec, ...]) -> tuple[tuple[Spec, ...], InterpreterCall]:
    """The same asked and answering in floats, where the file computes in integers with a scale and a zero point."""
    taken = {name: one for name, one in raw_call.inputs.items() if _is_quantized(one)}
    given = {name: one for name, one in raw_call.outputs.items() if _is_quantized(one)}
    if not taken and not given:
        return specs, raw_call

    def call(inputs: Arrays) -> Arrays:
        asked = {
            name: _quantize_array(array, taken[name]) if name in taken else array for name, array in inputs.items()
        }
        answers = raw_call.call(asked)
        return {
            name: _dequantize_array(array, given[name]) if name in given else array for name, array in answers.items()
        }

    freed = tuple(replace(spec, dtype="float32") if spec.name in taken else spec for spec in specs)
    return freed, replace(
        raw_call, call=call, remark=join_remarks(raw_call.remark, *_quantization_remarks(taken, given))
    )


def require_float_tensors(interpreter: Any, target: str) -> None:
    """Raises CannotSave where a file is asked in integers that stand for floats: a converter would leave the scale to
    whoever asks, and answers would be others."""
    way = bind_signature(interpreter)
    scaled = [name for name, one in (way.inputs | way.outputs).items() if _is_quantized(one)]
    if scaled:
        raise CannotSave(
            f"“{scaled[0]}” of this file is integers with a scale of their own, which {target} would take without it.",
            cure="Convert the model that it was quantised from.",
        )


def _is_quantized(detail: TensorDetail) -> bool:
    scales = detail["quantization_parameters"]["scales"]
    return np.dtype(detail["dtype"]).kind in "iu" and len(scales) == 1 and scales[0] > 0


def _scale_and_zero_point(detail: TensorDetail) -> tuple[float, int]:
    found = detail["quantization_parameters"]
    return float(found["scales"][0]), int(found["zero_points"][0])


def _quantize_array(array: np.ndarray, detail: TensorDetail) -> np.ndarray:
    scale, zero = _scale_and_zero_point(detail)
    bounds = np.iinfo(detail["dtype"])
    steps = np.round(np.nan_to_num(array.astype("float64") / scale)) + zero
    return np.clip(steps, bounds.min, bounds.max).astype(detail["dtype"])


def _dequantize_array(array: np.ndarray, detail: TensorDetail) -> np.ndarray:
    scale, zero = _scale_and_zero_point(detail)
    return ((array.astype("float64") - zero) * scale).astype("float32")


def _quantization_remarks(
    quantized_inputs: dict[str, TensorDetail], quantized_outputs: dict[str, TensorDetail]
) -> list[str]:
    return [_describe_quantized_input(*one) for one in quantized_inputs.items()] + [
        _describe_quantized_output(*one) for one in quantized_outputs.items()
    ]


def _describe_quantized_input(name: str, detail: TensorDetail) -> str:
    scale, zero = _scale_and_zero_point(detail)
    bounds = np.iinfo(detail["dtype"])
    ends = f"{(bounds.min - zero) * scale:.4g} to {(bounds.max - zero) * scale:.4g}"
    dtype = np.dtype(detail["dtype"]).name
    return f"Its input “{name}” takes {dtype}: values from {ends} are rounded to steps of {scale:.3g} (zero at {zero})."


def _describe_quantized_output(name: str, detail: TensorDetail) -> str:
    scale, zero = _scale_and_zero_point(detail)
    dtype = np.dtype(detail["dtype"]).name
    return f"Its output “{name}” is {dtype}, widened by steps of {scale:.3g} (zero at {zero})."


FILE = "model.tflite"
PACKAGES = {"ai_edge_litert": "ai-edge-litert"}
QUANTIZER_PACKAGES = PACKAGES | {"ai_edge_quantizer": "ai-edge-quantizer"}


def load(folder: Path, code: ModelCode = NO_CODE) -> Predictor:
    """Read the bytes ourselves: the interpreter that is given a path crashes on some damaged files."""
    return litert_predictor((folder / FILE).read_bytes(), code.signature)


def litert_predictor(content: bytes, signature: str = "") -> Predictor:
    """The predictor over a LiteRT file, through its signature where it has one: only there do inputs and outputs have
    their names.

    A file that does not take batches is fed as `by_rows` says; integers with a scale are asked in floats.
    """
    interpreter = open_interpreter(content)
    rows = adapt_interpreter(content, interpreter, signature)
    return Predictor(interpreter, rows.specs, rows.predict, remark=rows.remark)


def adapt_interpreter(content: bytes, interpreter: Any, signature: str) -> BatchAdapter:
    """How an interpreter over this content answers any number of rows."""
    way = bind_signature(interpreter, signature)
    takes_batches = _takes_batches(content, signature)
    specs = tuple(_detail_spec(name, detail, takes_batches) for name, detail in way.inputs.items())
    specs, way = to_float_call(way, specs)
    outputs = {} if takes_batches else {name: _to_shape(detail["shape"]) for name, detail in way.outputs.items()}
    rows = adapt_batch_size(specs, outputs, way.call)
    return rows._replace(remark=join_remarks(way.remark, rows.remark))


def open_interpreter(content: bytes) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    return Interpreter(model_content=content)


def _detail_spec(name: str, detail: dict[str, Any], takes_batches: bool) -> Spec:
    shape = detail["shape_signature"] if len(detail["shape_signature"]) else detail["shape"]
    dtype = np.dtype(detail["dtype"])
    sizes = _to_shape(shape)
    if sizes:
        sizes = (None if takes_batches else sizes[0] or 1, *sizes[1:])
    return Spec(name, "object" if dtype.kind in "SUO" else dtype.name, sizes)


def _to_shape(shape: Any) -> tuple[int | None, ...]:
    return tuple(None if size < 0 else int(size) for size in shape)


def _takes_batches(content: bytes, signature: str) -> bool:
    """Whether a fresh interpreter answers some rows at once with as many, and not only the number that it states."""
    way = bind_signature(open_interpreter(content), signature)
    stated = {int(detail["shape_signature"][0]) for detail in way.inputs.values() if len(detail["shape_signature"])}
    if 1 in stated:
        return False
    rows = max(stated, default=-1) + 1 or 2
    try:
        answers = way.call(
            {name: _zeros_for(_detail_spec(name, detail, True), rows) for name, detail in way.inputs.items()}
        )
    except (RuntimeError, ValueError):
        return False
    return all(array.ndim and len(array) == rows for array in answers.values())


def _zeros_for(spec: Spec, rows: int) -> np.ndarray:
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
    before = count_reduced_tensors(path.read_bytes())
    quantizer = Quantizer(path.read_bytes(), recipe)
    calibration = quantizer.calibrate({None: _calibration_calls(path.read_bytes(), samples)}) if samples else None
    result = quantizer.quantize(calibration, enable_progress_bar=False, enable_progress_report=False)
    path.write_bytes(result.quantized_model)
    if count_reduced_tensors(path.read_bytes()) == before:
        raise CannotSave(
            "Nothing in this model could be quantised, so the file would be the plain LiteRT file.",
            cure="Choose plain LiteRT: the quantizer knows no reduced form for this model's operations.",
        )


def _calibration_calls(content: bytes, samples: Arrays) -> list[Arrays]:
    """Samples under the names and dtypes that the file asks for, in one call where it takes batches.

    Between calls the quantizer averages the ranges: row by row it cuts the extremes off, and is 14 times as far off.
    """
    predictor = litert_predictor(content)
    fitting = predictor.prepare_inputs(samples)
    if _takes_batches(content, ""):
        return [fitting]
    rows = len(next(iter(fitting.values())))
    return [{name: array[row : row + 1] for name, array in fitting.items()} for row in range(rows)]


def count_reduced_tensors(content: bytes) -> int:
    """How many tensors of a LiteRT file are held in fewer bits than float32: float16, int8 or int4."""
    small = {"float16", "int8", "int4"}
    return sum(np.dtype(one["dtype"]).name in small for one in open_interpreter(content).get_tensor_details())
