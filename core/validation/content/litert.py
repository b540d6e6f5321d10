"""Validate LiteRT, read by its bytes: no interpreter is made."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.validation import limits, refusal
from core.validation.content.facts import ContentFacts

CHECKED_LITERT = "Operations, tensors and buffers of every graph of the LiteRT file"
CUSTOM, DELEGATE, PLACEHOLDER = 32, 51, 127
# Bytes of one number by LiteRT's own numbering; what is on no list (text, resources) has no width of its own.
WIDTHS = {0: 4, 1: 2, 2: 4, 3: 1, 4: 8, 6: 1, 7: 2, 8: 8, 9: 1, 10: 8, 11: 16, 12: 8, 15: 4, 16: 2, 17: 0.5, 18: 2}
MAX_ENTRIES = 1_000_000  # entries of any list in the file
MAX_RANK = 16


def validate_litert(folder: Path) -> ContentFacts:
    """Raises Refused."""
    from ai_edge_litert import schema_py_generated as schema

    content = (folder / "model.tflite").read_bytes()
    if len(content) < 16 or content[4:8] != b"TFL3":
        raise refusal("tflite-broken")
    model = schema.Model.GetRootAs(content, 0)
    if model.Version() != 3:
        raise refusal("tflite-broken", f"version {model.Version()}")
    names = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
    most = min(MAX_ENTRIES, len(content) // 4)  # each entry of a list takes four bytes at least
    for code in _flatbuffer_entries(model, "OperatorCodes", most):
        _check_operation(code, names)
    buffer_sizes = [_buffer_size(buffer, content) for buffer in _flatbuffer_entries(model, "Buffers", most)]
    if not model.SubgraphsLength() or not model.Subgraphs(0).OutputsLength():
        raise refusal("tflite-empty")
    for graph in _flatbuffer_entries(model, "Subgraphs", most):
        _check_graph(graph, model.OperatorCodesLength(), buffer_sizes, most)
    for signature in _flatbuffer_entries(model, "SignatureDefs", most):
        signature.SignatureKey()  # raises where it lies outside of the file
    return {"checked": [CHECKED_LITERT]}


def _flatbuffer_entries(table: Any, name: str, most: int) -> Iterator[Any]:
    """Yield the entries of a list in the file. Raises Refused for more than `most`."""
    length = getattr(table, f"{name}Length")()
    if not 0 <= length <= most:
        raise refusal("tflite-broken")
    yield from map(getattr(table, name), range(length))


def _check_operation(code: Any, names: dict[int, str]) -> None:
    """Only built-in operations; files from before 2020 have their number in the older field."""
    number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    if number in (CUSTOM, DELEGATE, PLACEHOLDER) or number not in names or code.CustomCode():
        own = (code.CustomCode() or b"").decode("utf-8", "replace")
        raise refusal("tflite-operation", own or names.get(number, number))


def _buffer_size(buffer: Any, content: bytes) -> int:
    """Return the bytes that a buffer holds, in the file's table or behind it."""
    if buffer.Offset() > 1:
        if buffer.Offset() + buffer.Size() > len(content):
            raise refusal("tflite-tensor", f"{buffer.Offset():,} + {buffer.Size():,} of {len(content):,} bytes")
        return int(buffer.Size())
    length = 0 if buffer.DataIsNone() else int(buffer.DataLength())
    if length and len(buffer.DataAsNumpy()) != length:
        raise refusal("tflite-tensor")
    return length


def _check_graph(graph: Any, operation_count: int, buffer_sizes: list[int], most: int) -> None:
    for tensor in _flatbuffer_entries(graph, "Tensors", most):
        _check_tensor(tensor, buffer_sizes)
    _check_indices(graph, graph.TensorsLength(), most)
    for operator in _flatbuffer_entries(graph, "Operators", most):
        if not 0 <= operator.OpcodeIndex() < operation_count:
            raise refusal("tflite-operation", operator.OpcodeIndex())
        _check_indices(operator, graph.TensorsLength(), most)


def _check_indices(table: Any, tensor_count: int, most: int) -> None:
    """Check the inputs and outputs of a graph or an operator; -1 stands for an input that is left out."""
    for name in ("Inputs", "Outputs"):
        if any(not -1 <= index < tensor_count for index in _flatbuffer_entries(table, name, most)):
            raise refusal("tflite-tensor", "a tensor that is not there")


def _check_tensor(tensor: Any, buffer_sizes: list[int]) -> None:
    shape, signature = _read_shape(tensor, "Shape"), _read_shape(tensor, "ShapeSignature")
    if any(not 0 <= size <= limits.MAX_DIMENSION for size in shape) or math.prod(shape) > limits.MAX_ELEMENTS:
        raise refusal("tflite-tensor", shape)
    if any(not -1 <= size <= limits.MAX_DIMENSION for size in signature):
        raise refusal("tflite-tensor", signature)
    if not 0 <= tensor.Buffer() < len(buffer_sizes):
        raise refusal("tflite-tensor", signature)
    size, width = buffer_sizes[tensor.Buffer()], WIDTHS.get(tensor.Type())
    if size and width and tensor.Sparsity() is None and size != math.ceil(math.prod(shape) * width):
        raise refusal("tflite-tensor", f"{size:,} bytes for {shape}")


def _read_shape(tensor: Any, name: str) -> list[int]:
    if not 0 <= (rank := getattr(tensor, f"{name}Length")()) <= MAX_RANK:
        raise refusal("tflite-tensor", f"{rank:,} axes")
    return [int(getattr(tensor, name)(index)) for index in range(rank)]
