"""A LiteRT file read as what it is: operations, tensors with scale and zero point, signatures. Nothing is run."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from core.readers.base import MAX_ENTRIES, OTHER, WEIGHTS, FileContents, StoredTensor, count_operations, describe_port

DTYPES = {"string": "object", "float32": "float32", "bool": "bool"}


def read_litert(path: Path) -> FileContents:
    from ai_edge_litert import schema_py_generated as schema

    data = path.read_bytes()
    if not schema.Model.ModelBufferHasIdentifier(data, 0):
        raise ValueError("It does not begin as a LiteRT file does: damaged, or another kind of file; not a zip file")
    model = schema.ModelT.InitFromPackedBuf(data)
    words = _enum_names(schema.BuiltinOperator)
    dtypes = {number: name.lower() for number, name in _enum_names(schema.TensorType).items()}
    return FileContents(
        "LiteRT",
        tensors=lambda: _list_constant_tensors(model, dtypes),
        signatures=lambda: _list_signatures(model, dtypes),
        config=lambda: {
            "metadata": {_decode_text(one.name): _decode_metadata(model, one) for one in model.metadata or []}
        },
        operators=lambda: _describe_operations(model, words, dtypes),
        remarks=["It holds operations, not layers; names of tensors are what the converter left of those."],
    )


def _enum_names(names: Any) -> dict[int, str]:
    return {number: name for name, number in vars(names).items() if isinstance(number, int)}


def _decode_text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")


def _decode_metadata(model: Any, entry: Any) -> str:
    data = _buffer_bytes(model, entry.buffer)
    text = data.rstrip(b"\0").decode("utf-8", "replace")
    return text if text.isprintable() and len(text) <= 200 else f"{len(data):,} bytes"


def _buffer_bytes(model: Any, buffer: int) -> bytes:
    data = model.buffers[buffer].data
    return b"" if data is None else bytes(data)


def _shape_signature(tensor: Any) -> list[int | None]:
    known = tensor.shapeSignature if tensor.shapeSignature is not None else tensor.shape
    return [None if size < 0 else int(size) for size in (known if known is not None else [])]


def _list_constant_tensors(model: Any, dtypes: dict[int, str]) -> list[StoredTensor]:
    """The constants of every subgraph, those that lie in the same bytes once."""
    found, seen = [], set()
    for number, graph in enumerate(model.subgraphs):
        for at, tensor in enumerate(graph.tensors):
            if tensor.buffer not in seen and model.buffers[tensor.buffer].data is not None:
                seen.add(tensor.buffer)
                found.append(_constant_tensor(model, f"{number}:{at}", tensor, dtypes[tensor.type]))
    return found


def _constant_tensor(model: Any, key: str, tensor: Any, dtype: str) -> StoredTensor:
    shape = tuple(int(size) for size in (tensor.shape if tensor.shape is not None else []))
    read = partial(_read_constant, model, tensor.buffer, dtype, shape)
    scale = _scales(tensor)
    small = dtype in ("int32", "int64", "bool", "string") and not len(scale)
    scaled = partial(_read_dequantized, read, tensor) if len(scale) else None
    name = _decode_text(tensor.name)
    return StoredTensor(key, name, shape, dtype, OTHER if small else WEIGHTS, read, _quantization_note(tensor), scaled)


def _read_constant(model: Any, buffer: int, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    data = np.frombuffer(_buffer_bytes(model, buffer), "uint8")
    if dtype == "int4":  # two in each byte, the lower half first
        halves = np.stack([data << 4, data], axis=-1).reshape(-1).view("int8") >> 4
        return halves[: int(np.prod(shape))].reshape(shape)
    if dtype == "string":
        return data
    return data.view(np.dtype(dtype)).reshape(shape)


def _scales(tensor: Any) -> np.ndarray:
    found = tensor.quantization and tensor.quantization.scale
    return np.asarray([] if found is None or found is False else found, "float64")


def _zero_points(tensor: Any) -> np.ndarray:
    found = tensor.quantization.zeroPoint
    return np.asarray([0] if found is None or not len(found) else found, "float64")


def _read_dequantized(read: Any, tensor: Any) -> np.ndarray:
    """(q − zero point) · scale, along the axis that has scales of its own (Jacob et al. 2018, equation 1)."""
    values, scale, zeros = read().astype("float64"), _scales(tensor), _zero_points(tensor)
    if len(scale) > 1:
        sizes = [1] * values.ndim
        sizes[tensor.quantization.quantizedDimension] = len(scale)
        scale = scale.reshape(sizes)
        zeros = zeros.reshape(sizes) if len(zeros) > 1 else zeros
    return ((values - zeros) * scale).astype("float32")


def _quantization_note(tensor: Any) -> str:
    """Scale and zero point in words; empty where nothing is quantised."""
    scale = _scales(tensor)
    if not len(scale):
        return ""
    zeros = sorted({int(one) for one in _zero_points(tensor)})
    points = f"zero point {zeros[0]}" if len(zeros) == 1 else f"zero points {zeros[0]} to {zeros[-1]}"
    if len(scale) == 1:
        return f"scale {scale[0]:.6g}, {points}"
    axis = tensor.quantization.quantizedDimension
    return f"{len(scale)} scales along axis {axis}, {scale.min():.4g} to {scale.max():.4g}, {points}"


def _list_signatures(model: Any, dtypes: dict[int, str]) -> dict[str, Any]:
    found = []
    for one in model.signatureDefs or []:
        graph = model.subgraphs[one.subgraphIndex]
        found.append(
            {
                "name": _decode_text(one.signatureKey),
                "method": f"subgraph {one.subgraphIndex}",
                "inputs": [_describe_port(graph, port_, dtypes) for port_ in one.inputs or []],
                "outputs": [_describe_port(graph, port_, dtypes) for port_ in one.outputs or []],
            }
        )
    return {"signatures": found, "functions": [], "facts": _model_info(model)}


def _describe_port(graph: Any, tensor_map: Any, dtypes: dict[int, str]) -> dict[str, Any]:
    tensor = graph.tensors[tensor_map.tensorIndex]
    return describe_port(
        _decode_text(tensor_map.name),
        dtypes[tensor.type],
        _shape_signature(tensor),
        tensor=_decode_text(tensor.name),
        note=_quantization_note(tensor),
    )


def _model_info(model: Any) -> dict[str, Any]:
    found = {"schema version": model.version, "described as": _decode_text(model.description)}
    return {name: value for name, value in found.items() if value} | {"subgraphs": len(model.subgraphs)}


def _describe_operations(model: Any, operation_names: dict[int, str], dtypes: dict[int, str]) -> dict[str, Any]:
    codes = [_operation_name(code, operation_names) for code in model.operatorCodes]
    rows, tensors = [], []
    for number, graph in enumerate(model.subgraphs):
        name = _decode_text(graph.name) or f"subgraph {number}"
        names = [_decode_text(one.name) for one in graph.tensors]
        rows += [_describe_operation(name, names, codes[one.opcodeIndex], one) for one in graph.operators or []]
        tensors += [_describe_tensor(model, name, one, dtypes) for one in graph.tensors]
    return {
        "counts": count_operations(row["op"] for row in rows),
        "operators": rows[:MAX_ENTRIES],
        "tensors": tensors[:MAX_ENTRIES],
        "facts": _model_info(model) | {"operations": len(rows)},
    }


def _operation_name(code: Any, operation_names: dict[int, str]) -> str:
    if code.customCode:
        return f"custom: {_decode_text(code.customCode)}"
    return operation_names.get(max(code.builtinCode, code.deprecatedBuiltinCode), "unknown")


def _describe_operation(graph: str, names: list[str], op: str, operator: Any) -> dict[str, Any]:
    inputs, outputs = (
        [int(at) for at in (side if side is not None else [])] for side in (operator.inputs, operator.outputs)
    )
    return {
        "name": names[outputs[0]] if outputs else "",
        "op": op,
        "graph": graph,
        "inputs": [names[at] if at >= 0 else "–" for at in inputs],
        "outputs": [names[at] for at in outputs],
    }


def _describe_tensor(model: Any, graph: str, tensor: Any, dtypes: dict[int, str]) -> dict[str, Any]:
    constant = model.buffers[tensor.buffer].data is not None
    return {
        "name": _decode_text(tensor.name),
        "shape": _shape_signature(tensor),
        "dtype": dtypes[tensor.type],
        "role": "constant" if constant else "between",
        "graph": graph,
        "note": _quantization_note(tensor),
    }
