"""What a SavedModel computes, for its content hash: signatures and functions by what they hold.

Names of functions count up in a process, and two exports of one model order variables and calls in other ways. So a
variable is what its value is, a function what it holds, and a signature what leads to its outputs.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from core.readers.graph_def import dtype_name
from core.readers.graph_structure import GraphHasher
from core.readers.hashing import hash_bytes, hash_texts

ValueHash = Callable[[str], str]  # of a variable, by its key in the checkpoint


def describe_graph(meta: Any, keys: dict[int, str], hash_value: ValueHash, folder: Path) -> dict[str, Any]:
    """What one graph of a SavedModel computes, as JSON.

    Args:
        meta: its MetaGraphDef.
        keys: of each variable, by the number of its object, its key in the checkpoint.
        hash_value: the hash of a variable's value.
        folder: the SavedModel's own.
    """
    graph = _Graph(meta, keys, hash_value, folder)
    return {
        "tags": sorted(meta.meta_info_def.tags),
        "signatures": {name: graph.describe_signature(meta.signature_def[name]) for name in sorted(meta.signature_def)},
        "functions": sorted(graph.hash_offered_functions()),
    }


class _Graph:
    def __init__(self, meta: Any, keys: dict[int, str], hash_value: ValueHash, folder: Path):
        self._meta, self._keys, self._hash_value, self._folder = meta, keys, hash_value, folder
        self._objects, self._traces = meta.object_graph_def.nodes, meta.object_graph_def.concrete_functions
        self._nodes = {node.name: node for node in meta.graph_def.node}
        self._hasher = GraphHasher(meta.graph_def)
        self._by_node: dict[str, str] = {}
        self._inputs: dict[str, str] = {}

    def describe_signature(self, signature: Any) -> dict[str, Any]:
        """What it takes by name, and of each output what leads to it."""
        self._by_node.clear()
        self._inputs = {info.name: name for name, info in signature.inputs.items()}
        inputs = {name: _describe_port(info) for name, info in signature.inputs.items()}
        outputs = {name: [_describe_port(info), self._trace(info.name)] for name, info in signature.outputs.items()}
        return {"method": signature.method_name, "inputs": inputs, "outputs": outputs}

    def hash_offered_functions(self) -> Iterator[str]:
        """Each function that an object offers, with what it has captured."""
        for node in self._objects:
            if node.WhichOneof("kind") == "function":
                yield from (self._hash_call(trace) for trace in node.function.concrete_functions)
            if node.WhichOneof("kind") == "bare_concrete_function":
                yield self._hash_call(node.bare_concrete_function.concrete_function_name)

    def _hash_call(self, name: str) -> str:
        captured = self._traces[name].bound_inputs if name in self._traces else ()
        return hash_texts([self._hasher.hash_function(name), *map(self._describe_object, captured)])

    def _describe_object(self, number: int) -> str:
        """A captured object: a variable by its value, a file by its bytes, a constant by its node."""
        node = self._objects[number]
        kind = node.WhichOneof("kind") or "object"
        if kind == "variable" and number in self._keys:
            return self._hash_value(self._keys[number])
        if kind == "asset":
            name = self._meta.asset_file_def[node.asset.asset_file_def_index].filename
            return hash_bytes((self._folder / "assets" / Path(name).name).read_bytes())
        if kind == "constant" and node.constant.operation in self._nodes:
            return self._trace(node.constant.operation)
        return kind

    def _trace(self, tensor: str) -> str:
        """What leads to a tensor of the main graph; each node is walked once, and none recurses."""
        waiting = [_node_name(tensor)]
        while waiting:
            name = waiting[-1]
            needed = [source for source in self._sources(name) if source not in self._by_node]
            if name not in self._by_node and needed and len(waiting) <= len(self._nodes):
                waiting += needed[:1]
                continue
            self._by_node.setdefault(name, self._hash_node(name))
            waiting.pop()
        return hash_texts([self._by_node[_node_name(tensor)], tensor.partition(":")[2]])

    def _sources(self, name: str) -> list[str]:
        is_end = f"{name}:0" in self._inputs or name not in self._nodes
        return [] if is_end else [_node_name(source) for source in self._nodes[name].input]

    def _hash_node(self, name: str) -> str:
        if f"{name}:0" in self._inputs:
            return hash_texts(["input", self._inputs[f"{name}:0"]])
        if name not in self._nodes:
            return name
        node = self._nodes[name]
        called = node.attr["f"].func.name if "f" in node.attr else ""
        captured = list(self._traces[called].bound_inputs) if called in self._traces else []
        inputs = list(node.input)[: len(node.input) - len(captured)] if captured else list(node.input)
        sources = [f"{self._by_node.get(_node_name(each), each)}{each.partition(':')[2]}" for each in inputs]
        return hash_texts([*self._hasher.describe_node(node), *sources, *map(self._describe_object, captured)])


def _node_name(tensor: str) -> str:
    return tensor.removeprefix("^").partition(":")[0]


def _describe_port(info: Any) -> list[Any]:
    shape = None if info.tensor_shape.unknown_rank else [dim.size for dim in info.tensor_shape.dim]
    return [dtype_name(info.dtype), shape, info.WhichOneof("encoding")]


def pair_variables(saved: Any, stored: Any) -> dict[int, str]:
    """Of each variable of a SavedModel's object graph, by its number, its key in the checkpoint beside it.

    Both graphs have the same objects, found by walking both from the root by the names of parts.
    """
    keys: dict[int, str] = {}
    pairs, queue = {0: 0}, [0]
    for number in queue if saved.nodes and stored else ():
        twin = stored[pairs[number]]
        if twin.attributes:
            keys[number] = twin.attributes[0].checkpoint_key
        parts = {child.local_name: child.node_id for child in twin.children}
        for child in saved.nodes[number].children:
            if child.local_name in parts and child.node_id not in pairs:
                pairs[child.node_id] = parts[child.local_name]
                queue.append(child.node_id)
    return keys
