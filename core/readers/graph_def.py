"""Operations and constants of TensorFlow's GraphDefs."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from core.readers import base
from core.readers.base import OTHER, WEIGHTS, FileContents, StoredTensor
from core.readers.graph_structure import GraphHasher
from core.runtimes.imported_graph import graph_input_names, graph_output_names


def read_graph_def(path: Path) -> FileContents:
    """Read a frozen graph; no node of it is run."""
    from tensorflow.core.framework import graph_pb2

    graph = graph_pb2.GraphDef.FromString(path.read_bytes())
    return FileContents(
        "Frozen graph",
        tensors=lambda: [_constant_tensor(node) for node in graph.node if node.op == "Const"],
        signatures=lambda: {"signatures": [_graph_signature(graph)], "functions": [], "facts": {}},
        operators=lambda: describe_graphs([("main", graph.node)], {"producer": graph.versions.producer}),
        structure=lambda: GraphHasher(graph).describe(),
        told_files=(path,),
        remarks=["A frozen graph has no signatures: what is fed and what nobody reads are its inputs and outputs."],
    )


def describe_graphs(graphs: Iterable[tuple[str, Iterable[Any]]], facts: base.Facts) -> base.Operators:
    """Operations of several graphs of one file, given by name and nodes."""
    every = [(name, node) for name, nodes in graphs for node in nodes]
    return {
        "counts": base.count_operations(node.op for _, node in every),
        "operators": [_describe_node(name, node) for name, node in every[: base.MAX_ENTRIES]],
        "tensors": [],
        "facts": base.drop_empty(facts) | {"operations": len(every)},
    }


def _describe_node(graph: str, node: Any) -> base.Operation:
    return {
        "name": node.name,
        "op": node.op,
        "graph": graph,
        "inputs": list(node.input),
        "outputs": [],
        "dtype": dtype_name(node.attr["dtype"].type or node.attr["T"].type) if node.attr else "",
    }


def dtype_name(number: int) -> str:
    """The name of a DataType; empty for none."""
    from tensorflow.python.framework import dtypes

    try:
        return dtypes.as_dtype(number).name if number else ""
    except TypeError:
        return str(number)


def shape_of(proto: Any) -> base.Shape:
    """A TensorShapeProto as a list."""
    return None if proto.unknown_rank else [None if dim.size < 0 else dim.size for dim in proto.dim]


def _constant_tensor(node: Any) -> StoredTensor:
    proto = node.attr["value"].tensor
    shape, dtype = tuple(dim.size for dim in proto.tensor_shape.dim), dtype_name(proto.dtype)
    group = WEIGHTS if dtype.startswith(("float", "bfloat")) and shape else OTHER
    return StoredTensor(node.name, node.name, shape, dtype, group, partial(_read_constant, proto))


def _read_constant(proto: Any) -> np.ndarray:
    import tensorflow as tf

    return np.asarray(tf.make_ndarray(proto))


def _graph_signature(graph: Any) -> base.Signature:
    nodes = {node.name: node for node in graph.node}
    return {
        "name": "(none: the ends of the graph)",
        "method": "",
        "inputs": [_describe_endpoint(nodes[name], "dtype") for name in graph_input_names(graph)],
        "outputs": [_describe_endpoint(nodes[name], "T") for name in graph_output_names(graph)],
    }


def _describe_endpoint(node: Any, attribute: str) -> base.Port:
    shape = shape_of(node.attr["shape"].shape) if "shape" in node.attr else None
    dtype = dtype_name(node.attr[attribute].type)
    return base.Port(name=node.name, dtype=dtype, shape=shape, tensor=f"{node.name}:0")
