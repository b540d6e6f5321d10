"""OpenVINO's IR: the graph is XML, the numbers lie in a file beside it. Neither needs OpenVINO to be read."""

from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from core.readers.base import OTHER, WEIGHTS, Contents, Stored, counted, port

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
WORDS = {"FP32": "float32", "FP16": "float16", "FP64": "float64", "BOOL": "bool"}


def contents(path: Path) -> Contents:
    text = path.read_bytes()
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise ValueError("The XML declares entities, which a graph does not need")
    root = ElementTree.fromstring(text)
    return Contents(
        "OpenVINO IR",
        tensors=lambda: _tensors(root, path.with_suffix(".bin")),
        signatures=lambda: {"signatures": [_ends(root)], "functions": [], "facts": _facts(root)},
        config=lambda: {"runtime information": _tree(root.find("rt_info"))},
        operators=lambda: _operators(root),
    )


def _layers(root: Any) -> list[Any]:
    return root.findall("./layers/layer")


def _tensors(root: Any, data: Path) -> list[Stored]:
    return [_stored(layer, data) for layer in _layers(root) if layer.get("type") == "Const"]


def _stored(layer: Any, data: Path) -> Stored:
    facts = layer.find("data").attrib
    dtype = DTYPES.get(facts["element_type"], facts["element_type"])
    shape = tuple(int(size) for size in facts.get("shape", "").split(",") if size.strip())
    name = layer.get("name", "")
    weight = dtype.startswith("float") and bool(shape)
    read = partial(_read, data, int(facts["offset"]), int(facts["size"]), dtype, shape)
    return Stored(layer.get("id", name), name, shape, dtype, WEIGHTS if weight else OTHER, read)


def _read(data: Path, offset: int, size: int, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    if dtype not in DTYPES.values():
        raise ValueError(f"Values of the type {dtype} cannot be shown")
    count = size // np.dtype(dtype).itemsize
    return np.fromfile(data, dtype, count, offset=offset).reshape(shape)


def _ends(root: Any) -> dict[str, Any]:
    layers = _layers(root)
    return {
        "name": root.get("name", ""),
        "method": "",
        "inputs": [_port(one, "output") for one in layers if one.get("type") == "Parameter"],
        "outputs": [_port(one, "input") for one in layers if one.get("type") == "Result"],
    }


def _port(layer: Any, side: str) -> dict[str, Any]:
    found = layer.find(f"./{side}/port")
    if found is None:
        return port(layer.get("name", ""), "", None)
    names = [one.strip() for one in (found.get("names") or "").split(",") if one.strip()]
    return port((names or [layer.get("name", "")])[0], _word(found), _shape(found), tensor=layer.get("name", ""))


def _word(found: Any) -> str:
    word = found.get("precision", "")
    return WORDS.get(word, word.lower())


def _shape(found: Any) -> list[int | None]:
    sizes = [int(one.text or -1) for one in found.findall("dim")]
    return [None if size < 0 else size for size in sizes]


def _facts(root: Any) -> dict[str, Any]:
    found = {"IR version": root.get("version", "")}
    for one in root.findall("./rt_info/*"):
        if one.get("value") and "version" in one.tag.lower():
            found[one.tag.replace("_", " ")] = one.get("value")
    return found


def _tree(node: Any) -> Any:
    """XML as JSON: names with values, or with what is below them."""
    if node is None:
        return {}
    children = {one.tag: _tree(one) for one in node}
    return {**{name: value for name, value in node.attrib.items() if name != "value"}, **children} or node.get("value")


def _operators(root: Any) -> dict[str, Any]:
    layers = _layers(root)
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
            "shape": next((_shape(found) for found in one.findall("./output/port")), None),
            "dtype": next((_word(found) for found in one.findall("./output/port")), ""),
        }
        for one in layers
    ]
    facts = _facts(root) | {"operations": len(rows)}
    return {"counts": counted(row["op"] for row in rows), "operators": rows, "tensors": [], "facts": facts}
