"""A GraphDef of TensorFlow 1 as a concrete function, and which of its nodes are inputs, outputs and calls."""

from collections.abc import Iterable, Mapping
from typing import Any


def import_graph(graph: Any, inputs: Iterable[str], outputs: Mapping[str, str]) -> Any:
    """A GraphDef as a concrete function; its inputs, and its outputs by name, are names of tensors ("x:0")."""
    import tensorflow as tf

    whole = tf.compat.v1.wrap_function(lambda: tf.compat.v1.import_graph_def(graph, name=""), [])
    find = whole.graph.get_tensor_by_name
    return whole.prune([find(name) for name in inputs], {name: find(tensor) for name, tensor in outputs.items()})


def import_frozen_graph(graph: Any) -> Any:
    """A GraphDef of constants as a concrete function from its placeholders to the ends of the graph, all by name."""
    outputs = {name: f"{name}:0" for name in graph_output_names(graph)}
    return import_graph(graph, [f"{name}:0" for name in graph_input_names(graph)], outputs)


def graph_input_names(graph: Any) -> list[str]:
    """The placeholders of a GraphDef that some node reads; control flow leaves others behind."""
    consumed = _consumed_names(graph)
    return [node.name for node in graph.node if node.op == "Placeholder" and node.name in consumed]


def graph_output_names(graph: Any) -> list[str]:
    """The nodes of a GraphDef that no other node reads: these are the outputs."""
    consumed = _consumed_names(graph)
    return [node.name for node in graph.node if node.name not in consumed and node.op not in ("NoOp", "Placeholder")]


def _consumed_names(graph: Any) -> set[str]:
    return {name.removeprefix("^").split(":")[0] for node in graph.node for name in node.input}


def called_functions(node: Any) -> list[str]:
    """Names to which a node refers as functions."""
    names = [node.op]
    for value in node.attr.values():
        names += [value.func.name, *(function.name for function in value.list.func)]
    return names
