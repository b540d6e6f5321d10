"""Intermediate tensors of ONNX graphs: the same graph with one output, run by ONNX Runtime."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from core.activations import Activations, Compute, predecessors
from core.activations.matching import Activation
from core.arrays import Arrays
from core.runtimes.base import Predictor
from core.runtimes.onnx import FILE, load_model, open_session


def build_activations(predictor: Predictor, folder: Path, inputs: Arrays) -> Activations:
    import onnx

    model = load_model(folder / FILE)

    def build_compute(key: str) -> Compute:
        del model.graph.output[:]
        model.graph.output.append(onnx.ValueInfoProto(name=key))
        session = open_session(model.SerializeToString())
        return lambda rows: np.asarray(session.run([key], rows)[0])

    return Activations(_list_activations(model.graph), build_compute)


def _list_activations(graph: Any) -> list[Activation]:
    """What the nodes of the main graph give, in their order: those that depend on the inputs."""
    constants = {initializer.name for initializer in graph.initializer}
    keys = {port.name: "" for port in graph.input if port.name not in constants}
    shapes = {port.name: _port_shape(port) for port in (*graph.value_info, *graph.output)}
    activations = []
    for node in graph.node:
        sources = [name for name in _activation_sources(node) if name in keys]
        after = predecessors(keys, sources)
        for name in filter(None, node.output) if sources else ():
            keys[name] = name
            activations.append(Activation(name, name, node.op_type, shapes.get(name), "", after))
    return activations


def _activation_sources(node: Any) -> Iterator[str]:
    """Names that a node reads, also from within the graphs of a loop or a branch."""
    yield from node.input
    for attribute in node.attribute:
        for inner in attribute.g.node:
            yield from _activation_sources(inner)


def _port_shape(port: Any) -> tuple[int | None, ...] | None:
    if not port.type.tensor_type.HasField("shape"):
        return None
    dims = port.type.tensor_type.shape.dim
    return tuple(dim.dim_value if dim.HasField("dim_value") else None for dim in dims)
