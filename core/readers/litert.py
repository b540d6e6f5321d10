"""Operations, tensors (with scale and zero point) and signatures of a LiteRT file; nothing is run."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from core.readers import base
from core.readers.base import OTHER, WEIGHTS, FileContents, StoredTensor, decode_text
from core.readers.hashing import hash_bytes
from core.readers.sparse import unfold_litert
from core.runtimes.litert import enum_names

# Places in the file, and notes of the converter for people who look for errors.
LEFT_OUT_FIELDS = {"debugMetadataIndex", "largeCustomOptionsOffset", "largeCustomOptionsSize", "opcodeIndex", "buffer"}
WRITER_METADATA = ("CONVERSION_METADATA",)


def describe_structure(model: Any) -> dict[str, Any]:
    """Subgraphs with their tensors and operations, signatures and metadata, as JSON; buffers by whose they are."""
    if any(buffer.offset > 1 for buffer in model.buffers):
        raise ValueError("Its constants lie behind its graph, where they are not read")
    codes = [_to_json(code) for code in model.operatorCodes]
    owners: dict[int, list[int]] = {}
    return {
        "subgraphs": [_describe_graph(model, at, codes, owners) for at in range(len(model.subgraphs))],
        "signatures": [_to_json(signature) for signature in model.signatureDefs or []],
        "metadata": dict(_metadata(model)),
        "version": model.version,
    }


def _describe_graph(model: Any, number: int, codes: list[Any], owners: dict[int, list[int]]) -> dict[str, Any]:
    """One subgraph; of each tensor also which one was the first to have its constant, None where it has none."""
    graph = model.subgraphs[number]
    tensors = []
    for index, tensor in enumerate(graph.tensors):
        is_constant = model.buffers[tensor.buffer].data is not None
        owner = owners.setdefault(tensor.buffer, [number, index]) if is_constant else None
        tensors.append([_to_json(tensor), owner])
    operators = [[codes[operator.opcodeIndex], _to_json(operator)] for operator in graph.operators or []]
    sides = {"inputs": _to_json(graph.inputs), "outputs": _to_json(graph.outputs)}
    return {"name": decode_text(graph.name), "tensors": tensors, "operators": operators, **sides}


def _metadata(model: Any) -> list[tuple[str, str]]:
    entries = [(decode_text(entry.name), model.buffers[entry.buffer].data) for entry in model.metadata or []]
    return [(name, _hash_vector(data)) for name, data in entries if name not in WRITER_METADATA and data is not None]


def _hash_vector(data: Any) -> str:
    return hash_bytes(bytes(data))


def _to_json(value: Any) -> Any:
    """An object of the schema by the names of its fields, vectors as lists."""
    if isinstance(value, bytes | bytearray):
        return decode_text(value) if len(value) < 200 else hash_bytes(bytes(value))
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [_to_json(item) for item in value]
    if hasattr(value, "__dict__"):
        fields = {name: _to_json(item) for name, item in vars(value).items() if name not in LEFT_OUT_FIELDS}
        return {"": type(value).__name__, **fields}
    return value


def read_litert(path: Path) -> FileContents:
    from ai_edge_litert import schema_py_generated as schema

    data = path.read_bytes()
    if not schema.Model.ModelBufferHasIdentifier(data, 0):
        raise ValueError("It does not begin as a LiteRT file does: damaged, or another kind of file; not a zip file")
    model = schema.ModelT.InitFromPackedBuf(data)
    operation_names = enum_names(schema.BuiltinOperator)
    dtypes = {number: name.lower() for number, name in enum_names(schema.TensorType).items()}
    return FileContents(
        "LiteRT",
        tensors=lambda: _list_constant_tensors(model, dtypes),
        signatures=lambda: _describe_signatures(model, dtypes),
        config=lambda: {"metadata": _read_metadata(model)},
        operators=lambda: _describe_operations(model, operation_names, dtypes),
        remarks=["It holds operations, not layers; names of tensors are what the converter left of those."],
        structure=lambda: describe_structure(model),
        told_files=(path,),
    )


def _read_metadata(model: Any) -> dict[str, str]:
    """Metadata by name: short texts as they are, of all else the size."""
    metadata = {}
    for entry in model.metadata or []:
        data = _buffer_bytes(model, entry.buffer)
        text = base.decode_text(data.rstrip(b"\0"))
        is_readable = text.isprintable() and len(text) <= 200
        metadata[base.decode_text(entry.name)] = text if is_readable else f"{len(data):,} bytes"
    return metadata


def _buffer_bytes(model: Any, buffer: int) -> bytes:
    data = model.buffers[buffer].data
    return b"" if data is None else bytes(data)


def _numbers(vector: Any) -> list[int]:
    """Whole numbers of the schema, where a vector that is not there is None."""
    return [] if vector is None else [int(number) for number in vector]


def _shape_signature(tensor: Any) -> base.Shape:
    sizes = _numbers(tensor.shapeSignature if tensor.shapeSignature is not None else tensor.shape)
    return [None if size < 0 else size for size in sizes]


def _list_constant_tensors(model: Any, dtypes: dict[int, str]) -> list[StoredTensor]:
    """The constants of every subgraph, those that lie in the same bytes once."""
    tensors, seen = [], set()
    for number, graph in enumerate(model.subgraphs):
        for index, tensor in enumerate(graph.tensors):
            if tensor.buffer not in seen and model.buffers[tensor.buffer].data is not None:
                seen.add(tensor.buffer)
                tensors.append(_constant_tensor(model, f"{number}:{index}", tensor, dtypes[tensor.type]))
    return tensors


def _constant_tensor(model: Any, key: str, tensor: Any, dtype: str) -> StoredTensor:
    name, shape, is_quantized = base.decode_text(tensor.name), tuple(_numbers(tensor.shape)), len(_scales(tensor)) > 0
    read = partial(_read_constant, model, tensor, dtype, shape)
    group = WEIGHTS if is_quantized or dtype not in ("int32", "int64", "bool", "string") else OTHER
    dequantize = partial(_read_dequantized, read, tensor) if is_quantized else None
    sparse = "stored sparse" if tensor.sparsity else ""
    note = "; ".join(filter(None, (_quantization_note(tensor), sparse)))
    return StoredTensor(key, name, shape, dtype, group, read, note, dequantize)


def _read_constant(model: Any, tensor: Any, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    data = np.frombuffer(_buffer_bytes(model, tensor.buffer), "uint8")
    if dtype == "string":
        return data
    if dtype == "int4":  # two in each byte, the lower half first
        halves = np.stack([data << 4, data], axis=-1).reshape(-1).view("int8") >> 4
        values = halves if tensor.sparsity else halves[: int(np.prod(shape))]
    else:
        values = data.view(np.dtype(dtype))
    return unfold_litert(values, shape, tensor.sparsity) if tensor.sparsity else values.reshape(shape)


def _scales(tensor: Any) -> np.ndarray:
    scales = tensor.quantization and tensor.quantization.scale
    return np.asarray([] if scales is None or scales is False else scales, "float64")


def _zero_points(tensor: Any) -> np.ndarray:
    zero_points = tensor.quantization.zeroPoint
    return np.asarray([0] if zero_points is None or not len(zero_points) else zero_points, "float64")


def _read_dequantized(read: Any, tensor: Any) -> np.ndarray:
    """(q − zero point) · scale, along the axis that has scales of its own (Jacob et al. 2018, equation 1)."""
    values, scales, zero_points = read().astype("float64"), _scales(tensor), _zero_points(tensor)
    if len(scales) > 1:
        sizes = [1] * values.ndim
        sizes[tensor.quantization.quantizedDimension] = len(scales)
        scales = scales.reshape(sizes)
        zero_points = zero_points.reshape(sizes) if len(zero_points) > 1 else zero_points
    return ((values - zero_points) * scales).astype("float32")


def _quantization_note(tensor: Any) -> str:
    """Scale and zero point in words; empty where nothing is quantised."""
    scales = _scales(tensor)
    if not len(scales):
        return ""
    zeros = sorted({int(zero) for zero in _zero_points(tensor)})
    points = f"zero point {zeros[0]}" if len(zeros) == 1 else f"zero points {zeros[0]} to {zeros[-1]}"
    if len(scales) == 1:
        return f"scale {scales[0]:.6g}, {points}"
    axis = tensor.quantization.quantizedDimension
    return f"{len(scales)} scales along axis {axis}, {scales.min():.4g} to {scales.max():.4g}, {points}"


def _describe_signatures(model: Any, dtypes: dict[int, str]) -> base.Signatures:
    signatures = [_describe_signature(model, signature, dtypes) for signature in model.signatureDefs or []]
    signatures = signatures or [_describe_main_graph(model.subgraphs[0], dtypes)]
    return {"signatures": signatures, "functions": [], "facts": _facts(model)}


def _describe_signature(model: Any, signature: Any, dtypes: dict[int, str]) -> base.Signature:
    graph = model.subgraphs[signature.subgraphIndex]
    return {
        "name": base.decode_text(signature.signatureKey),
        "method": f"subgraph {signature.subgraphIndex}",
        "inputs": [_describe_port(graph, port, dtypes) for port in signature.inputs or []],
        "outputs": [_describe_port(graph, port, dtypes) for port in signature.outputs or []],
    }


def _describe_main_graph(graph: Any, dtypes: dict[int, str]) -> base.Signature:
    """What a file without signatures takes and gives, by the names of its tensors."""
    inputs, outputs = (
        [_describe_tensor_port(base.decode_text(graph.tensors[at].name), graph.tensors[at], dtypes) for at in side]
        for side in (_numbers(graph.inputs), _numbers(graph.outputs))
    )
    return {"name": "(none: the tensors of the graph)", "method": "subgraph 0", "inputs": inputs, "outputs": outputs}


def _describe_port(graph: Any, port: Any, dtypes: dict[int, str]) -> base.Port:
    return _describe_tensor_port(base.decode_text(port.name), graph.tensors[port.tensorIndex], dtypes)


def _describe_tensor_port(name: str, tensor: Any, dtypes: dict[int, str]) -> base.Port:
    return {
        "name": name,
        "dtype": dtypes[tensor.type],
        "shape": _shape_signature(tensor),
        "tensor": base.decode_text(tensor.name),
        "note": _quantization_note(tensor),
    }


def _facts(model: Any) -> base.Facts:
    facts = {"schema version": model.version, "described as": base.decode_text(model.description)}
    return base.drop_empty(facts) | {"subgraphs": len(model.subgraphs)}


def _describe_operations(model: Any, operation_names: dict[int, str], dtypes: dict[int, str]) -> base.Operators:
    codes = [_operation_name(code, operation_names) for code in model.operatorCodes]
    operations: list[base.Operation] = []
    tensors: list[base.GraphTensor] = []
    for number, graph in enumerate(model.subgraphs):
        graph_name = base.decode_text(graph.name) or f"subgraph {number}"
        names = [base.decode_text(tensor.name) for tensor in graph.tensors]
        for operator in graph.operators or []:
            operations.append(_describe_operation(graph_name, names, codes[operator.opcodeIndex], operator))
        tensors += [_describe_tensor(model, graph_name, tensor, dtypes) for tensor in graph.tensors]
    return base.make_operators(operations, _facts(model), tensors)


def _operation_name(code: Any, operation_names: dict[int, str]) -> str:
    if code.customCode:
        return f"custom: {base.decode_text(code.customCode)}"
    return operation_names.get(max(code.builtinCode, code.deprecatedBuiltinCode), "unknown")


def _describe_operation(graph: str, names: list[str], op: str, operator: Any) -> base.Operation:
    inputs, outputs = _numbers(operator.inputs), _numbers(operator.outputs)
    return {
        "name": names[outputs[0]] if outputs else "",
        "op": op,
        "graph": graph,
        "inputs": [names[index] if index >= 0 else "–" for index in inputs],
        "outputs": [names[index] for index in outputs],
    }


def _describe_tensor(model: Any, graph: str, tensor: Any, dtypes: dict[int, str]) -> base.GraphTensor:
    return {
        "name": base.decode_text(tensor.name),
        "shape": _shape_signature(tensor),
        "dtype": dtypes[tensor.type],
        "role": "between" if model.buffers[tensor.buffer].data is None else "constant",
        "graph": graph,
        "note": _quantization_note(tensor),
    }
