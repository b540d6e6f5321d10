"""Signatures, functions, operations and variables of a SavedModel, which is neither loaded nor run.

Its content hash knows signatures and functions by what they hold: names of functions count up in a process, and two
exports of one model order variables and calls in other ways. So a variable is what its value is, a function what it
holds, and a signature what leads to its outputs.
"""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from core.readers import base, checkpoint, graph_def
from core.readers.base import MAX_OBJECTS, FileContents
from core.readers.graph_def import GraphHasher, dtype_name
from core.readers.hashing import hash_bytes, hash_texts, hash_values

ValueHash = Callable[[str], str]  # of a variable, by its key in the checkpoint
FINGERPRINT_FILE = "fingerprint.pb"  # random ids and hashes of the other files
MAX_COUNTED_GRAPHS = 500  # graphs whose operations are counted one by one


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


def read_saved_model(path: Path) -> FileContents:
    """Read a SavedModel by its `saved_model.pb`."""
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    prefix = path.parent / "variables" / "variables"

    def tensors() -> Iterator[Any]:
        return checkpoint.list_checkpoint_tensors(checkpoint.open_checkpoint_reader(prefix))

    return FileContents(
        "SavedModel",
        tensors=tensors if prefix.with_suffix(".index").is_file() else None,
        signatures=lambda: _list_signatures(saved),
        config=lambda: {"object graph": {"nodes": _list_objects(saved)}, "saved with": _versions(saved)},
        operators=lambda: _describe_operations(saved),
        remarks=["It holds a graph: operations, not layers."],
        structure=lambda: _describe_structure(saved, prefix),
        told_files=(path, path.parent / FINGERPRINT_FILE, *checkpoint.list_checkpoint_files(prefix)),
        has_fixed_keys=False,
    )


def _describe_structure(saved: Any, prefix: Path) -> list[Any]:
    """What each graph computes; variables by their values, which TensorFlow orders in another way from save to save."""
    reader: Any = checkpoint.open_checkpoint_reader(prefix) if prefix.with_suffix(".index").is_file() else None
    nodes = checkpoint.list_objects(reader) if reader else []
    hash_value = cache(lambda key: hash_values(reader.get_tensor(key)))
    return [
        describe_graph(meta, pair_variables(meta.object_graph_def, nodes), hash_value, prefix.parent.parent)
        for meta in saved.meta_graphs
    ]


def _list_signatures(saved: Any) -> base.Signatures:
    """All signatures of all graphs, those of TensorFlow itself last; functions, and facts."""
    signatures: list[base.Signature] = []
    functions: list[base.Function] = []
    for meta in saved.meta_graphs:
        tags = ", ".join(meta.meta_info_def.tags)
        for name in sorted(meta.signature_def, key=lambda name: (name.startswith("__"), name)):
            signatures.append(_describe_signature(name, tags, meta.signature_def[name]))
        functions += _list_functions(meta.object_graph_def)
    return {"signatures": signatures, "functions": functions, "facts": _facts(saved)}


def _describe_signature(name: str, tags: str, signature: Any) -> base.Signature:
    return {
        "tags": tags,
        "name": name,
        "method": signature.method_name,
        "inputs": [_describe_tensor_info(key, info) for key, info in sorted(signature.inputs.items())],
        "outputs": [_describe_tensor_info(key, info) for key, info in sorted(signature.outputs.items())],
    }


def _describe_tensor_info(name: str, info: Any) -> base.Port:
    kind = info.WhichOneof("encoding")
    tensor = info.name if kind == "name" else (kind or "")
    dtype, shape = graph_def.dtype_name(info.dtype), graph_def.shape_of(info.tensor_shape)
    return {"name": name, "dtype": dtype, "shape": shape, "tensor": tensor}


