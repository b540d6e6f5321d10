"""Graph and weights of an OpenVINO IR: XML, and the numbers in a file beside it; OpenVINO is not needed."""

from functools import partial
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, fromstring, tostring

import numpy as np

from core.readers import base
from core.readers.base import OTHER, SHORT_DTYPES, WEIGHTS, FileContents, StoredTensor

DTYPES = SHORT_DTYPES | {"boolean": "bool"}
PRECISION_DTYPES = {"FP32": "float32", "FP16": "float16", "FP64": "float64", "BOOL": "bool"}


def read_openvino(path: Path) -> FileContents:
    text = path.read_bytes()
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise ValueError("The XML declares entities, which a graph does not need")
    root, data = fromstring(text), path.with_suffix(".bin")
    layers = root.findall("./layers/layer")
    return FileContents(
        "OpenVINO IR",
        tensors=lambda: [_constant_tensor(layer, data) for layer in layers if layer.get("type") == "Const"],
        signatures=lambda: {"signatures": [_graph_signature(root, layers)], "functions": [], "facts": _facts(root)},
        config=lambda: {"runtime information": _xml_to_json(root.find("rt_info"))},
        operators=lambda: _describe_operations(root, layers),
        structure=lambda: _describe_structure(root, layers),
        told_files=(path, data),
    )


def _describe_structure(root: Element, layers: list[Element]) -> base.Facts:
    """Layers by their ids, which follow the order of the graph, with what they compute; and what leads where.

    Names of layers between the sides count up in a process, and `rt_info` says who wrote it.
    """
    sides = [layer for layer in layers if layer.get("type") in ("Parameter", "Result")]
    return {
        "layers": sorted(map(_describe_layer_fully, layers)),
        "sides": [[layer.get("id"), layer.get("name")] for layer in sides],
        "edges": sorted(sorted(edge.attrib.items()) for edge in root.findall("./edges/edge")),
        "version": root.get("version"),
    }


def _describe_layer_fully(layer: Element) -> list[str]:
    """Id, type, and all below as XML, without where a constant lies."""
    parts = [part for part in layer if part.tag != "rt_info"]
    texts = [tostring(_without_place(part)).decode() for part in parts]
    return [layer.get("id", ""), layer.get("type", ""), layer.get("version", ""), *map(str.strip, texts)]


def _without_place(part: Element) -> Element:
    if part.tag != "data" or "offset" not in part.attrib:
        return part
    return Element("data", {name: value for name, value in part.attrib.items() if name not in ("offset", "size")})


def _constant_tensor(layer: Element, data: Path) -> StoredTensor:
    attributes = layer.findall("data")[0].attrib
    dtype = DTYPES.get(attributes["element_type"], attributes["element_type"])
    shape = tuple(int(size) for size in attributes.get("shape", "").split(",") if size.strip())
    name = layer.get("name", "")
    group = WEIGHTS if dtype.startswith("float") and shape else OTHER
    read = partial(_read_constant, data, int(attributes["offset"]), int(attributes["size"]), dtype, shape)
    return StoredTensor(layer.get("id", name), name, shape, dtype, group, read)


def _read_constant(data: Path, offset: int, size: int, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    if dtype not in DTYPES.values():
        raise ValueError(f"Values of the type {dtype} cannot be shown")
    count = size // np.dtype(dtype).itemsize
    return np.fromfile(data, dtype, count, offset=offset).reshape(shape)


def _graph_signature(root: Element, layers: list[Element]) -> base.Signature:
    return {
        "name": root.get("name", ""),
        "method": "",
        "inputs": [_describe_port(layer, "output") for layer in layers if layer.get("type") == "Parameter"],
        "outputs": [_describe_port(layer, "input") for layer in layers if layer.get("type") == "Result"],
    }


def _describe_port(layer: Element, side: str) -> base.Port:
    port, layer_name = layer.find(f"./{side}/port"), layer.get("name", "")
    if port is None:
        return {"name": layer_name, "dtype": "", "shape": None}
    names = [name.strip() for name in port.get("names", "").split(",") if name.strip()]
    name = names[0] if names else layer_name
    return {"name": name, "dtype": _port_dtype(port), "shape": _port_shape(port), "tensor": layer_name}


def _port_dtype(port: Element) -> str:
    precision = port.get("precision", "")
    return PRECISION_DTYPES.get(precision, precision.lower())


def _port_shape(port: Element) -> base.Shape:
    sizes = [int(dim.text or -1) for dim in port.findall("dim")]
    return [None if size < 0 else size for size in sizes]


def _facts(root: Element) -> base.Facts:
    facts = {"IR version": root.get("version", "")}
    for info in root.findall("./rt_info/*"):
        if (value := info.get("value")) and "version" in info.tag.lower():
            facts[info.tag.replace("_", " ")] = value
    return facts


def _xml_to_json(node: Element | None) -> Any:
    """XML as JSON: names with values, or with what is below them."""
    if node is None:
        return {}
    attributes = {name: value for name, value in node.attrib.items() if name != "value"}
    return attributes | {child.tag: _xml_to_json(child) for child in node} or node.get("value")


def _describe_operations(root: Element, layers: list[Element]) -> base.Operators:
    names = {layer.get("id"): layer.get("name", "") for layer in layers}
    inputs: dict[str | None, list[str]] = {}
    for edge in root.findall("./edges/edge"):
        inputs.setdefault(edge.get("to-layer"), []).append(names.get(edge.get("from-layer"), ""))
    return base.make_operators(
        [_describe_layer(layer, inputs.get(layer.get("id"), [])) for layer in layers], _facts(root)
    )


def _describe_layer(layer: Element, inputs: list[str]) -> base.Operation:
    port = layer.find("./output/port")
    return {
        "name": layer.get("name", ""),
        "op": layer.get("type", ""),
        "graph": layer.get("version", ""),
        "inputs": inputs,
        "outputs": [],
        "shape": None if port is None else _port_shape(port),
        "dtype": "" if port is None else _port_dtype(port),
    }
