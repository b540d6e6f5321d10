"""OpenVINO: how its files are written without a message sent home, and how its runtime predicts."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.arrays import Arrays
from core.runtimes.base import NO_CODE, ModelCode, Predictor, join_remarks
from core.runtimes.batch_adapter import BatchAdapter, adapt_batch_size, adapted_predictor
from core.runtimes.openvino_operations import describe_operations
from core.runtimes.specs import Shape, Spec

FILE = "model.xml"
NUMBERS = "model.bin"  # beside it
PACKAGES = {"openvino": "openvino"}
WIDE_INTEGERS = ("i32", "u32", "i64", "u64")  # which hold more than the 24 bits of a float's digits
INNER_NAME = re.compile(r"/.*:\d+$")  # of a tensor in a layer


def import_openvino() -> Any:
    """Import the package so that it sends no usage data: where its telemetry cannot be imported it uses a stub."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # None is how Python notes "not there"
    import openvino

    return openvino


def load(folder: Path, code: ModelCode = NO_CODE) -> Predictor:
    """Load on the processor, to compute in float32."""
    given = import_openvino().Core().read_model(folder / FILE)
    model = compile_model(given)
    adapter = adapt_compiled_model(model)
    remark = join_remarks(adapter.remark, *describe_operations(given))
    return adapted_predictor(model, adapter._replace(remark=remark))


def adapt_compiled_model(model: Any, note_call: Callable[[Arrays], None] = lambda inputs: None) -> BatchAdapter:
    """How a compiled model predicts any number of rows; `note_call` is given the inputs of each of its calls."""
    outputs = name_answers(model)
    remark = describe_model(model)

    def predict(inputs: Arrays) -> Arrays:
        note_call(inputs)
        results = model(inputs)
        return {name: results[port].copy() for name, port in outputs.items()}

    specs = tuple(_port_spec(port, index) for index, port in enumerate(model.inputs))
    adapter = adapt_batch_size(specs, {name: _port_shape(port) for name, port in outputs.items()}, predict)
    places = {"inputs": [spec.name for spec in specs], "outputs": list(outputs)}
    return adapter._replace(remark=join_remarks(adapter.remark, remark), places=places)


def name_answers(model: Any) -> dict[str, Any]:
    """The outputs by name, without the scalars and sizes inside of layers that the converter leaves behind."""
    named, leftovers = _name_outputs(model), _list_leftovers(model)
    return {name: port for name, port in named.items() if name not in leftovers} or named


def describe_model(model: Any) -> str:
    """What a person should know of the answers of a model that was read or compiled; empty for nothing."""
    return join_remarks(_describe_leftovers(model), _describe_integers(model), *describe_operations(model))


def _describe_integers(model: Any) -> str:
    """See `findings/openvino_integers_are_floats.sh`."""
    if not any(port.get_element_type().get_type_name() in WIDE_INTEGERS for port in model.inputs):
        return ""
    return "OpenVINO computes whole numbers as floats: those above 16,777,216 lose their last digits."


def _describe_leftovers(model: Any) -> str:
    """A sentence on the outputs of a model that are no answers; empty where it has none."""
    leftovers = _list_leftovers(model)
    names = ", ".join(leftovers[:3]) + (" …" if len(leftovers) > 3 else "")
    return f"The converter left scalars or sizes from inside of layers among its outputs: {names}." if leftovers else ""


def _name_outputs(model: Any) -> dict[str, Any]:
    return {port_name(port, f"output_{index}"): port for index, port in enumerate(model.outputs)}


def _list_leftovers(model: Any) -> list[str]:
    """The outputs from inside of layers that are one number, or a few where rows are free: no answers to rows."""
    are_rows_free = any(port.get_partial_shape().is_dynamic for port in model.inputs)
    inner = {name: port.get_partial_shape() for name, port in _name_outputs(model).items() if INNER_NAME.search(name)}
    return [
        name
        for name, shape in inner.items()
        if shape.rank == 0 or (are_rows_free and shape.rank == 1 and shape.is_static)
    ]


# Left to itself OpenVINO computes in bfloat16 where the processor can, and is then off by 0.002 on a digit; and it
# rounds to 8 bits what meets weights of 8 bits, by which a file of dynamic range is off by 0.06 of 15.
def compile_model(model: Any) -> Any:
    """Compile an IR's path, or a model that was read."""
    exact = {"INFERENCE_PRECISION_HINT": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": "0"}
    return import_openvino().Core().compile_model(model, "CPU", exact)


def port_name(port: Any, default: str) -> str:
    return min(port.get_names(), default=default)  # of the names that a port has always the same one


def _port_spec(port: Any, index: int) -> Spec:
    element = port.get_element_type()
    dtype = "object" if element.get_type_name() == "string" else str(element.to_dtype())
    return Spec(port_name(port, f"input_{index}"), dtype, _port_shape(port))


def _port_shape(port: Any) -> Shape:
    shape = port.get_partial_shape()
    if shape.rank.is_dynamic:
        return None
    return tuple(size.get_length() if size.is_static else None for size in shape)
