"""OpenVINO: how its files are written without a message sent home, and how its runtime predicts."""

import re
import sys
from pathlib import Path
from typing import Any

from core.arrays import Arrays
from core.runtimes.base import NO_CODE, ModelCode, Predictor
from core.runtimes.batch_adapter import BatchAdapter, adapt_batch_size, adapted_predictor
from core.runtimes.specs import Shape, Spec

FILE = "model.xml"
PACKAGES = {"openvino": "openvino"}


def import_openvino() -> Any:
    """Import the package so that it sends no usage data: where its telemetry cannot be imported it uses a stub."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # None is how Python notes "not there"
    import openvino

    return openvino


def load(folder: Path, code: ModelCode = NO_CODE) -> Predictor:
    """Load on the processor, to compute in float32."""
    model = compile_model(folder / FILE)
    adapter = adapt_compiled_model(model)
    return adapted_predictor(model, adapter)


def adapt_compiled_model(model: Any) -> BatchAdapter:
    """How a compiled model predicts any number of rows."""
    outputs = name_answers(model)

    def predict(inputs: Arrays) -> Arrays:
        results = model(inputs)
        return {name: results[port].copy() for name, port in outputs.items()}

    specs = tuple(_port_spec(port, index) for index, port in enumerate(model.inputs))
    return adapt_batch_size(specs, {name: _port_shape(port) for name, port in outputs.items()}, predict)


def name_answers(model: Any) -> dict[str, Any]:
    """The outputs by name, without the scalars inside of layers that the converter leaves behind."""
    named = {_port_name(port, f"output_{index}"): port for index, port in enumerate(model.outputs)}
    scalars = [name for name, port in named.items() if port.get_partial_shape().rank == 0]
    inner = [name for name in scalars if re.search(r"/.*:\d+$", name)]
    return {name: port for name, port in named.items() if name not in inner} or named


def compile_model(model: Any) -> Any:
    """Compile an IR's path, or a model that was read.

    Left to itself OpenVINO computes in bfloat16 where the processor can, and is then off by 0.002 on a digit.
    """
    return import_openvino().Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})


def _port_name(port: Any, default: str) -> str:
    """One of the names that a port has, always the same one."""
    return min(port.get_names(), default=default)


def _port_spec(port: Any, index: int) -> Spec:
    element = port.get_element_type()
    dtype = "object" if element.get_type_name() == "string" else str(element.to_dtype())
    return Spec(_port_name(port, f"input_{index}"), dtype, _port_shape(port))


def _port_shape(port: Any) -> Shape:
    shape = port.get_partial_shape()
    if shape.rank.is_dynamic:
        return None
    return tuple(size.get_length() if size.is_static else None for size in shape)
