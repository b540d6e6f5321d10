"""Inside a LiteRT file: a copy of it in memory, whose outputs are the one tensor that is asked for.

So the delegate that answers otherwise (XNNPACK) still does, and the plan of its memory stays small. An interpreter that
preserves all tensors would keep all of them, and needs the delegate switched off.
"""

from pathlib import Path
from typing import Any

import numpy as np

from core.activations import Activations, Compute
from core.activations.matching import Activation
from core.arrays import Arrays
from core.runtimes.base import Predictor
from core.runtimes.litert import FILE, open_interpreter

ROW_BY_ROW_REMARK = "LiteRT is fed row by row."
DEQUANTIZED_REMARK = "Its integers are brought back to numbers by their scale and zero point."


def build_activations(predictor: Predictor, folder: Path, inputs: Arrays) -> Activations:
    from ai_edge_litert import schema_py_generated as schema

    content = bytearray((folder / FILE).read_bytes())
    model = schema.Model.GetRootAs(content, 0)
    graph = model.Subgraphs(0)
    tensors = _list_tensors(model, graph, schema)
    outputs = graph.OutputsAsNumpy()  # a view: what is written here stands in `content`
    ports = {name: detail["index"] for name, detail in _input_details(bytes(content)).items()}

    def only(key: str) -> Compute:
        outputs[:] = int(key)
        interpreter = open_interpreter(bytes(content))
        return lambda rows: _compute_rows(interpreter, ports, rows, int(key))

    scaled = any(graph.Tensors(int(tensor.key)).Quantization() for tensor in tensors if tensor.dtype == "int8")
    return Activations(tensors, only, f"{ROW_BY_ROW_REMARK} {DEQUANTIZED_REMARK}" if scaled else ROW_BY_ROW_REMARK)


def _input_details(content: bytes) -> dict[str, dict[str, Any]]:
    return open_interpreter(content).get_signature_runner().get_input_details()


def _list_tensors(model: Any, graph: Any, schema: Any) -> list[Activation]:
    """What the operations of the main graph give, in their order: those that depend on the inputs."""
    words = {number: name for name, number in vars(schema.BuiltinOperator).items() if isinstance(number, int)}
    dtypes = {number: name.lower() for name, number in vars(schema.TensorType).items() if isinstance(number, int)}
    live: dict[int, str] = {int(index): "" for index in graph.InputsAsNumpy()}
    found = []
    for place in range(graph.OperatorsLength()):
        operator = graph.Operators(place)
        sources = [int(index) for index in operator.InputsAsNumpy() if int(index) in live]
        for index in map(int, operator.OutputsAsNumpy()) if sources else ():
            tensor = graph.Tensors(index)
            after = tuple(dict.fromkeys(live[one] for one in sources if live[one]))
            live[index] = str(index)
            name = (tensor.Name() or b"").decode("utf-8", "replace")
            op = _operation_name(model.OperatorCodes(operator.OpcodeIndex()), words)
            found.append(Activation(str(index), name, op, _shape_signature(tensor), dtypes[tensor.Type()], after))
    return found


def _operation_name(code: Any, operation_names: dict[int, str]) -> str:
    if code.CustomCode():
        return code.CustomCode().decode("utf-8", "replace")
    return operation_names.get(max(code.BuiltinCode(), code.DeprecatedBuiltinCode()), "an operation")


def _shape_signature(tensor: Any) -> tuple[int | None, ...]:
    known = tensor.ShapeSignatureAsNumpy() if tensor.ShapeSignatureLength() else tensor.ShapeAsNumpy()
    return tuple(None if size < 0 else int(size) for size in np.atleast_1d(known)) if tensor.ShapeLength() else ()


def _compute_rows(interpreter: Any, input_indices: dict[str, int], rows: Arrays, index: int) -> np.ndarray:
    for name, port in input_indices.items():
        interpreter.resize_tensor_input(port, (1, *rows[name].shape[1:]))
    interpreter.allocate_tensors()
    found = [
        _compute_row(interpreter, input_indices, rows, row, index) for row in range(len(next(iter(rows.values()))))
    ]
    # What does not stand in a row of its own, as a shape does, is told by its length.
    return np.concatenate(found) if all(one.ndim and len(one) == 1 for one in found) else np.empty(0)


def _compute_row(interpreter: Any, input_indices: dict[str, int], rows: Arrays, row: int, index: int) -> np.ndarray:
    for name, port in input_indices.items():
        interpreter.set_tensor(port, rows[name][row : row + 1])
    interpreter.invoke()
    return _dequantize(interpreter.get_tensor(index), next(iter(interpreter.get_output_details()))["quantization"])


def _dequantize(values: np.ndarray, quantization: tuple[float, int]) -> np.ndarray:
    """(q − zero point) · scale, after Jacob et al. (2018), equation 1; as they are where there is no scale."""
    scale, zero_point = quantization
    return values if not scale else ((values.astype("float64") - zero_point) * scale).astype("float32")
