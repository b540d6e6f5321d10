"""What stands in a LiteRT file, read without running it: operations, variables, constants and metadata.

Some operations are computed otherwise than in TensorFlow; what was seen, with versions, is in
`findings/litert_mean_of_bytes_is_zero.sh`, `findings/softplus_*.sh` and `findings/litert_converter_drops_relu.sh`.
TensorFlow Lite Support publishes `metadata_schema.fbs`; no package here reads it, so its few tables are walked by the
places of their fields.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np

from core.runtimes.range_propagation import Range

CALL_ONCE, VAR_HANDLE, READ_VARIABLE, ASSIGN_VARIABLE = 129, 142, 143, 144  # numbers of operations
SOFTPLUS = (
    "It computes log(1 + exp(x)), as softplus, log_sigmoid and mish are converted: LiteRT answers infinity from 89 on, "
    "and log(1) = 0 at -20."
)
MEAN_OF_BYTES = "LiteRT answers 0 for every mean of uint8 (tf.reduce_mean)."
DROPPED_RELU = (
    "It multiplies two matrices that are both computed. If a ReLU came right after such a product, as in "
    'Dense(…, "relu", use_bias=False) in 4 bits, TensorFlow\'s converter has left it out.'
)
ENTRY = "TFLITE_METADATA"
BYTES = np.array([0.0, 255.0])  # what a picture is made of before it is normalised


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
    model; what the runtime answers is no number of the model.
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


def describe_operations(content: bytes) -> list[str]:
    """Sentences on the operations of a file."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAs(content, 0)
    graphs = [model.Subgraphs(at) for at in range(model.SubgraphsLength())]
    found = {SOFTPLUS: _has_softplus, MEAN_OF_BYTES: _has_mean_of_bytes, DROPPED_RELU: _has_bare_product}
    return [words for words, is_in in found.items() if any(is_in(schema, model, graph) for graph in graphs)]


def _has_softplus(schema: Any, model: Any, graph: Any) -> bool:
    """Whether a graph holds the logarithm of a sum of which one part is an exponential."""
    kinds, makers = schema.BuiltinOperator, _makers(model, graph)
    logarithms = [inputs[0] for number, inputs in makers.values() if number == kinds.LOG and inputs]
    sums = [makers[tensor][1] for tensor in logarithms if tensor in makers and makers[tensor][0] == kinds.ADD]
    return any(part in makers and makers[part][0] == kinds.EXP for parts in sums for part in parts)


def _has_mean_of_bytes(schema: Any, model: Any, graph: Any) -> bool:
    """Whether a graph takes a mean of bytes that stand for themselves, and not with a scale for floats."""
    kinds = schema.BuiltinOperator
    means = [inputs[0] for number, inputs in _makers(model, graph).values() if number == kinds.MEAN and inputs]
    return any(_is_plain_bytes(schema, graph.Tensors(tensor)) for tensor in means)


def _has_bare_product(schema: Any, model: Any, graph: Any) -> bool:
    """Whether a graph holds a product of two computed matrices, of which no ReLU is taken.

    After a product with a constant, or of more axes, the converter keeps it.
    """
    kinds, makers = schema.BuiltinOperator, _makers(model, graph)
    kept = {kinds.RELU, kinds.RELU6, kinds.RELU_N1_TO_1}
    followed = {inputs[0] for number, inputs in makers.values() if number in kept and inputs}
    given = {graph.Inputs(at) for at in range(graph.InputsLength())}
    matrices = {tensor for tensor in makers.keys() | given if graph.Tensors(tensor).ShapeLength() == 2}
    products = {tensor: inputs for tensor, (number, inputs) in makers.items() if number == kinds.BATCH_MATMUL}
    return any(
        tensor not in followed and len(inputs) == 2 and matrices.issuperset(inputs)
        for tensor, inputs in products.items()
    )


def _is_plain_bytes(schema: Any, tensor: Any) -> bool:
    quantization = tensor.Quantization()
    has_scale = quantization is not None and quantization.ScaleLength() > 0
    return tensor.Type() == schema.TensorType.UINT8 and not has_scale