def _facts(saved: Any) -> base.Facts:
    facts: base.Facts = {"tag sets": [list(meta.meta_info_def.tags) for meta in saved.meta_graphs]}
    for meta in saved.meta_graphs:
        if "__saved_model_init_op" in meta.signature_def:
            facts["initialiser"] = "yes"
        if meta.asset_file_def:
            facts["assets"] = [asset.filename for asset in meta.asset_file_def]
        if meta.collection_def:
            facts["collections"] = sorted(meta.collection_def)
    return facts | _versions(saved)


def _versions(saved: Any) -> base.Facts:
    versions: base.Facts = {"SavedModel schema": saved.saved_model_schema_version}
    for meta in saved.meta_graphs:
        versions["TensorFlow"] = meta.meta_info_def.tensorflow_version
        versions["built from"] = meta.meta_info_def.tensorflow_git_version
    return base.drop_empty(versions)


def _list_functions(graph: Any) -> Iterator[base.Function]:
    """Functions that an object offers by name, with what each of their traces takes and gives."""
    paths = _object_paths(graph)
    for index, node in enumerate(graph.nodes):
        if node.WhichOneof("kind") == "function":
            for trace in node.function.concrete_functions:
                function, name = graph.concrete_functions.get(trace), paths.get(index, f"object {index}")
                takes = _format_value(function.canonicalized_input_signature) if function else ""
                gives = _format_value(function.output_signature) if function else ""
                yield {"name": name, "takes": takes, "gives": gives}


def _format_value(value: Any) -> str:
    """A structured value in one line, such as `((float32 [?, 64] pixels), {training: False})`."""
    kind = value.WhichOneof("kind")
    if kind == "tensor_spec_value":
        spec = value.tensor_spec_value
        return f"{graph_def.dtype_name(spec.dtype)} {_format_shape(spec.shape)} {spec.name}".strip()
    if kind in ("tuple_value", "list_value"):
        return f"({', '.join(map(_format_value, getattr(value, kind).values))})"
    if kind == "dict_value":
        fields = sorted(value.dict_value.fields.items())
        return "{" + ", ".join(f"{name}: {_format_value(field)}" for name, field in fields) + "}"
    if kind in (None, "none_value"):
        return "None"
    return str(getattr(value, kind)).strip()


def _format_shape(proto: Any) -> str:
    shape = graph_def.shape_of(proto)
    return "[…]" if shape is None else f"[{', '.join('?' if size is None else str(size) for size in shape)}]"


def _object_paths(graph: Any) -> dict[int, str]:
    """The shortest way to each object from the root, by the names of parts."""
    paths, queue = {0: ""}, [0]
    for index in queue:
        for child in graph.nodes[index].children if index < len(graph.nodes) else ():
            if child.node_id not in paths:
                paths[child.node_id] = f"{paths[index]}.{child.local_name}".lstrip(".")
                queue.append(child.node_id)
    return paths


def _list_objects(saved: Any) -> list[dict[str, str]]:
    if not saved.meta_graphs:
        return []
    graph = saved.meta_graphs[0].object_graph_def
    paths = _object_paths(graph)
    return [
        {"name": paths.get(index, str(index)) or "(root)", "kind": _object_kind(node)}
        for index, node in enumerate(graph.nodes[:MAX_OBJECTS])
    ]


def _object_kind(node: Any) -> str:
    kind = node.WhichOneof("kind") or "object"
    if kind == "user_object":
        return node.user_object.identifier
    if kind == "variable":
        return f"variable {graph_def.dtype_name(node.variable.dtype)} {_format_shape(node.variable.shape)}"
    return kind


def _describe_operations(saved: Any) -> base.Operators:
    graphs = []
    for meta in saved.meta_graphs:
        graphs.append(("main", meta.graph_def.node))
        graphs += [(function.signature.name, function.node_def) for function in meta.graph_def.library.function]
    operators = graph_def.describe_graphs(graphs, {"functions": len(graphs) - len(saved.meta_graphs)})
    counts = {name: base.count_operations(node.op for node in nodes) for name, nodes in graphs[:MAX_COUNTED_GRAPHS]}
    return {**operators, "by_graph": counts}
