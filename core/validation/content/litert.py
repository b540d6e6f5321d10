"""LiteRT from outside, read by its bytes: no interpreter is made."""

import math
from pathlib import Path
from typing import Any

from core.validation import limits, refusal

LITERT_CHECKS = "Operations, tensors and buffers of every graph of the LiteRT file"
CUSTOM, DELEGATE, PLACEHOLDER = 32, 51, 127
# Bytes of one number by LiteRT's own numbering; what is on no list (text, resources) has no width of its own.
WIDTHS = {0: 4, 1: 2, 2: 4, 3: 1, 4: 8, 6: 1, 7: 2, 8: 8, 9: 1, 10: 8, 11: 16, 12: 8, 15: 4, 16: 2, 17: 0.5, 18: 2}
MAX_ENTRIES = 1_000_000  # entries of any list in the file


def validate_litert(folder: Path) -> dict[str, Any]:
    """Raises Refused."""
    from ai_edge_litert import schema_py_generated as schema

    content = (folder / "model.tflite").read_bytes()
    if len(content) < 16 or content[4:8] != b"TFL3":
        raise refusal("tflite-broken")
    model = schema.Model.GetRootAs(content, 0)
    if model.Version() != 3:
        raise refusal("tflite-broken", f"version {model.Version()}")
    names = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
    codes = [
        _operation_name(model.OperatorCodes(index), names)
        for index in range(_check_length(model.OperatorCodesLength(), content))
    ]
    buffers = [
        _buffer_bytes(model.Buffers(index), content) for index in range(_check_length(model.BuffersLength(), content))
    ]
    graphs = [model.Subgraphs(index) for index in range(_check_length(model.SubgraphsLength(), content))]
    if not graphs or not graphs[0].OutputsLength():
        raise refusal("tflite-empty")
    operations: dict[str, int] = {}
    for graph in graphs:
        _check_graph(graph, codes, buffers, content, operations)
    return {
        "checked": [LITERT_CHECKS],
        "graphs": len(graphs),
        "operations": operations,
        "signatures": _list_signature_keys(model),
    }


def _check_length(length: int, content: bytes) -> int:
    """The length of a list, of which each entry takes four bytes at least."""
    if not 0 <= length <= min(MAX_ENTRIES, len(content) // 4):
        raise refusal("tflite-broken")
    return length


def _operation_name(code: Any, names: dict[int, str]) -> str:
    """The name of a built-in operation; files from before 2020 have its number in the older field."""
    number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    if number in (CUSTOM, DELEGATE, PLACEHOLDER) or number not in names or code.CustomCode():
        own = (code.CustomCode() or b"").decode("utf-8", "replace")
        raise refusal("tflite-operation", own or names.get(number, number))
    return names[number]


def _buffer_bytes(buffer: Any, content: bytes) -> int:
    """Bytes that a buffer holds, in the file's table or behind it."""
    if buffer.Offset() > 1:
        if buffer.Offset() + buffer.Size() > len(content):
            raise refusal("tflite-tensor", f"{buffer.Offset():,} + {buffer.Size():,} of {len(content):,} bytes")
        return buffer.Size()
    length = 0 if buffer.DataIsNone() else buffer.DataLength()
    if length and len(buffer.DataAsNumpy()) != length:
        raise refusal("tflite-tensor")
    return length


def _check_graph(
    graph: Any, operation_names: list[str], buffer_sizes: list[int], content: bytes, operations: dict[str, int]
) -> None:
    tensors = _check_length(graph.TensorsLength(), content)
    for index in range(tensors):
        _check_tensor(graph.Tensors(index), buffer_sizes)
    _check_indices(_read_indices(graph, "Inputs", content) + _read_indices(graph, "Outputs", content), tensors)
    for index in range(_check_length(graph.OperatorsLength(), content)):
        operator = graph.Operators(index)
        if not 0 <= operator.OpcodeIndex() < len(operation_names):
            raise refusal("tflite-operation", operator.OpcodeIndex())
        _check_indices(
            _read_indices(operator, "Inputs", content) + _read_indices(operator, "Outputs", content), tensors
        )
        name = operation_names[operator.OpcodeIndex()]
        operations[name] = operations.get(name, 0) + 1


def _read_indices(table: Any, name: str, content: bytes) -> list[int]:
    count = _check_length(getattr(table, f"{name}Length")(), content)
    return [int(getattr(table, name)(index)) for index in range(count)]


def _check_indices(indices: list[int], tensors: int) -> None:
    """-1 stands for an input that is left out."""
    if any(not -1 <= index < tensors for index in indices):
        raise refusal("tflite-tensor", "a tensor that is not there")


def _check_tensor(tensor: Any, buffer_sizes: list[int]) -> None:
    shape = [int(tensor.Shape(index)) for index in range(_check_rank(tensor.ShapeLength()))]
    signature = [int(tensor.ShapeSignature(index)) for index in range(_check_rank(tensor.ShapeSignatureLength()))]
    if any(not 0 <= size <= limits.MAX_DIMENSION for size in shape) or math.prod(shape) > limits.MAX_ELEMENTS:
        raise refusal("tflite-tensor", shape)
    if any(not -1 <= size <= limits.MAX_DIMENSION for size in signature):
        raise refusal("tflite-tensor", signature)
    if not 0 <= tensor.Buffer() < len(buffer_sizes):
        raise refusal("tflite-tensor", signature)
    held, width = buffer_sizes[tensor.Buffer()], WIDTHS.get(tensor.Type())
    if held and width and tensor.Sparsity() is None and held != math.ceil(math.prod(shape) * width):
        raise refusal("tflite-tensor", f"{held:,} bytes for {shape}")


def _check_rank(length: int) -> int:
    if not 0 <= length <= 16:
        raise refusal("tflite-tensor", f"{length:,} axes")
    return length


def _list_signature_keys(model: Any) -> list[str]:
    found = [model.SignatureDefs(index) for index in range(min(model.SignatureDefsLength(), 64))]
    return [(one.SignatureKey() or b"").decode("utf-8", "replace")[:64] for one in found]
