"""Intermediate tensors of LiteRT files: a copy in memory, whose outputs are the one tensor that is computed.

So the delegate that predicts otherwise (XNNPACK) still does, and the plan of its memory stays small. An interpreter
that preserves all tensors would keep all of them, and needs the delegate switched off.
"""

from pathlib import Path
from typing import Any

import numpy as np

from core.activations import Activations, Compute, predecessors
from core.activations.matching import Activation
from core.arrays import Arrays, select_rows
from core.runtimes.base import Predictor
from core.runtimes.litert import FILE, enum_names, open_interpreter
from core.runtimes.litert_contents import remembers

ROW_BY_ROW_REMARK = "LiteRT is fed row by row."
DEQUANTIZED_REMARK = "Its integers are brought back to numbers by their scale and zero point."


def build_activations(predictor: Predictor, folder: Path, inputs: Arrays) -> Activations:
    from ai_edge_litert import schema_py_generated as schema

    content = bytearray((folder / FILE).read_bytes())
    model = schema.Model.GetRootAs(content, 0)
    graph = model.Subgraphs(0)
    activations = _list_activations(model, graph, schema)
    outputs = graph.OutputsAsNumpy()  # a view: what is written here stands in `content`
    details = open_interpreter(bytes(content)).get_signature_runner().get_input_details()
    input_indices = {name: detail["index"] for name, detail in details.items()}
    is_remembering = remembers(bytes(content))

    def build_compute(key: str) -> Compute:
        outputs[:] = int(key)
        changed = bytes(content)
        if is_remembering:
            return lambda rows: _compute_rows_anew(changed, input_indices, rows, int(key))
        interpreter = open_interpreter(changed)
        return lambda rows: _compute_rows(interpreter, input_indices, rows, int(key))

    integers = [graph.Tensors(int(activation.key)) for activation in activations if activation.dtype == "int8"]
    is_quantized = any(tensor.Quantization() for tensor in integers)
    remark = f"{ROW_BY_ROW_REMARK} {DEQUANTIZED_REMARK}" if is_quantized else ROW_BY_ROW_REMARK
    return Activations(activations, build_compute, remark)


def _list_activations(model: Any, graph: Any, schema: Any) -> list[Activation]:
    """What the operations of the main graph give, in their order: those that depend on the inputs."""
    operations, types = enum_names(schema.BuiltinOperator), enum_names(schema.TensorType)
    keys: dict[int, str] = {int(index): "" for index in graph.InputsAsNumpy()}
    activations = []
    for operator in map(graph.Operators, range(graph.OperatorsLength())):
        sources = [int(index) for index in operator.InputsAsNumpy() if int(index) in keys]
        op = _operation_name(model.OperatorCodes(operator.OpcodeIndex()), operations)
        after = predecessors(keys, sources)
        for index in map(int, operator.OutputsAsNumpy()) if sources else ():
            tensor, keys[index] = graph.Tensors(index), str(index)
            name, dtype = (tensor.Name() or b"").decode("utf-8", "replace"), types[tensor.Type()].lower()
            activations.append(Activation(keys[index], name, op, _shape_signature(tensor), dtype, after))
    return activations


def _operation_name(code: Any, names: dict[int, str]) -> str:
    if code.CustomCode():
        return code.CustomCode().decode("utf-8", "replace")
    return names.get(max(code.BuiltinCode(), code.DeprecatedBuiltinCode()), "an operation")


def _shape_signature(tensor: Any) -> tuple[int | None, ...]:
    sizes = tensor.ShapeSignatureAsNumpy() if tensor.ShapeSignatureLength() else tensor.ShapeAsNumpy()
    return tuple(None if size < 0 else int(size) for size in np.atleast_1d(sizes)) if tensor.ShapeLength() else ()


def _compute_rows(interpreter: Any, input_indices: dict[str, int], rows: Arrays, index: int) -> np.ndarray:
    for name, port in input_indices.items():
        interpreter.resize_tensor_input(port, (1, *rows[name].shape[1:]))
    interpreter.allocate_tensors()
    values = []
    for row in range(len(next(iter(rows.values())))):
        for name, port in input_indices.items():
            interpreter.set_tensor(port, rows[name][row : row + 1])
        interpreter.invoke()
        quantization = next(iter(interpreter.get_output_details()))["quantization"]
        values.append(_dequantize(interpreter.get_tensor(index), *quantization))
    # What has no row of its own, as a shape, is recognised by its length.
    return np.concatenate(values) if all(part.ndim and len(part) == 1 for part in values) else np.empty(0)


def _compute_rows_anew(content: bytes, input_indices: dict[str, int], rows: Arrays, index: int) -> np.ndarray:
    """The same of a file that remembers: each row by an interpreter of its own."""
    count = len(next(iter(rows.values())))
    each = [select_rows(rows, slice(row, row + 1)) for row in range(count)]
    return np.concatenate([_compute_rows(open_interpreter(content), input_indices, row, index) for row in each])


def _dequantize(values: np.ndarray, scale: float, zero_point: int) -> np.ndarray:
    """(q − zero point) · scale, after Jacob et al. (2018), equation 1; as they are where there is no scale."""
    return values if not scale else ((values.astype("float64") - zero_point) * scale).astype("float32")
