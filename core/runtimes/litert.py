"""LiteRT (once TensorFlow Lite): its interpreter as a predictor. `core.runtimes.litert_quantizer` rewrites its files.

A file is called through a signature, or by the indices of its tensors where it has none; where it computes in integers
with a scale, it is called in floats.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from core.arrays import Arrays
from core.errors import CannotSave
from core.runtimes.base import NO_CODE, ModelCode, PredictFunction, Predictor, join_remarks
from core.runtimes.batch_adapter import BatchAdapter, adapt_batch_size, adapted_predictor
from core.runtimes.call_state import CallState
from core.runtimes.litert_contents import describe_operations, describe_unfilled_variables, remembers
from core.runtimes.signatures import choose_signature
from core.runtimes.specs import Shape, Spec

FILE = "model.tflite"
PACKAGES = {"ai_edge_litert": "ai-edge-litert"}
DELEGATE = "XNNPack"  # in every error of the delegate that computes by default
NO_SIGNATURE_REMARK = "The file has no signature: its inputs and outputs go by the names of its tensors."

NO_DELEGATE_REMARK = (
    "XNNPACK, by which LiteRT computes unless told otherwise, does not take the scales of this file, so LiteRT's own "
    "kernels predict: open it with OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES."
)

Details = dict[str, dict[str, Any]]  # what the interpreter says of each tensor, by the tensor's name


@dataclass(frozen=True)
class InterpreterCall:
    """How a file is called: the details of its inputs and outputs, and what takes arrays in their dtypes."""

    inputs: Details
    outputs: Details
    predict: PredictFunction
    remark: str = ""


def load(folder: Path, code: ModelCode = NO_CODE) -> Predictor:
    """Read the bytes ourselves: the interpreter that is given a path crashes on some damaged files."""
    return litert_predictor((folder / FILE).read_bytes(), code.signature, code.row_is_call)


def litert_predictor(content: bytes, signature: str = "", row_is_call: bool = False) -> Predictor:
    """The predictor over a LiteRT file, through its signature where it has one: only there do tensors have names.

    A file that does not take batches is fed as `adapt_batch_size` says, and as it is where each row is a call; integers
    with a scale are floats outside.
    """
    interpreter = open_interpreter(content)
    adapter = adapt_interpreter(content, interpreter, signature, row_is_call)
    return adapted_predictor(interpreter, adapter)


def open_interpreter(content: bytes) -> Any:
    """An interpreter; without its delegate, XNNPACK, where that does not take the scales of an integer file."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    if not _is_refused_by_delegate(content):
        return Interpreter(model_content=content)
    own_kernels = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    return Interpreter(model_content=content, experimental_op_resolver_type=own_kernels)


def _is_refused_by_delegate(content: bytes) -> bool:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content)
    if not is_quantized_file(interpreter):
        return False
    try:
        interpreter.allocate_tensors()
    except RuntimeError as error:
        return DELEGATE in str(error)
    return False


def is_quantized_file(interpreter: Any) -> bool:
    """Whether a file keeps numbers in fewer bits than float32: integers with a scale, or float16."""
    return any(
        len(detail["quantization_parameters"]["scales"]) or np.dtype(detail["dtype"]) == np.float16
        for detail in interpreter.get_tensor_details()
    )


def enum_names(enum: Any) -> dict[int, str]:
    """The names of an enumeration of LiteRT's schema, by their numbers."""
    return {number: name for name, number in vars(enum).items() if isinstance(number, int)}


def adapt_interpreter(content: bytes, interpreter: Any, signature: str, row_is_call: bool = False) -> BatchAdapter:
    """How an interpreter over this content predicts any number of rows; where each row is a call, one of them."""
    call = _bind_signature(interpreter, signature)
    takes_batches = row_is_call or accepts_batches(content, signature)
    specs = tuple(_detail_spec(name, detail, takes_batches) for name, detail in call.inputs.items())
    state = None
    if remembers(content):
        predict, state = _renewing_call(content, signature)
        call = replace(call, predict=state.wrap(predict))
    specs, call = _to_float_call(call, specs)
    outputs: dict[str, Shape] = {name: _to_shape(detail["shape"]) for name, detail in call.outputs.items()}
    if takes_batches:
        outputs = {name: shape for name, shape in outputs.items() if shape == ()}  # one for all rows of a call
    adapter = BatchAdapter(specs, call.predict, "") if row_is_call else adapt_batch_size(specs, outputs, call.predict)
    refused = NO_DELEGATE_REMARK if _is_refused_by_delegate(content) else ""
    known = [describe_unfilled_variables(content), *describe_operations(content)]
    remark = join_remarks(call.remark, adapter.remark, refused, *known)
    return adapter._replace(remark=remark, state=state, places=_list_places(interpreter, call))


