"""Signatures, functions, operations and variables of a SavedModel, which is neither loaded nor run."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from core.readers import base, checkpoint, graph_def
from core.readers.base import MAX_OBJECTS, FileContents
from core.readers.hashing import hash_values
from core.readers.saved_model_structure import describe_graph, pair_variables

FINGERPRINT_FILE = "fingerprint.pb"  # random ids and hashes of the other files
MAX_COUNTED_GRAPHS = 500  # graphs whose operations are counted one by one


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
