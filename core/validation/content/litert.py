"""LiteRT from outside, read by its bytes: no interpreter is made."""

import math
from pathlib import Path
from typing import Any

from core.validation import refused, rules

LITERT_CHECKS = "Operations, tensors and buffers of every graph of the LiteRT file"
CUSTOM, DELEGATE, PLACEHOLDER = 32, 51, 127
# Bytes of one number by LiteRT's own numbering; what is on no list (text, resources) has no width of its own.
WIDTHS = {0: 4, 1: 2, 2: 4, 3: 1, 4: 8, 6: 1, 7: 2, 8: 8, 9: 1, 10: 8, 11: 16, 12: 8, 15: 4, 16: 2, 17: 0.5, 18: 2}
MOST = 1_000_000  # entries of any list in the file


def inspect_litert(folder: Path) -> dict[str, Any]:
    """Raises Refused."""
    from ai_edge_litert import schema_py_generated as schema

    content = (folder / "model.tflite").read_bytes()
    if len(content) < 16 or content[4:8] != b"TFL3":
        raise refused("tflite-broken")
    model = schema.Model.GetRootAs(content, 0)
    if model.Version() != 3:
        raise refused("tflite-broken", f"version {model.Version()}")
    names = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
    codes = [_code(model.OperatorCodes(index), names) for index in range(_count(model.OperatorCodesLength(), content))]
    buffers = [_buffer(model.Buffers(index), content) for index in range(_count(model.BuffersLength(), content))]
    graphs = [model.Subgraphs(index) for index in range(_count(model.SubgraphsLength(), content))]
    if not graphs or not graphs[0].OutputsLength():
        raise refused("tflite-empty")
    operations: dict[str, int] = {}
    for graph in graphs:
        _check_graph(graph, codes, buffers, content, operations)
    return {
        "checked": [LITERT_CHECKS],
        "graphs": len(graphs),
        "operations": operations,
        "signatures": _signatures(model),
    }


def _count(length: int, content: bytes) -> int:
    """The length of a list, of which each entry takes four bytes at least."""
    if not 0 <= length <= min(MOST, len(content) // 4):
        raise refused("tflite-broken")
    return length


def _code(code: Any, names: dict[int, str]) -> str:
    """The name of a built-in operation; files from before 2020 have its number in the older field."""
    number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    if number in (CUSTOM, DELEGATE, PLACEHOLDER) or number not in names or code.CustomCode():
        own = (code.CustomCode() or b"").decode("utf-8", "replace")
        raise refused("tflite-operation", own or names.get(number, number))
    return names[number]


def _buffer(buffer: Any, content: bytes) -> int:
    """Bytes that a buffer holds, in the file's table or behind it."""
    if buffer.Offset() > 1:
        if buffer.Offset() + buffer.Size() > len(content):
            raise refused("tflite-tensor", f"{buffer.Offset():,} + {buffer.Size():,} of {len(content):,} bytes")
        return buffer.Size()
    length = 0 if buffer.DataIsNone() else buffer.DataLength()
    if length and len(buffer.DataAsNumpy()) != length:
        raise refused("tflite-tensor")
    return length


def _check_graph(graph: Any, codes: list[str], buffers: list[int], content: bytes, operations: dict[str, int]) -> None:
    tensors = _count(graph.TensorsLength(), content)
    for index in range(tensors):
        _check_tensor(graph.Tensors(index), buffers)
    _check_indices(_list(graph, "Inputs", content) + _list(graph, "Outputs", content), tensors)
    for index in range(_count(graph.OperatorsLength(), content)):
        operator = graph.Operators(index)
        if not 0 <= operator.OpcodeIndex() < len(codes):
            raise refused("tflite-operation", operator.OpcodeIndex())
        _check_indices(_list(operator, "Inputs", content) + _list(operator, "Outputs", content), tensors)
        name = codes[operator.OpcodeIndex()]
        operations[name] = operations.get(name, 0) + 1


def _list(owner: Any, name: str, content: bytes) -> list[int]:
    count = _count(getattr(owner, f"{name}Length")(), content)
    return [int(getattr(owner, name)(index)) for index in range(count)]


def _check_indices(indices: list[int], tensors: int) -> None:
    """-1 stands for an input that is left out."""
    if any(not -1 <= index < tensors for index in indices):
        raise refused("tflite-tensor", "a tensor that is not there")


def _check_tensor(tensor: Any, buffers: list[int]) -> None:
    shape = [int(tensor.Shape(index)) for index in range(_rank(tensor.ShapeLength()))]
    signature = [int(tensor.ShapeSignature(index)) for index in range(_rank(tensor.ShapeSignatureLength()))]
    if any(not 0 <= size <= rules.DIMENSION for size in shape) or math.prod(shape) > rules.ELEMENTS:
        raise refused("tflite-tensor", shape)
    if any(not -1 <= size <= rules.DIMENSION for size in signature) or not 0 <= tensor.Buffer() < len(buffers):
        raise refused("tflite-tensor", signature)
    held, width = buffers[tensor.Buffer()], WIDTHS.get(tensor.Type())
    if held and width and tensor.Sparsity() is None and held != math.ceil(math.prod(shape) * width):
        raise refused("tflite-tensor", f"{held:,} bytes for {shape}")


def _rank(length: int) -> int:
    if not 0 <= length <= 16:
        raise refused("tflite-tensor", f"{length:,} axes")
    return length


def _signatures(model: Any) -> list[str]:
    found = [model.SignatureDefs(index) for index in range(min(model.SignatureDefsLength(), 64))]
    return [(one.SignatureKey() or b"").decode("utf-8", "replace")[:64] for one in found]