def _list_places(interpreter: Any, call: InterpreterCall) -> dict[str, list[str]]:
    """The names of a call's inputs and outputs in the order in which the interpreter lists their tensors.

    It lists those of the first subgraph, so nothing is known where there are several signatures.
    """
    if len(interpreter.get_signature_list()) > 1:
        return {}
    details = {"inputs": interpreter.get_input_details(), "outputs": interpreter.get_output_details()}
    sides = {"inputs": call.inputs, "outputs": call.outputs}
    names = {side: {detail["index"]: name for name, detail in sides[side].items()} for side in sides}
    return {
        side: [names[side][detail["index"]] for detail in listed if detail["index"] in names[side]]
        for side, listed in details.items()
    }


def _renewing_call(content: bytes, signature: str) -> tuple[PredictFunction, CallState]:
    """A call through an interpreter that is made anew as soon as its state was forgotten: the runtime's own reset does
    not bring the first state back."""
    current: list[InterpreterCall] = []

    def predict(inputs: Arrays) -> Arrays:
        if not current:
            current.append(_bind_signature(open_interpreter(content), signature))
        return current[0].predict(inputs)

    return predict, CallState(current.clear)


def _bind_signature(interpreter: Any, signature: str = "") -> InterpreterCall:
    """The call through the chosen signature (see `choose_signature`), or by index where the file has none."""
    names = interpreter.get_signature_list()
    if not names:
        return _bind_by_index(interpreter)
    name, remark = choose_signature(names, signature)
    run = interpreter.get_signature_runner(name)
    return InterpreterCall(run.get_input_details(), run.get_output_details(), lambda inputs: run(**inputs), remark)


def input_details(interpreter: Any, signature: str) -> Details:
    """What the interpreter says of each input, by the names under which `litert_predictor` takes them."""
    return _bind_signature(interpreter, signature).inputs


def _bind_by_index(interpreter: Any) -> InterpreterCall:
    details = interpreter.get_input_details(), interpreter.get_output_details()
    inputs, outputs = ({detail["name"]: detail for detail in side} for side in details)

    def predict(arrays: Arrays) -> Arrays:
        for name, array in arrays.items():
            interpreter.resize_tensor_input(inputs[name]["index"], array.shape)
        interpreter.allocate_tensors()
        for name, array in arrays.items():
            interpreter.set_tensor(inputs[name]["index"], array)
        interpreter.invoke()
        return {name: interpreter.get_tensor(detail["index"]) for name, detail in outputs.items()}

    return InterpreterCall(inputs, outputs, predict, NO_SIGNATURE_REMARK)


def _detail_spec(name: str, detail: dict[str, Any], takes_batches: bool) -> Spec:
    dtype = np.dtype(detail["dtype"])
    shape = _to_shape(detail["shape_signature"] if len(detail["shape_signature"]) else detail["shape"])
    if shape:
        shape = (None if takes_batches else shape[0] or 1, *shape[1:])
    return Spec(name, "object" if dtype.kind in "SUO" else dtype.name, shape)


def _to_shape(sizes: Any) -> tuple[int | None, ...]:
    return tuple(None if size < 0 else int(size) for size in sizes)


def accepts_batches(content: bytes, signature: str) -> bool:
    """Whether a fresh interpreter predicts some rows at once, and not only the number that it states."""
    call = _bind_signature(open_interpreter(content), signature)
    stated = {int(detail["shape_signature"][0]) for detail in call.inputs.values() if len(detail["shape_signature"])}
    if 1 in stated:
        return False
    rows = max(stated, default=-1) + 1 or 2
    zeros = {name: _zeros(name, detail, rows) for name, detail in call.inputs.items()}
    try:
        return all(not array.ndim or len(array) == rows for array in call.predict(zeros).values())
    except (RuntimeError, ValueError):
        return False


