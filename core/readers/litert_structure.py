"""What a LiteRT file says beside the values of its constants, for its content hash."""

from typing import Any

import numpy as np

from core.readers.base import decode_text
from core.readers.hashing import hash_bytes

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
