"""OpenVINO's IR: the graph is XML, the numbers lie in a file beside it. Neither needs OpenVINO to be read."""

from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from core.readers.base import OTHER, WEIGHTS, FileContents, StoredTensor, count_operations, describe_port

DTYPES = {
    "f64": "float64",
    "f32": "float32",
    "f16": "float16",
    "i64": "int64",
    "i32": "int32",
    "i16": "int16",
    "i8": "int8",
    "u64": "uint64",
    "u32": "uint32",
    "u16": "uint16",
    "u8": "uint8",
    "boolean": "bool",
}
PRECISION_DTYPES = {"FP32": "float32", "FP16": "float16", "FP64": "float64", "BOOL": "bool"}


def read_openvino(path: Path) -> FileContents:
    text = path.read_bytes()
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise ValueError("The XML declares entities, which a graph does not need")
    root = ElementTree.fromstring(text)
    return FileContents(
        "OpenVINO IR",
        tensors=lambda: _list_constant_tensors(root, path.with_suffix(".bin")),
        signatures=lambda: {"signatures": [_graph_signature(root)], "functions": [], "facts": _model_info(root)},
        config=lambda: {"runtime information": _xml_to_json(root.find("rt_info"))},
        operators=lambda: _describe_operations(root),
    )


def _find_layers(root: Any) -> list[Any]:
    return root.findall("./layers/layer")


def _list_constant_tensors(root: Any, data: Path) -> list[StoredTensor]:
    return [_constant_tensor(layer, data) for layer in _find_layers(root) if layer.get("type") == "Const"]


def _constant_tensor(layer: Any, data: Path) -> StoredTensor:
    facts = layer.find("data").attrib
    dtype = DTYPES.get(facts["element_type"], facts["element_type"])
    shape = tuple(int(size) for size in facts.get("shape", "").split(",") if size.strip())
    name = layer.get("name", "")
    weight = dtype.startswith("float") and bool(shape)
    read = partial(_read_constant, data, int(facts["offset"]), int(facts["size"]), dtype, shape)
    return StoredTensor(layer.get("id", name), name, shape, dtype, WEIGHTS if weight else OTHER, read)


def _read_constant(data: Path, offset: int, size: int, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    if dtype not in DTYPES.values():
        raise ValueError(f"Values of the type {dtype} cannot be shown")
    count = size // np.dtype(dtype).itemsize
    return np.fromfile(data, dtype, count, offset=offset).reshape(shape)


def _graph_signature(root: Any) -> dict[str, Any]:
    layers = _find_layers(root)
    return {
        "name": root.get("name", ""),
        "method": "",
        "inputs": [_describe_layer_port(one, "output") for one in layers if one.get("type") == "Parameter"],
        "outputs": [_describe_layer_port(one, "input") for one in layers if one.get("type") == "Result"],
    }


def _describe_layer_port(layer: Any, side: str) -> dict[str, Any]:
    found = layer.find(f"./{side}/port")
    if found is None:
        return describe_port(layer.get("name", ""), "", None)
    names = [one.strip() for one in (found.get("names") or "").split(",") if one.strip()]
    return describe_port(
        (names or [layer.get("name", "")])[0], _port_dtype(found), _port_shape(found), tensor=layer.get("name", "")
    )


def _port_dtype(port: Any) -> str:
    word = port.get("precision", "")
    return PRECISION_DTYPES.get(word, word.lower())


def _port_shape(port: Any) -> list[int | None]:
    sizes = [int(one.text or -1) for one in port.findall("dim")]
    return [None if size < 0 else size for size in sizes]


def _model_info(root: Any) -> dict[str, Any]:
    found = {"IR version": root.get("version", "")}
    for one in root.findall("./rt_info/*"):
        if one.get("value") and "version" in one.tag.lower():
            found[one.tag.replace("_", " ")] = one.get("value")
    return found


def _xml_to_json(node: Any) -> Any:
    """XML as JSON: names with values, or with what is below them."""
    if node is None:
        return {}
    children = {one.tag: _xml_to_json(one) for one in node}
    return {**{name: value for name, value in node.attrib.items() if name != "value"}, **children} or node.get("value")


def _describe_operations(root: Any) -> dict[str, Any]:
    layers = _find_layers(root)
    feeds: dict[str, list[str]] = {}
    names = {one.get("id"): one.get("name", "") for one in layers}
    for edge in root.findall("./edges/edge"):
        feeds.setdefault(edge.get("to-layer"), []).append(names.get(edge.get("from-layer"), ""))
    rows = [
        {
            "name": one.get("name", ""),
            "op": one.get("type", ""),
            "graph": one.get("version", ""),
            "inputs": feeds.get(one.get("id"), []),
            "outputs": [],
            "shape": next((_port_shape(found) for found in one.findall("./output/port")), None),
            "dtype": next((_port_dtype(found) for found in one.findall("./output/port")), ""),
        }
        for one in layers
    ]
    facts = _model_info(root) | {"operations": len(rows)}
    return {"counts": count_operations(row["op"] for row in rows), "operators": rows, "tensors": [], "facts": facts}
