"""Operations and constants of TensorFlow's GraphDefs, and what a graph computes: functions by what they hold."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from core.readers import base
from core.readers.base import OTHER, WEIGHTS, FileContents, StoredTensor
from core.readers.hashing import hash_bytes, hash_texts
from core.runtimes.imported_graph import graph_input_names, graph_output_names

# Attributes that name or number things of the process which wrote the graph, or repeat what follows from the others.
LEFT_OUT_ATTRIBUTES = {
    "_class",
    "_forward_func_name",
    "_gradient_op_type",
    "_output_shapes",
    "backward_function_name",
    "container",
    "debug_name",
    "forward_function_name",
    "shared_name",
}


class GraphHasher:
    """Hashes functions and nodes of one GraphDef, each function once."""

    def __init__(self, graph: Any):
        self._nodes = graph.node
        self._functions = {function.signature.name: function for function in graph.library.function}
        self._hashes: dict[str, str] = {}

    def describe(self) -> list[str]:
        """The nodes of the main graph, by the names of what they read, in no order."""
        return self._hash_nodes(self._nodes)

    def hash_function(self, name: str) -> str:
        """What a function takes, computes and gives; the name itself for one that the graph does not hold."""
        if name not in self._functions:
            return name
        if name not in self._hashes:
            self._hashes[name] = "itself"  # for one that calls itself
            self._hashes[name] = self._hash_body(self._functions[name])
        return self._hashes[name]

    def _hash_body(self, function: Any) -> str:
        sides = (function.signature.input_arg, function.signature.output_arg)
        arguments = [[(argument.name, argument.type) for argument in side] for side in sides]
        results = [sorted(function.ret.items()), sorted(function.control_ret.items())]
        attributes = self._describe_attributes(function.attr)
        return hash_texts([repr(arguments), repr(results), repr(attributes), *self._hash_nodes(function.node_def)])

    def _hash_nodes(self, nodes: Iterable[Any]) -> list[str]:
        return sorted(hash_texts([node.name, *node.input, *self.describe_node(node)]) for node in nodes)

    def describe_node(self, node: Any) -> list[str]:
        """What a node computes, without its name and what it reads."""
        return [node.op, node.device, repr(self._describe_attributes(node.attr))]

    def _describe_attributes(self, attributes: Any) -> list[tuple[str, str]]:
        named = [(name, attributes[name]) for name in sorted(attributes) if name not in LEFT_OUT_ATTRIBUTES]
        return [(name, self._hash_attribute(value)) for name, value in named]

    def _hash_attribute(self, value: Any) -> str:
        copy = type(value)()
        copy.CopyFrom(value)
        functions = [copy.func] if copy.HasField("func") else copy.list.func if copy.HasField("list") else []
        for function in functions:
            function.name = self.hash_function(function.name)
        return hash_bytes(copy.SerializeToString(deterministic=True))


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
