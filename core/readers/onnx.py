"""An ONNX file read as what it says: operations, tensors, metadata. Its data outside of the file is not looked for."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from core.readers.base import MAX_ENTRIES, OTHER, WEIGHTS, FileContents, StoredTensor, count_operations, describe_port


def read_onnx(path: Path) -> FileContents:
    import onnx

    model = onnx.load(path, load_external_data=False)
    return FileContents(
        "ONNX",
        tensors=lambda: [_initializer_tensor(one) for one in model.graph.initializer],
        signatures=lambda: {
            "signatures": [_graph_signature(model.graph)],
            "functions": _list_functions(model),
            "facts": model_info(model),
        },
        config=lambda: {
            "metadata": {one.key: one.value for one in model.metadata_props},
            "written by": model_info(model),
        },
        operators=lambda: _describe_operations(model),
    )


def model_info(model: Any) -> dict[str, Any]:
    """Versions of the format and of whatever wrote it."""
    found = {
        "IR version": model.ir_version,
        "opsets": [f"{one.domain or 'ai.onnx'} {one.version}" for one in model.opset_import],
        "producer": f"{model.producer_name} {model.producer_version}".strip(),
        "domain": model.domain,
        "model version": model.model_version,
        "described as": model.doc_string or model.graph.doc_string,
        "graph": model.graph.name,
    }
    return {name: value for name, value in found.items() if value}


def _dtype_name(number: int) -> str:
    import onnx

    try:
        return str(onnx.helper.tensor_dtype_to_np_dtype(number).name) if number else ""
    except KeyError:
        return onnx.TensorProto.DataType.Name(number).lower()


def _initializer_tensor(initializer: Any) -> StoredTensor:
    dtype = _dtype_name(initializer.data_type)
    weight = dtype.startswith(("float", "bfloat", "int8", "uint8")) and bool(initializer.dims)
    return StoredTensor(
        initializer.name,
        initializer.name,
        tuple(initializer.dims),
        dtype,
        WEIGHTS if weight else OTHER,
        partial(_read_initializer, initializer),
    )


def _read_initializer(initializer: Any) -> np.ndarray:
    from onnx import TensorProto, numpy_helper

    if initializer.data_location == TensorProto.EXTERNAL:
        raise ValueError("Its values lie in another file, which is not opened")
    return np.asarray(numpy_helper.to_array(initializer))


def _graph_signature(graph: Any) -> dict[str, Any]:
    known = {one.name for one in graph.initializer}
    return {
        "name": graph.name,
        "method": "",
        "inputs": [_describe_value_info(one) for one in graph.input if one.name not in known],
        "outputs": [_describe_value_info(one) for one in graph.output],
    }


def _describe_value_info(value_info: Any) -> dict[str, Any]:
    kind = value_info.type.tensor_type
    shape = [_dimension_size(size) for size in kind.shape.dim] if kind.HasField("shape") else None
    return describe_port(value_info.name, _dtype_name(kind.elem_type), shape, tensor=value_info.name)


def _dimension_size(dimension: Any) -> int | None:
    return dimension.dim_value if dimension.HasField("dim_value") else None


def _list_functions(model: Any) -> list[dict[str, Any]]:
    return [
        {"name": f"{one.domain}.{one.name}", "takes": ", ".join(one.input), "gives": ", ".join(one.output)}
        for one in model.functions
    ]


def _describe_operations(model: Any) -> dict[str, Any]:
    every = list(_walk_nodes(model.graph, "main"))
    tensors = [
        {"name": one["name"], "shape": one["shape"], "dtype": one["dtype"], "role": role}
        for role, ports in (
            ("input", model.graph.input),
            ("output", model.graph.output),
            ("between", model.graph.value_info),
        )
        for one in map(_describe_value_info, ports)
    ]
    return {
        "counts": count_operations(row["op"] for row in every),
        "operators": every[:MAX_ENTRIES],
        "tensors": tensors[:MAX_ENTRIES],
        "facts": model_info(model) | {"operations": len(every)},
    }


def _walk_nodes(graph: Any, name: str) -> Iterator[dict[str, Any]]:
    """The nodes of a graph, those of the graphs within its loops and branches after each."""
    for node in graph.node:
        yield {
            "name": node.name,
            "op": f"{node.domain}.{node.op_type}" if node.domain else node.op_type,
            "graph": name,
            "inputs": list(node.input),
            "outputs": list(node.output),
            "attributes": ", ".join(_format_attribute(one) for one in node.attribute),
        }
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _walk_nodes(attribute.g, f"{name}/{node.name or node.op_type}")


def _format_attribute(attribute: Any) -> str:
    import onnx

    value = onnx.helper.get_attribute_value(attribute) if attribute.type in (1, 2, 3, 6, 7, 8) else "…"
    text = (
        value.decode("utf-8", "replace")
        if isinstance(value, bytes)
        else str(list(value) if attribute.type > 5 else value)
    )
    return f"{attribute.name}={text[:80]}"
