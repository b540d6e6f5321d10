"""A LiteRT file read as what it is: operations, tensors with scale and zero point, signatures. Nothing is run."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from core.readers.base import MOST, OTHER, WEIGHTS, Contents, Stored, counted, port

DTYPES = {"string": "object", "float32": "float32", "bool": "bool"}


def contents(path: Path) -> Contents:
    from ai_edge_litert import schema_py_generated as schema

    data = path.read_bytes()
    if not schema.Model.ModelBufferHasIdentifier(data, 0):
        raise ValueError("It does not begin as a LiteRT file does: damaged, or another kind of file; not a zip file")
    model = schema.ModelT.InitFromPackedBuf(data)
    words = _words(schema.BuiltinOperator)
    dtypes = {number: name.lower() for number, name in _words(schema.TensorType).items()}
    return Contents(
        "LiteRT",
        tensors=lambda: _tensors(model, dtypes),
        signatures=lambda: _signatures(model, dtypes),
        config=lambda: {"metadata": {_text(one.name): _metadata(model, one) for one in model.metadata or []}},
        operators=lambda: _operators(model, words, dtypes),
        remarks=["It holds operations, not layers; names of tensors are what the converter left of those."],
    )


def _words(names: Any) -> dict[int, str]:
    return {number: name for name, number in vars(names).items() if isinstance(number, int)}


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")


def _metadata(model: Any, one: Any) -> str:
    data = _bytes(model, one.buffer)
    text = data.rstrip(b"\0").decode("utf-8", "replace")
    return text if text.isprintable() and len(text) <= 200 else f"{len(data):,} bytes"


def _bytes(model: Any, buffer: int) -> bytes:
    data = model.buffers[buffer].data
    return b"" if data is None else bytes(data)


def _shape(tensor: Any) -> list[int | None]:
    known = tensor.shapeSignature if tensor.shapeSignature is not None else tensor.shape
    return [None if size < 0 else int(size) for size in (known if known is not None else [])]


def _tensors(model: Any, dtypes: dict[int, str]) -> list[Stored]:
    """The constants of every subgraph, those that lie in the same bytes once."""
    found, seen = [], set()
    for number, graph in enumerate(model.subgraphs):
        for at, tensor in enumerate(graph.tensors):
            if tensor.buffer not in seen and model.buffers[tensor.buffer].data is not None:
                seen.add(tensor.buffer)
                found.append(_stored(model, f"{number}:{at}", tensor, dtypes[tensor.type]))
    return found


def _stored(model: Any, key: str, tensor: Any, dtype: str) -> Stored:
    shape = tuple(int(size) for size in (tensor.shape if tensor.shape is not None else []))
    read = partial(_read, model, tensor.buffer, dtype, shape)
    scale = _scale(tensor)
    small = dtype in ("int32", "int64", "bool", "string") and not len(scale)
    scaled = partial(_scaled, read, tensor) if len(scale) else None
    name = _text(tensor.name)
    return Stored(key, name, shape, dtype, OTHER if small else WEIGHTS, read, _quantised(tensor), scaled)


def _read(model: Any, buffer: int, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    data = np.frombuffer(_bytes(model, buffer), "uint8")
    if dtype == "int4":  # two in each byte, the lower half first
        halves = np.stack([data << 4, data], axis=-1).reshape(-1).view("int8") >> 4
        return halves[: int(np.prod(shape))].reshape(shape)
    if dtype == "string":
        return data
    return data.view(np.dtype(dtype)).reshape(shape)


def _scale(tensor: Any) -> np.ndarray:
    found = tensor.quantization and tensor.quantization.scale
    return np.asarray([] if found is None or found is False else found, "float64")


def _zeros(tensor: Any) -> np.ndarray:
    found = tensor.quantization.zeroPoint
    return np.asarray([0] if found is None or not len(found) else found, "float64")


def _scaled(read: Any, tensor: Any) -> np.ndarray:
    """(q − zero point) · scale, along the axis that has scales of its own (Jacob et al. 2018, equation 1)."""
    values, scale, zeros = read().astype("float64"), _scale(tensor), _zeros(tensor)
    if len(scale) > 1:
        sizes = [1] * values.ndim
        sizes[tensor.quantization.quantizedDimension] = len(scale)
        scale = scale.reshape(sizes)
        zeros = zeros.reshape(sizes) if len(zeros) > 1 else zeros
    return ((values - zeros) * scale).astype("float32")


def _quantised(tensor: Any) -> str:
    """Scale and zero point in words; empty where nothing is quantised."""
    scale = _scale(tensor)
    if not len(scale):
        return ""
    zeros = sorted({int(one) for one in _zeros(tensor)})
    points = f"zero point {zeros[0]}" if len(zeros) == 1 else f"zero points {zeros[0]} to {zeros[-1]}"
    if len(scale) == 1:
        return f"scale {scale[0]:.6g}, {points}"
    axis = tensor.quantization.quantizedDimension
    return f"{len(scale)} scales along axis {axis}, {scale.min():.4g} to {scale.max():.4g}, {points}"


def _signatures(model: Any, dtypes: dict[int, str]) -> dict[str, Any]:
    found = []
    for one in model.signatureDefs or []:
        graph = model.subgraphs[one.subgraphIndex]
        found.append(
            {
                "name": _text(one.signatureKey),
                "method": f"subgraph {one.subgraphIndex}",
                "inputs": [_port(graph, port_, dtypes) for port_ in one.inputs or []],
                "outputs": [_port(graph, port_, dtypes) for port_ in one.outputs or []],
            }
        )
    return {"signatures": found, "functions": [], "facts": _facts(model)}


def _port(graph: Any, one: Any, dtypes: dict[int, str]) -> dict[str, Any]:
    tensor = graph.tensors[one.tensorIndex]
    return port(
        _text(one.name), dtypes[tensor.type], _shape(tensor), tensor=_text(tensor.name), note=_quantised(tensor)
    )


def _facts(model: Any) -> dict[str, Any]:
    found = {"schema version": model.version, "described as": _text(model.description)}
    return {name: value for name, value in found.items() if value} | {"subgraphs": len(model.subgraphs)}


def _operators(model: Any, words: dict[int, str], dtypes: dict[int, str]) -> dict[str, Any]:
    codes = [_op(code, words) for code in model.operatorCodes]
    rows, tensors = [], []
    for number, graph in enumerate(model.subgraphs):
        name = _text(graph.name) or f"subgraph {number}"
        names = [_text(one.name) for one in graph.tensors]
        rows += [_row(name, names, codes[one.opcodeIndex], one) for one in graph.operators or []]
        tensors += [_tensor(model, name, one, dtypes) for one in graph.tensors]
    return {
        "counts": counted(row["op"] for row in rows),
        "operators": rows[:MOST],
        "tensors": tensors[:MOST],
        "facts": _facts(model) | {"operations": len(rows)},
    }


def _op(code: Any, words: dict[int, str]) -> str:
    if code.customCode:
        return f"custom: {_text(code.customCode)}"
    return words.get(max(code.builtinCode, code.deprecatedBuiltinCode), "unknown")


def _row(graph: str, names: list[str], op: str, one: Any) -> dict[str, Any]:
    inputs, outputs = ([int(at) for at in (side if side is not None else [])] for side in (one.inputs, one.outputs))
    return {
        "name": names[outputs[0]] if outputs else "",
        "op": op,
        "graph": graph,
        "inputs": [names[at] if at >= 0 else "–" for at in inputs],
        "outputs": [names[at] for at in outputs],
    }


def _tensor(model: Any, graph: str, one: Any, dtypes: dict[int, str]) -> dict[str, Any]:
    constant = model.buffers[one.buffer].data is not None
    return {
        "name": _text(one.name),
        "shape": _shape(one),
        "dtype": dtypes[one.type],
        "role": "constant" if constant else "between",
        "graph": graph,
        "note": _quantised(one),
    }
