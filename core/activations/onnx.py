"""Inside an ONNX file: the same graph with one output, the tensor that is asked for, run by ONNX Runtime."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from core.activations import Activations, Compute
from core.activations.matching import Activation
from core.arrays import Arrays
from core.runtimes.base import Predictor
from core.runtimes.onnx import FILE, open_session


def build_activations(predictor: Predictor, folder: Path, inputs: Arrays) -> Activations:
    import onnx

    model = onnx.load(folder / FILE)

    def only(key: str) -> Compute:
        del model.graph.output[:]
        model.graph.output.append(onnx.ValueInfoProto(name=key))
        session = open_session(model.SerializeToString())
        return lambda rows: np.asarray(session.run([key], rows)[0])

    return Activations(_list_tensors(model.graph), only)


def _list_tensors(graph: Any) -> list[Activation]:
    """What the nodes of the main graph give, in their order: those that depend on the inputs."""
    constants = {one.name for one in graph.initializer}
    live = {port.name: "" for port in graph.input if port.name not in constants}
    shapes = {one.name: _value_info_shape(one) for one in (*graph.value_info, *graph.output)}
    found = []
    for node in graph.node:
        sources = [name for name in _input_names(node) if name in live]
        for name in node.output if sources else ():
            if name:
                after = tuple(dict.fromkeys(live[one] for one in sources if live[one]))
                live[name] = name
                found.append(Activation(name, name, node.op_type, shapes.get(name), "", after))
    return found


def _input_names(node: Any) -> Iterator[str]:
    """Names that a node reads, also from within the graphs of a loop or a branch."""
    yield from node.input
    for attribute in node.attribute:
        for inner in attribute.g.node:
            yield from _input_names(inner)


def _value_info_shape(port: Any) -> tuple[int | None, ...] | None:
    if not port.type.tensor_type.HasField("shape"):
        return None
    return tuple(one.dim_value if one.HasField("dim_value") else None for one in port.type.tensor_type.shape.dim)
