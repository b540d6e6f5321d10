"""OpenVINO: how its files are written and quantized (NNCF) without a message sent home, and how its runtime predicts.

Some operations are computed otherwise than in the runtime that a file comes from; what was seen, with versions, is in
`findings/openvino_*.sh` and `findings/softplus_*.sh`.
"""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from core.arrays import Arrays
from core.errors import CannotSave
from core.runtimes.base import NO_CODE, ModelCode, Predictor, join_remarks
from core.runtimes.batch_adapter import BatchAdapter, adapt_batch_size, adapted_predictor
from core.runtimes.specs import Shape, Spec

FILE = "model.xml"
NUMBERS = "model.bin"  # beside it
PACKAGES = {"openvino": "openvino"}
WIDE_INTEGERS = ("i32", "u32", "i64", "u64")  # which hold more than the 24 bits of a float's digits
QUANTIZER_PACKAGES = PACKAGES | {"nncf": "nncf"}
SMALL_TYPES = ("i8", "u8", "i4", "u4")


class KnownOperation(NamedTuple):
    """An operation by its name in OpenVINO, by what it is answered otherwise, and what is said of it."""

    name: str
    is_meant: Callable[[dict[str, Any]], bool]
    sentence: str


KNOWN_OPERATIONS = (
    KnownOperation(
        "ScatterNDUpdate",
        lambda attributes: attributes.get("reduction", "none") == "none",
        "Where several numbers go to one place (tf.scatter_nd), OpenVINO keeps the last; TensorFlow adds them up.",
    ),
    KnownOperation(
        "LRN",
        lambda attributes: True,
        "OpenVINO cuts the bias of a local response normalisation down to a whole number, and reads an odd "
        "depth_radius of TensorFlow as the even one below it.",
    ),
    KnownOperation(
        "Unique",
        lambda attributes: not attributes.get("sorted", True),
        "Where different numbers are listed as they come (tf.unique), OpenVINO gives the first one and zeros, and for "
        "counts the same.",
    ),
    KnownOperation(
        "SoftPlus",
        lambda attributes: True,
        "OpenVINO's softplus of -20 is below 0, where it should be just above: a logarithm of that is NaN.",
    ),
)


def describe_operations(model: Any) -> list[str]:
    """Sentences on the operations of a model that was read; of a compiled one they are not known."""
    operations = [(op.get_type_name(), op.get_attributes()) for op in getattr(model, "get_ops", list)()]
    return [
        known.sentence
        for known in KNOWN_OPERATIONS
        if any(name == known.name and known.is_meant(attributes) for name, attributes in operations)
    ]


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
    """Outputs from inside of layers that are one number or, where rows are free, a few whole ones: no answers."""
    shapes = [port.get_partial_shape() for port in model.inputs]
    are_rows_free = any(shape.rank.is_dynamic or (shape.rank != 0 and shape[0].is_dynamic) for shape in shapes)
    return [name for name, port in _name_outputs(model).items() if _is_leftover(name, port, are_rows_free)]


def _is_leftover(name: str, port: Any, are_rows_free: bool) -> bool:
    shape = port.get_partial_shape()
    holds_sizes = are_rows_free and shape.rank == 1 and shape.is_static and port.get_element_type().is_integral()
    return bool(re.search(r"/.*:\d+$", name) and (shape.rank == 0 or holds_sizes))  # its name is of a tensor in a layer


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


def quantize(path: Path, samples: Arrays) -> Any:
    """A quantised model of OpenVINO from a float IR; `samples` (batch first) show the ranges.

    Raises CannotSave of a file that is quantised already, and where nothing could be quantised.
    """
    model = import_openvino().Core().read_model(path)
    if _count_small_constants(model):
        raise CannotSave(
            "These OpenVINO files are quantised already, and what was rounded once is not rounded again.",
            cure="Keep the files as they are, or quantise the model that they were made from.",
        )
    import nncf

    calls = list_calls(path, samples)
    quantized = nncf.quantize(model, nncf.Dataset(calls), subset_size=len(calls))
    if not _count_small_constants(quantized):
        raise CannotSave(
            "Nothing in this model could be quantised, so the files would be those of plain OpenVINO IR.",
            cure="Choose plain OpenVINO IR: the quantizer knows no reduced form for this model's operations.",
        )
    return quantized


def list_calls(path: Path, samples: Arrays) -> list[Arrays]:
    """Samples under the names and in the dtypes that a file takes, in one call where it takes any number of rows.

    Between calls NNCF averages the ranges: row by row it cuts the extremes off.
    """
    calls: list[Arrays] = []
    model = compile_model(path)
    predictor = adapted_predictor(model, adapt_compiled_model(model, calls.append))
    inputs = predictor.prepare_inputs(samples)
    predictor.predict_fn(inputs)
    return calls


def _count_small_constants(model: Any) -> int:
    """How many constants with several axes are integers of 8 bits or fewer."""
    constants = [node for node in model.get_ops() if node.get_type_name() == "Constant"]
    ports = [node.output(0) for node in constants]
    return sum(port.get_element_type().get_type_name() in SMALL_TYPES and len(port.shape) > 1 for port in ports)
