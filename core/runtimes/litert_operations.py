"""Operations that LiteRT computes otherwise than TensorFlow, each with a sentence on it.

What was seen, with versions, is in `findings/litert_mean_of_bytes_is_zero.sh`, `findings/softplus_*.sh` and
`findings/litert_converter_drops_relu.sh`.
"""

from typing import Any

SOFTPLUS = (
    "It computes log(1 + exp(x)), as softplus, log_sigmoid and mish are converted: LiteRT answers infinity from 89 on, "
    "and log(1) = 0 at -20."
)
MEAN_OF_BYTES = "LiteRT answers 0 for every mean of uint8 (tf.reduce_mean)."
DROPPED_RELU = (
    "It multiplies two matrices that are both computed. If a ReLU came right after such a product, as in "
    'Dense(…, "relu", use_bias=False) in 4 bits, TensorFlow\'s converter has left it out.'
)


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