def _zeros(name: str, detail: dict[str, Any], rows: int) -> np.ndarray:
    """So many rows of zeros for an input; its free sizes are those that the file begins with."""
    spec = _detail_spec(name, detail, True)
    shape = (rows, *map(int, detail["shape"][1:])) if spec.shape else ()
    return np.full(shape, b"", dtype=object) if spec.dtype == "object" else np.zeros(shape, spec.dtype)


def _to_float_call(call: InterpreterCall, specs: tuple[Spec, ...]) -> tuple[tuple[Spec, ...], InterpreterCall]:
    """The same in floats, where the file takes or returns integers with a scale and a zero point."""
    inputs, outputs = _quantized_only(call.inputs), _quantized_only(call.outputs)
    if not inputs and not outputs:
        return specs, call

    def predict(arrays: Arrays) -> Arrays:
        return _convert(_dequantize, outputs, call.predict(_convert(_quantize, inputs, arrays)))

    specs = tuple(replace(spec, dtype="float32") if spec.name in inputs else spec for spec in specs)
    remarks = [_describe_quantized_input(name, detail) for name, detail in inputs.items()]
    remarks += [_describe_quantized_output(name, detail) for name, detail in outputs.items()]
    return specs, replace(call, predict=predict, remark=join_remarks(call.remark, *remarks))


def _convert(convert: Callable[[np.ndarray, dict[str, Any]], np.ndarray], details: Details, arrays: Arrays) -> Arrays:
    return {name: convert(array, details[name]) if name in details else array for name, array in arrays.items()}


def require_float_tensors(path: Path, target: str) -> None:
    """Require a LiteRT file whose inputs and outputs are no integers that stand for floats.

    A converter would leave the scale to the caller, and predictions would be others. Raises CannotSave.
    """
    call = _bind_signature(open_interpreter(path.read_bytes()))
    if scaled := [*_quantized_only(call.inputs | call.outputs)]:
        raise CannotSave(
            f"“{scaled[0]}” of this file is integers with a scale of their own, which {target} would take without it.",
            cure="Convert the model that it was quantised from.",
        )


def _quantized_only(details: Details) -> Details:
    return {name: detail for name, detail in details.items() if _is_quantized(detail)}


def _is_quantized(detail: dict[str, Any]) -> bool:
    scales = detail["quantization_parameters"]["scales"]
    return np.dtype(detail["dtype"]).kind in "iu" and len(scales) == 1 and bool(scales[0] > 0)


def _scale_and_zero_point(detail: dict[str, Any]) -> tuple[float, int]:
    parameters = detail["quantization_parameters"]
    return float(parameters["scales"][0]), int(parameters["zero_points"][0])


def _quantize(array: np.ndarray, detail: dict[str, Any]) -> np.ndarray:
    scale, zero = _scale_and_zero_point(detail)
    bounds = np.iinfo(detail["dtype"])
    steps = np.round(np.nan_to_num(array.astype("float64") / scale)) + zero
    return np.clip(steps, bounds.min, bounds.max).astype(detail["dtype"])


def _dequantize(array: np.ndarray, detail: dict[str, Any]) -> np.ndarray:
    scale, zero = _scale_and_zero_point(detail)
    return ((array.astype("float64") - zero) * scale).astype("float32")


def quantized_range(detail: dict[str, Any]) -> tuple[float, float] | None:
    """The lowest and highest float that the integers of a tensor stand for; None where they have no scale."""
    if not _is_quantized(detail):
        return None
    scale, zero = _scale_and_zero_point(detail)
    bounds = np.iinfo(detail["dtype"])
    return (bounds.min - zero) * scale, (bounds.max - zero) * scale


def _describe_quantized_input(name: str, detail: dict[str, Any]) -> str:
    scale, zero = _scale_and_zero_point(detail)
    dtype, (low, high) = np.dtype(detail["dtype"]).name, quantized_range(detail) or (0.0, 0.0)
    ends = f"{low:.4g} to {high:.4g}"
    return f"Its input “{name}” takes {dtype}: values from {ends} are rounded to steps of {scale:.3g} (zero at {zero})."


def _describe_quantized_output(name: str, detail: dict[str, Any]) -> str:
    scale, zero = _scale_and_zero_point(detail)
    dtype = np.dtype(detail["dtype"]).name
    return f"Its output “{name}” is {dtype}, widened by steps of {scale:.3g} (zero at {zero})."