def _makers(model: Any, graph: Any) -> dict[int, tuple[int, list[int]]]:
    """By each tensor that an operation makes: the number of that operation, and the tensors that it takes.

    An input that may be left out, and is, has the number -1, and is no tensor.
    """
    makers: dict[int, tuple[int, list[int]]] = {}
    tensors = range(graph.TensorsLength())
    for operator in map(graph.Operators, range(graph.OperatorsLength())):
        code = model.OperatorCodes(operator.OpcodeIndex())
        number = int(max(code.BuiltinCode(), code.DeprecatedBuiltinCode()))
        inputs = [tensor for at in range(operator.InputsLength()) if (tensor := operator.Inputs(at)) in tensors]
        outputs = [tensor for at in range(operator.OutputsLength()) if (tensor := operator.Outputs(at)) in tensors]
        makers |= dict.fromkeys(outputs, (number, inputs))
    return makers


# Places of fields in their tables.
SUBGRAPHS, INPUTS, PROCESS_UNITS, STATISTICS = 3, 2, 4, 5
UNIT_KIND, UNIT, NORMALIZATION = 0, 1, 1
MEAN, DEVIATION = 0, 1
MAXIMUM, MINIMUM = 0, 1


def read_metadata_ranges(content: bytes) -> list[Range | None]:
    """The range of each input in the order of the first graph, by its statistics or else by how pictures are to be
    normalised. Raises what the bytes make flatbuffers raise."""
    data = _find_metadata(content)
    if data is None:
        return []
    import flatbuffers
    from flatbuffers import encode
    from flatbuffers.number_types import UOffsetTFlags

    root = flatbuffers.table.Table(data, encode.Get(UOffsetTFlags.packer_type, data, 0))
    inputs = [tensor for graph in _tables(root, SUBGRAPHS)[:1] for tensor in _tables(graph, INPUTS)]
    return [_range_of_tensor(tensor) for tensor in inputs]


def _find_metadata(content: bytes) -> bytearray | None:
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAs(content, 0)
    for entry in map(model.Metadata, range(model.MetadataLength())):
        if entry.Name() == ENTRY.encode():
            return bytearray(model.Buffers(entry.Buffer()).DataAsNumpy().tobytes())
    return None


def _range_of_tensor(tensor: Any) -> Range | None:
    for statistics in _table(tensor, STATISTICS):
        low, high = _floats(statistics, MINIMUM), _floats(statistics, MAXIMUM)
        if len(low) and len(high) and low.min() < high.max():
            return float(low.min()), float(high.max())
    for unit in _tables(tensor, PROCESS_UNITS):
        for options in _table(unit, UNIT) if _byte(unit, UNIT_KIND) == NORMALIZATION else ():
            mean, deviation = _floats(options, MEAN), _floats(options, DEVIATION)
            if len(mean) and len(deviation) and deviation.all():
                ends = (BYTES[:, None] - mean) / deviation
                return float(ends.min()), float(ends.max())
    return None


def _offset(table: Any, place: int) -> int:
    """Where a field lies in its table; 0 where it is left out."""
    return int(table.Offset(4 + 2 * place))


def _byte(table: Any, place: int) -> int:
    at = _offset(table, place)
    return table.Bytes[table.Pos + at] if at else 0


def _table(table: Any, place: int) -> list[Any]:
    """The table in a field, or nothing."""
    at = _offset(table, place)
    return [type(table)(table.Bytes, table.Indirect(table.Pos + at))] if at else []


def _tables(table: Any, place: int) -> list[Any]:
    """The tables of a list in a field."""
    if not (at := _offset(table, place)):
        return []
    start = table.Vector(at)
    return [type(table)(table.Bytes, table.Indirect(start + 4 * item)) for item in range(table.VectorLen(at))]


def _floats(table: Any, place: int) -> np.ndarray:
    at = _offset(table, place)
    if not at:
        return np.zeros(0)
    return np.frombuffer(table.Bytes, "<f4", table.VectorLen(at), table.Vector(at)).astype("float64")
