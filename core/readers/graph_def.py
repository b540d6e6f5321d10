"""TensorFlow's graphs as text: their operations, counted and one by one, and the constants in a frozen one."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from core.readers.base import MAX_ENTRIES, OTHER, WEIGHTS, FileContents, StoredTensor, count_operations, describe_port

MAX_SHAPE_CONSTANT_VALUES = (
    64  # constants of fewer numbers, and of whole numbers, are shapes and axes rather than weights
)


def read_graph_def(path: Path) -> FileContents:
    """A frozen graph: no node of it is run."""
    from tensorflow.core.framework import graph_pb2

    graph = graph_pb2.GraphDef.FromString(path.read_bytes())
    return FileContents(
        "Frozen graph",
        tensors=lambda: list_constants(graph),
        signatures=lambda: {"signatures": [_graph_signature(graph)], "functions": [], "facts": {}},
        operators=lambda: describe_operations([("main", graph.node)], {"producer": graph.versions.producer}),
        remarks=["A frozen graph has no signatures: what is fed and what nobody reads are its inputs and outputs."],
    )


def describe_operations(graphs: list[tuple[str, Iterable[Any]]], facts: dict[str, Any]) -> dict[str, Any]:
    """Operations of several graphs of one file, each with the name of its graph."""
    every = [(name, node) for name, nodes in graphs for node in nodes]
    return {
        "counts": count_operations(node.op for _, node in every),
        "operators": [_describe_node(name, node) for name, node in every[:MAX_ENTRIES]],
        "tensors": [],
        "facts": {name: value for name, value in facts.items() if value} | {"operations": len(every)},
    }


def _describe_node(graph: str, node: Any) -> dict[str, Any]:
    return {
        "name": node.name,
        "op": node.op,
        "graph": graph,
        "inputs": list(node.input),
        "outputs": [],
        "dtype": dtype_name(node.attr["dtype"].type or node.attr["T"].type) if node.attr else "",
    }


def dtype_name(number: int) -> str:
    """A DataType as NumPy and TensorFlow name it; empty for none."""
    from tensorflow.python.framework import dtypes

    try:
        return dtypes.as_dtype(number).name if number else ""
    except TypeError:
        return str(number)


def shape_of(proto: Any) -> list[int | None] | None:
    """A TensorShapeProto as a list with None where free; None where nothing is known."""
    return None if proto.unknown_rank else [None if one.size < 0 else one.size for one in proto.dim]


def list_constants(graph: Any) -> list[StoredTensor]:
    """Every constant of numbers, or of text."""
    return [_constant_tensor(node) for node in graph.node if node.op == "Const"]


def _constant_tensor(node: Any) -> StoredTensor:
    proto = node.attr["value"].tensor
    shape, dtype = tuple(one.size for one in proto.tensor_shape.dim), dtype_name(proto.dtype)
    weight = dtype.startswith(("float", "bfloat")) and bool(shape)
    return StoredTensor(
        node.name, node.name, shape, dtype, WEIGHTS if weight else OTHER, partial(_read_constant, proto)
    )


def _read_constant(proto: Any) -> np.ndarray:
    import tensorflow as tf

    return np.asarray(tf.make_ndarray(proto))


def _graph_signature(graph: Any) -> dict[str, Any]:
    from core.runtimes.conversion import graph_input_names, graph_output_names

    nodes = {node.name: node for node in graph.node}
    return {
        "name": "(none: the ends of the graph)",
        "method": "",
        "inputs": [_describe_endpoint(nodes[name], "dtype") for name in graph_input_names(graph)],
        "outputs": [_describe_endpoint(nodes[name], "T") for name in graph_output_names(graph)],
    }


def _describe_endpoint(node: Any, attribute: str) -> dict[str, Any]:
    shape = shape_of(node.attr["shape"].shape) if "shape" in node.attr else None
    return describe_port(node.name, dtype_name(node.attr[attribute].type), shape, tensor=f"{node.name}:0")
