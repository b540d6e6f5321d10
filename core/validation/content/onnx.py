"""ONNX from outside: one file with everything in it, and operations of known sets alone."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.validation import limits, refusal
from core.validation.rules import display_text

ONNX_CHECKS = "Operations, constants and graphs of the ONNX file, at every depth"
ALLOWED_DOMAINS = {"", "ai.onnx", "ai.onnx.ml"}
# Operations of ONNX Runtime's own set that converters and its optimiser write.
MICROSOFT_OPS = frozenset(
    {"Attention", "BiasGelu", "BiasSoftmax", "DequantizeLinear", "DynamicQuantizeLSTM", "DynamicQuantizeMatMul"}
    | {"EmbedLayerNormalization", "FastGelu", "FusedConv", "FusedGemm", "FusedMatMul", "Gelu", "GroupQueryAttention"}
    | {"Inverse", "LayerNormalization", "MatMulIntegerToFloat", "MatMulNBits", "MultiHeadAttention", "NhwcMaxPool"}
    | {"QAttention", "QEmbedLayerNormalization", "QGemm", "QLinearAdd", "QLinearAveragePool", "QLinearConcat"}
    | {"QLinearConv", "QLinearGlobalAveragePool", "QLinearLeakyRelu", "QLinearMul", "QLinearReduceMean"}
    | {"QLinearSigmoid", "QLinearSoftmax", "QLinearWhere", "QuantizeLinear", "QuickGelu", "Range", "RotaryEmbedding"}
    | {"SimplifiedLayerNormalization", "SkipLayerNormalization", "SkipSimplifiedLayerNormalization", "Trilu", "Unique"}
)
# Bytes of one number in raw_data by ONNX' own numbering; 0 where it is text, and half bytes stand as fractions.
WIDTHS = {1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 12: 4, 13: 8, 14: 8, 15: 16, 16: 2}
WIDTHS |= {17: 1, 18: 1, 19: 1, 20: 1, 21: 0.5, 22: 0.5, 23: 0.5, 24: 1}
EXTERNAL_LOCATION = 1
MAX_LISTED = 64
MAX_OPERATION_NAMES = 1_000  # different operations that are told of


def validate_onnx(folder: Path) -> dict[str, Any]:
    """Raises Refused."""
    import onnx

    model = onnx.ModelProto.FromString((folder / "model.onnx").read_bytes())
    if not model.HasField("graph") or not model.graph.output or not model.opset_import:
        raise refusal("onnx-empty")
    own = {(one.domain, one.name) for one in model.functions}
    operations: dict[str, int] = {}
    for node in _walk_nodes(model):
        _check_domain(node.domain, node.op_type, own)
        count_operation(operations, node.op_type)
    return {
        "checked": [ONNX_CHECKS],
        "opsets": {display_text(one.domain) or "ai.onnx": one.version for one in model.opset_import[:MAX_LISTED]},
        "producer": display_text(model.producer_name),
        "inputs": [display_text(one.name) for one in model.graph.input[:MAX_LISTED]],
        "outputs": [display_text(one.name) for one in model.graph.output[:MAX_LISTED]],
        "operations": operations,
    }


def count_operation(operations: dict[str, int], name: str) -> None:
    """One more of an operation; of names of its own a file may have any number, and only so many are told of."""
    shown = display_text(name)
    if shown in operations or len(operations) < MAX_OPERATION_NAMES:
        operations[shown] = operations.get(shown, 0) + 1


def _check_domain(domain: str, operation: str, local_functions: set[tuple[str, str]]) -> None:
    known = (
        domain in ALLOWED_DOMAINS
        or (domain == "com.microsoft" and operation in MICROSOFT_OPS)
        or (domain, operation) in local_functions
    )
    if not known:
        raise refusal("onnx-domain", f"{domain}.{operation}")


def _walk_nodes(model: Any) -> Iterator[Any]:
    """Every node at every depth, functions and training included; each tensor on the way is held against the rules."""
    graphs = [(model.graph, 0)]
    for info in model.training_info:
        graphs += [(info.initialization, 0), (info.algorithm, 0)]
    bodies = [(node, 0) for function in model.functions for node in function.node]
    while graphs or bodies:
        if graphs:
            graph, depth = graphs.pop()
            if depth > limits.MAX_ONNX_DEPTH:
                raise refusal("onnx-broken", f"more than {limits.MAX_ONNX_DEPTH} graphs in each other")
            _check_initializers(graph)
            bodies += [(node, depth) for node in graph.node]
        else:
            node, depth = bodies.pop()
            yield node
            for attribute in node.attribute:
                graphs += [(inner, depth + 1) for inner in _attribute_graphs(attribute)]


def _attribute_graphs(attribute: Any) -> list[Any]:
    """The graphs in an attribute; its tensors are checked in passing."""
    for tensor in (attribute.t, *attribute.tensors):
        _check_tensor(tensor)
    for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
        _check_sparse(sparse)
    return [*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs]


def _check_initializers(graph: Any) -> None:
    for tensor in graph.initializer:
        _check_tensor(tensor)
    for sparse in graph.sparse_initializer:
        _check_sparse(sparse)


def _check_sparse(sparse: Any) -> None:
    _check_tensor(sparse.values)
    _check_tensor(sparse.indices)
    sizes = sparse.dims
    if any(not 0 <= size <= limits.MAX_DIMENSION for size in sizes) or math.prod(sizes) > limits.MAX_ELEMENTS:
        raise refusal("onnx-size", sparse.values.name)


def _check_tensor(tensor: Any) -> None:
    """The numbers are in this file, and as many as the shape says."""
    if tensor.data_location == EXTERNAL_LOCATION or tensor.external_data:
        raise refusal("onnx-external", " ".join(one.value for one in tensor.external_data))
    if any(size < 0 for size in tensor.dims) or math.prod(tensor.dims) > limits.MAX_ELEMENTS:
        raise refusal("onnx-size", tensor.name)
    if tensor.data_type and tensor.data_type not in WIDTHS and tensor.data_type != 8:
        raise refusal("onnx-size", f"{tensor.name}: an unknown dtype")
    if tensor.HasField("raw_data"):
        if len(tensor.raw_data) != math.ceil(math.prod(tensor.dims) * WIDTHS.get(tensor.data_type, -1)):
            raise refusal("onnx-size", tensor.name)
    elif tensor.data_type:
        _check_value_count(tensor)


def _check_value_count(tensor: Any) -> None:
    """Numbers that stand one by one: no more are claimed than can be in there, two to an entry where they are small."""
    given = max(
        len(part)
        for part in (
            tensor.float_data,
            tensor.int32_data,
            tensor.string_data,
            tensor.int64_data,
            tensor.double_data,
            tensor.uint64_data,
        )
    )
    if math.prod(tensor.dims) > given * 2:
        raise refusal("onnx-size", tensor.name)
