"""An ONNX file read as what it says: operations, tensors, metadata. Its data outside of the file is not looked for."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from core.readers.base import MOST, OTHER, WEIGHTS, Contents, Stored, counted, port


def contents(path: Path) -> Contents:
    import onnx

    model = onnx.load(path, load_external_data=False)
    return Contents(
        "ONNX",
        tensors=lambda: [_stored(one) for one in model.graph.initializer],
        signatures=lambda: {"signatures": [_ends(model.graph)], "functions": _functions(model), "facts": facts(model)},
        config=lambda: {"metadata": {one.key: one.value for one in model.metadata_props}, "written by": facts(model)},
        operators=lambda: _operators(model),
    )


def facts(model: Any) -> dict[str, Any]:
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


def _dtype(number: int) -> str:
    import onnx

    try:
        return str(onnx.helper.tensor_dtype_to_np_dtype(number).name) if number else ""
    except KeyError:
        return onnx.TensorProto.DataType.Name(number).lower()


def _stored(one: Any) -> Stored:
    dtype = _dtype(one.data_type)
    weight = dtype.startswith(("float", "bfloat", "int8", "uint8")) and bool(one.dims)
    return Stored(one.name, one.name, tuple(one.dims), dtype, WEIGHTS if weight else OTHER, partial(_read, one))


def _read(one: Any) -> np.ndarray:
    from onnx import TensorProto, numpy_helper

    if one.data_location == TensorProto.EXTERNAL:
        raise ValueError("Its values lie in another file, which is not opened")
    return np.asarray(numpy_helper.to_array(one))


def _ends(graph: Any) -> dict[str, Any]:
    known = {one.name for one in graph.initializer}
    return {
        "name": graph.name,
        "method": "",
        "inputs": [_port(one) for one in graph.input if one.name not in known],
        "outputs": [_port(one) for one in graph.output],
    }


def _port(one: Any) -> dict[str, Any]:
    kind = one.type.tensor_type
    shape = [_size(size) for size in kind.shape.dim] if kind.HasField("shape") else None
    return port(one.name, _dtype(kind.elem_type), shape, tensor=one.name)


def _size(one: Any) -> int | None:
    return one.dim_value if one.HasField("dim_value") else None


def _functions(model: Any) -> list[dict[str, Any]]:
    return [
        {"name": f"{one.domain}.{one.name}", "takes": ", ".join(one.input), "gives": ", ".join(one.output)}
        for one in model.functions
    ]


def _operators(model: Any) -> dict[str, Any]:
    every = list(_nodes(model.graph, "main"))
    tensors = [
        {"name": one["name"], "shape": one["shape"], "dtype": one["dtype"], "role": role}
        for role, ports in (
            ("input", model.graph.input),
            ("output", model.graph.output),
            ("between", model.graph.value_info),
        )
        for one in map(_port, ports)
    ]
    return {
        "counts": counted(row["op"] for row in every),
        "operators": every[:MOST],
        "tensors": tensors[:MOST],
        "facts": facts(model) | {"operations": len(every)},
    }


def _nodes(graph: Any, name: str) -> Iterator[dict[str, Any]]:
    """The nodes of a graph, those of the graphs within its loops and branches after each."""
    for node in graph.node:
        yield {
            "name": node.name,
            "op": f"{node.domain}.{node.op_type}" if node.domain else node.op_type,
            "graph": name,
            "inputs": list(node.input),
            "outputs": list(node.output),
            "attributes": ", ".join(_attribute(one) for one in node.attribute),
        }
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _nodes(attribute.g, f"{name}/{node.name or node.op_type}")


def _attribute(one: Any) -> str:
    import onnx

    value = onnx.helper.get_attribute_value(one) if one.type in (1, 2, 3, 6, 7, 8) else "…"
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(list(value) if one.type > 5 else value)
    return f"{one.name}={text[:80]}"
