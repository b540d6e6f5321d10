"""Inside an OpenVINO IR: a model of the same nodes whose one output is the tensor that is asked for."""

from pathlib import Path
from typing import Any

import numpy as np

from core.activations import Activations, Compute
from core.activations.matching import Activation
from core.arrays import Arrays
from core.runtimes.base import Predictor
from core.runtimes.openvino import FILE, compile_model, import_openvino


def build_activations(predictor: Predictor, folder: Path, inputs: Arrays) -> Activations:
    ov = import_openvino()
    model = ov.Core().read_model(folder / FILE)
    names = [spec.name for spec in predictor.inputs]
    found = _list_tensors(model)

    def only(key: str) -> Compute:
        part = compile_model(ov.Model([found[key][1]], model.get_parameters(), "part"))
        return lambda rows: np.array(part([rows[name] for name in names])[0])

    return Activations([tensor for tensor, _ in found.values()], only)


def _list_tensors(model: Any) -> dict[str, tuple[Activation, Any]]:
    """What the nodes give, in order of execution, with the port where it stands: those that depend on the inputs."""
    live = {parameter.get_name(): "" for parameter in model.get_parameters()}
    found = {}
    for place, node in enumerate(model.get_ordered_ops()):
        sources = [port.get_source_output().get_node().get_name() for port in node.inputs()]
        if node.get_type_name() == "Result" or not any(one in live for one in sources):
            continue
        after = tuple(dict.fromkeys(live[one] for one in sources if live.get(one)))
        for index, port in enumerate(node.outputs()):
            key = f"{place}:{index}"
            live[node.get_name()] = key
            dtype = port.get_element_type().get_type_name()
            tensor = Activation(key, node.get_friendly_name(), node.get_type_name(), _port_shape(port), dtype, after)
            found[key] = tensor, port
    return found


def _port_shape(port: Any) -> tuple[int | None, ...] | None:
    shape = port.get_partial_shape()
    if shape.rank.is_dynamic:
        return None
    return tuple(size.get_length() if size.is_static else None for size in shape)
