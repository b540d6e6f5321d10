"""Intermediate tensors of OpenVINO graphs: a model of the same nodes with one output."""

from pathlib import Path
from typing import Any

import numpy as np

from core.activations import Activations, Compute, predecessors
from core.activations.matching import Activation
from core.arrays import Arrays
from core.runtimes.base import Predictor
from core.runtimes.openvino import FILE, compile_model, import_openvino


def build_activations(predictor: Predictor, folder: Path, inputs: Arrays) -> Activations:
    ov = import_openvino()
    model = ov.Core().read_model(folder / FILE)
    names = [spec.name for spec in predictor.inputs]
    ports = _list_activations(model)

    def build_compute(key: str) -> Compute:
        part = compile_model(ov.Model([ports[key][1]], model.get_parameters(), "part"))
        return lambda rows: np.array(part([rows[name] for name in names])[0])

    return Activations([activation for activation, _ in ports.values()], build_compute)


def _list_activations(model: Any) -> dict[str, tuple[Activation, Any]]:
    """What the nodes give, in order of execution, with its port: those that depend on the inputs."""
    keys = {parameter.get_name(): "" for parameter in model.get_parameters()}
    activations = {}
    for place, node in enumerate(model.get_ordered_ops()):
        sources = [port.get_source_output().get_node().get_name() for port in node.inputs()]
        op, after = node.get_type_name(), predecessors(keys, sources)
        if op == "Result" or not any(source in keys for source in sources):
            continue
        for index, port in enumerate(node.outputs()):
            key = keys[node.get_name()] = f"{place}:{index}"
            dtype = port.get_element_type().get_type_name()
            activations[key] = Activation(key, node.get_friendly_name(), op, _port_shape(port), dtype, after), port
    return activations


def _port_shape(port: Any) -> tuple[int | None, ...] | None:
    shape = port.get_partial_shape()
    if shape.rank.is_dynamic:
        return None
    return tuple(size.get_length() if size.is_static else None for size in shape)
