"""What a TensorFlow graph computes, for the content hash: functions by what they hold, not by what they are called."""

from collections.abc import Iterable
from typing import Any

from core.readers.hashing import hash_bytes, hash_texts

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
