"""A SavedModel read as text: signatures, functions, operations, tags, assets, and the variables beside it. It is
neither loaded nor run."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.readers import checkpoint, graph_def
from core.readers.base import FileContents, count_operations, describe_port


def read_saved_model(path: Path) -> FileContents:
    """A SavedModel by its `saved_model.pb`."""
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    prefix = path.parent / "variables" / "variables"
    return FileContents(
        "SavedModel",
        tensors=(lambda: _list_variable_tensors(prefix)) if prefix.with_suffix(".index").is_file() else None,
        signatures=lambda: list_signatures(saved),
        config=lambda: {"object graph": {"nodes": _list_objects(saved)}, "saved with": _versions(saved)},
        operators=lambda: _describe_graph_operations(saved),
        remarks=["It holds a graph: operations, not layers."],
    )


def _list_variable_tensors(prefix: Path) -> list[Any]:
    return list(checkpoint.list_checkpoint_tensors(checkpoint.open_checkpoint_reader(str(prefix))))


def list_signatures(saved: Any) -> dict[str, Any]:
    """All that is known before it is loaded: of each signature its inputs and outputs, tags, functions, assets."""
    found = [
        {"tags": ", ".join(meta.meta_info_def.tags), **_describe_signature(name, one)}
        for meta in saved.meta_graphs
        for name, one in sorted(meta.signature_def.items(), key=lambda one: (one[0].startswith("__"), one[0]))
    ]
    functions = [one for meta in saved.meta_graphs for one in _list_functions(meta.object_graph_def)]
    return {"signatures": found, "functions": functions, "facts": _model_info(saved)}


def _describe_signature(name: str, signature: Any) -> dict[str, Any]:
    return {
        "name": name,
        "method": signature.method_name,
        "inputs": [_describe_tensor_info(key, info) for key, info in sorted(signature.inputs.items())],
        "outputs": [_describe_tensor_info(key, info) for key, info in sorted(signature.outputs.items())],
    }


def _describe_tensor_info(name: str, info: Any) -> dict[str, Any]:
    kind = info.WhichOneof("encoding")
    tensor = info.name if kind == "name" else (kind or "")
    return describe_port(name, graph_def.dtype_name(info.dtype), graph_def.shape_of(info.tensor_shape), tensor=tensor)


def _model_info(saved: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"tag sets": [list(meta.meta_info_def.tags) for meta in saved.meta_graphs]}
    for meta in saved.meta_graphs:
        found |= {"initialiser": "yes"} if "__saved_model_init_op" in meta.signature_def else {}
        found |= {"assets": [one.filename for one in meta.asset_file_def]} if meta.asset_file_def else {}
        if meta.collection_def:
            found["collections"] = sorted(meta.collection_def)
    return found | _versions(saved)


def _versions(saved: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"SavedModel schema": saved.saved_model_schema_version}
    for meta in saved.meta_graphs:
        found["TensorFlow"] = meta.meta_info_def.tensorflow_version
        found["built from"] = meta.meta_info_def.tensorflow_git_version
    return {name: value for name, value in found.items() if value}


def _list_functions(graph: Any) -> Iterator[dict[str, Any]]:
    """Functions that an object offers by name, with what each of their traces takes and gives."""
    paths = _object_paths(graph)
    for at, node in enumerate(graph.nodes):
        if node.WhichOneof("kind") == "function":
            for trace in node.function.concrete_functions:
                yield {
                    "name": paths.get(at, f"object {at}"),
                    **_describe_concrete_function(graph.concrete_functions.get(trace)),
                }


def _describe_concrete_function(function: Any) -> dict[str, Any]:
    if function is None:
        return {"takes": "", "gives": ""}
    return {
        "takes": _format_structured_value(function.canonicalized_input_signature),
        "gives": _format_structured_value(function.output_signature),
    }


def _format_structured_value(value: Any) -> str:
    """A structured value in one line, such as `((float32 [?, 64] pixels), {training: False})`."""
    kind = value.WhichOneof("kind")
    if kind == "tensor_spec_value":
        spec = value.tensor_spec_value
        return f"{graph_def.dtype_name(spec.dtype)} {_format_shape(spec.shape)} {spec.name}".strip()
    if kind in ("tuple_value", "list_value"):
        return f"({', '.join(_format_structured_value(one) for one in getattr(value, kind).values)})"
    if kind == "dict_value":
        fields = sorted(value.dict_value.fields.items())
        return "{" + ", ".join(f"{name}: {_format_structured_value(one)}" for name, one in fields) + "}"
    if kind in (None, "none_value"):
        return "None"
    return str(getattr(value, kind)).strip()


def _format_shape(shape: Any) -> str:
    known = graph_def.shape_of(shape)
    return "[…]" if known is None else f"[{', '.join('?' if one is None else str(one) for one in known)}]"


def _object_paths(graph: Any) -> dict[int, str]:
    """The shortest way to each object from the root, by the names of parts."""
    found, todo = {0: ""}, [0]
    for at in todo:
        if at < len(graph.nodes):
            for child in graph.nodes[at].children:
                if child.node_id not in found:
                    found[child.node_id] = f"{found[at]}.{child.local_name}".lstrip(".")
                    todo.append(child.node_id)
    return found


def _list_objects(saved: Any, max_objects: int = 2000) -> list[dict[str, Any]]:
    graph = saved.meta_graphs[0].object_graph_def if saved.meta_graphs else None
    nodes = list(graph.nodes)[:max_objects] if graph is not None else []
    paths = _object_paths(graph) if nodes else {}
    return [{"name": paths.get(at, str(at)) or "(root)", "kind": _object_kind(one)} for at, one in enumerate(nodes)]


def _object_kind(node: Any) -> str:
    kind = node.WhichOneof("kind") or "object"
    if kind == "user_object":
        return node.user_object.identifier
    if kind == "variable":
        return f"variable {graph_def.dtype_name(node.variable.dtype)} {_format_shape(node.variable.shape)}"
    return kind


def _describe_graph_operations(saved: Any) -> dict[str, Any]:
    graphs = []
    for meta in saved.meta_graphs:
        graphs.append(("main", meta.graph_def.node))
        graphs += [(one.signature.name, one.node_def) for one in meta.graph_def.library.function]
    found = graph_def.describe_operations(graphs, {"functions": len(graphs) - len(saved.meta_graphs)})
    return found | {"by_graph": {name: count_operations(node.op for node in nodes) for name, nodes in graphs[:500]}}
