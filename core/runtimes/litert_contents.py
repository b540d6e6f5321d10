"""What stands in a LiteRT file: its operations, its variables and its constants, read without running it."""

import math
from pathlib import Path
from typing import Any

CALL_ONCE, VAR_HANDLE, READ_VARIABLE, ASSIGN_VARIABLE = 129, 142, 143, 144  # numbers of operations


def needs_tensorflow(content: bytes) -> bool:
    """Whether a file asks for operations of TensorFlow itself, which the runtime does not have."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAs(content, 0)
    codes = map(model.OperatorCodes, range(model.OperatorCodesLength()))
    return any((code.CustomCode() or b"").startswith(b"Flex") for code in codes)


def remembers(content: bytes) -> bool:
    """Whether a file has variables that a call changes: those that it assigns to, not only where it initialises them,
    or that an operation such as a recurrent layer keeps for itself."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAs(content, 0)
    graphs = [model.Subgraphs(at) for at in range(model.SubgraphsLength())]
    operators = [[graph.Operators(at) for at in range(graph.OperatorsLength())] for graph in graphs]
    once = {_init_subgraph(op) for ops in operators for op in ops if _operation_number(model, op) == CALL_ONCE}
    answering = [ops for at, ops in enumerate(operators) if at not in once]
    return any(_operation_number(model, op) == ASSIGN_VARIABLE for ops in answering for op in ops) or any(
        graph.Tensors(at).IsVariable() for graph in graphs for at in range(graph.TensorsLength())
    )


def _init_subgraph(operator: Any) -> int:
    """The graph that CALL_ONCE runs."""
    from ai_edge_litert import schema_py_generated as schema

    options, table = schema.CallOnceOptions(), operator.BuiltinOptions()
    options.Init(table.Bytes, table.Pos)
    return int(options.InitSubgraphIndex())


def count_parameters(path: Path) -> int:
    """How many numbers the constants of a LiteRT file hold, those that share their bytes counted once: floats, and
    integers that stand for floats."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAs(path.read_bytes(), 0)
    counts: dict[int, int] = {}
    for graph in map(model.Subgraphs, range(model.SubgraphsLength())):
        for tensor in map(graph.Tensors, range(graph.TensorsLength())):
            if _holds_weights(schema, model, tensor):
                counts[tensor.Buffer()] = math.prod(tensor.Shape(at) for at in range(tensor.ShapeLength()))
    return sum(counts.values())


def _holds_weights(schema: Any, model: Any, tensor: Any) -> bool:
    buffer, quantization = model.Buffers(tensor.Buffer()), tensor.Quantization()
    is_constant = buffer.Offset() > 1 or buffer.DataLength() > 0
    types = schema.TensorType
    is_float = tensor.Type() in (types.FLOAT16, types.BFLOAT16, types.FLOAT32, types.FLOAT64)
    return is_constant and (is_float or (quantization is not None and quantization.ScaleLength() > 0))


def list_unfilled_variables(content: bytes) -> list[str]:
    """Variables that a file reads and nothing in it assigns to: their numbers were left out when it was converted.

    So writes TensorFlow's converter what it is given as a SavedModel of a Keras 3 model, or as a function beside such a
    model; the runtime answers NaN.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAs(content, 0)
    read, assigned = set(), set()
    for graph in map(model.Subgraphs, range(model.SubgraphsLength())):
        names: dict[int, str] = {}  # of a variable, by the tensor of its handle
        for operator in map(graph.Operators, range(graph.OperatorsLength())):
            number = _operation_number(model, operator)
            if number == VAR_HANDLE:
                names[operator.Outputs(0)] = _variable_name(operator)
            elif number == READ_VARIABLE and operator.Inputs(0) in names:
                read.add(names[operator.Inputs(0)])
            elif number == ASSIGN_VARIABLE and operator.Inputs(0) in names:
                assigned.add(names[operator.Inputs(0)])
    return sorted(read - assigned)


def describe_unfilled_variables(content: bytes) -> str:
    """A sentence on the variables that nothing fills; empty where there are none."""
    if not (names := list_unfilled_variables(content)):
        return ""
    listed = ", ".join(names[:3]) + (" …" if len(names) > 3 else "")
    return f"The file reads {len(names)} variables whose numbers are not in it ({listed}), so it cannot answer."


def _operation_number(model: Any, operator: Any) -> int:
    code = model.OperatorCodes(operator.OpcodeIndex())
    return int(max(code.BuiltinCode(), code.DeprecatedBuiltinCode()))


def _variable_name(operator: Any) -> str:
    from ai_edge_litert import schema_py_generated as schema

    options, table = schema.VarHandleOptions(), operator.BuiltinOptions()
    options.Init(table.Bytes, table.Pos)
    return (options.SharedName() or b"").decode()
