"""Validate ONNX: one file with everything in it, and operations of known sets alone."""

import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from core.validation import limits, refusal
from core.validation.content.facts import ContentFacts
from core.validation.file_types import is_plain_name

CHECKED_ONNX = "Operations, constants and graphs of the ONNX file, at every depth"
CHECKED_EXTERNAL = "Names, places and sizes of the numbers in the files beside it"
MODEL_FILE = "model.onnx"
ALLOWED_DOMAINS = {"", "ai.onnx", "ai.onnx.ml"}
# Operations of ONNX Runtime's own set that converters and its optimiser write.
MICROSOFT_OPS = frozenset(
    """
    Attention BiasGelu BiasSoftmax DequantizeLinear DynamicQuantizeLSTM DynamicQuantizeMatMul EmbedLayerNormalization
    FastGelu FusedConv FusedGemm FusedMatMul Gelu GroupQueryAttention Inverse LayerNormalization MatMulIntegerToFloat
    MatMulNBits MultiHeadAttention NhwcMaxPool QAttention QEmbedLayerNormalization QGemm QLinearAdd
    QLinearAveragePool QLinearConcat QLinearConv QLinearGlobalAveragePool QLinearLeakyRelu QLinearMul
    QLinearReduceMean QLinearSigmoid QLinearSoftmax QLinearWhere QuantizeLinear QuickGelu Range RotaryEmbedding
    SimplifiedLayerNormalization SkipLayerNormalization SkipSimplifiedLayerNormalization Trilu Unique
    """.split()  # noqa: SIM905  as a list of strings this would be five times as long
)
# Bytes of one number in raw_data by ONNX' own numbering; half bytes stand as fractions.
WIDTHS: dict[int, float] = {1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 12: 4, 13: 8, 14: 8, 15: 16}
WIDTHS |= {16: 2, 17: 1, 18: 1, 19: 1, 20: 1, 21: 0.5, 22: 0.5, 23: 0.5, 24: 1}
VALUE_FIELDS = ("float_data", "int32_data", "string_data", "int64_data", "double_data", "uint64_data")
STRING_DTYPE, EXTERNAL_LOCATION = 8, 1
CheckTensor = Callable[[Any], None]


def validate_onnx(folder: Path) -> ContentFacts:
    """Raises Refused."""
    import onnx

    model = onnx.ModelProto.FromString((folder / MODEL_FILE).read_bytes())
    beside = {path.name: path.stat().st_size for path in folder.iterdir() if path.name != MODEL_FILE}
    used: set[str] = set()
    if not model.HasField("graph") or not model.graph.output or not model.opset_import:
        raise refusal("onnx-empty")
    ends = [*model.graph.input, *model.graph.output]
    _require_text(model.producer_name, *(item.domain for item in model.opset_import), *(item.name for item in ends))
    own_functions = {(function.domain, function.name) for function in model.functions}
    for node in _walk_nodes(model, partial(_check_tensor, beside, used)):
        _require_text(node.op_type)
        is_microsoft = node.domain == "com.microsoft" and node.op_type in MICROSOFT_OPS
        is_own = (node.domain, node.op_type) in own_functions
        if not (node.domain in ALLOWED_DOMAINS or is_microsoft or is_own):
            raise refusal("onnx-domain", f"{node.domain}.{node.op_type}")
    if unused := sorted(beside.keys() - used):
        raise refusal("zip-member", unused[0])
    return {"checked": [CHECKED_ONNX, CHECKED_EXTERNAL] if used else [CHECKED_ONNX]}


def _require_text(*texts: object) -> None:
    """Raises Refused for what is no UTF-8, which protobuf gives as bytes."""
    if not all(isinstance(text, str) for text in texts):
        raise refusal("onnx-broken")


def _walk_nodes(model: Any, check: CheckTensor) -> Iterator[Any]:
    """Yield every node at every depth, functions and training included; each tensor on the way is checked."""
    graphs = [(model.graph, 0)]
    for info in model.training_info:
        graphs += [(info.initialization, 0), (info.algorithm, 0)]
    nodes = [(node, 0) for function in model.functions for node in function.node]
    while graphs or nodes:
        if graphs:
            graph, depth = graphs.pop()
            if depth > limits.MAX_ONNX_DEPTH:
                raise refusal("onnx-broken", f"more than {limits.MAX_ONNX_DEPTH} graphs in each other")
            _check_tensors(graph.initializer, graph.sparse_initializer, check)
            nodes += [(node, depth) for node in graph.node]
        else:
            node, depth = nodes.pop()
            yield node
            for attribute in node.attribute:
                sparse = [attribute.sparse_tensor, *attribute.sparse_tensors]
                _check_tensors([attribute.t, *attribute.tensors], sparse, check)
                inner = [attribute.g] if attribute.HasField("g") else []
                graphs += [(graph, depth + 1) for graph in (*inner, *attribute.graphs)]


def _check_tensors(tensors: Any, sparse_tensors: Any, check: CheckTensor) -> None:
    for tensor in tensors:
        check(tensor)
    for sparse in sparse_tensors:
        check(sparse.values)
        check(sparse.indices)
        sizes = sparse.dims
        if any(not 0 <= size <= limits.MAX_DIMENSION for size in sizes) or math.prod(sizes) > limits.MAX_ELEMENTS:
            raise refusal("onnx-size", sparse.values.name)


def _check_tensor(beside: Mapping[str, int], used: set[str], tensor: Any) -> None:
    """Check that the numbers are in this file or in one beside it, and as many as the shape says.

    Args:
        beside: Bytes of the files beside it.
        used: To which the name of the file of this tensor is added.
    """
    count, dtype = math.prod(tensor.dims), tensor.data_type
    if any(size < 0 for size in tensor.dims) or count > limits.MAX_ELEMENTS:
        raise refusal("onnx-size", tensor.name)
    if dtype and dtype not in WIDTHS and dtype != STRING_DTYPE:
        raise refusal("onnx-size", f"{tensor.name}: an unknown dtype")
    if tensor.data_location == EXTERNAL_LOCATION or tensor.external_data:
        used.add(_check_external(tensor, beside, math.ceil(count * WIDTHS.get(dtype, -1))))
        return
    if tensor.HasField("raw_data"):
        is_whole = len(tensor.raw_data) == math.ceil(count * WIDTHS.get(dtype, -1))
    else:
        # Numbers that stand one by one, two to an entry where they are small.
        is_whole = not dtype or count <= 2 * max(len(getattr(tensor, field)) for field in VALUE_FIELDS)
    if not is_whole:
        raise refusal("onnx-size", tensor.name)


def _check_external(tensor: Any, beside: Mapping[str, int], size: int) -> str:
    """Check where the numbers of a tensor lie in a file beside the model, of `size` bytes; returns the file's name."""
    facts = {entry.key: entry.value for entry in tensor.external_data}
    place = facts.get("location", "")
    if not is_plain_name(place) or place == MODEL_FILE:
        raise refusal("onnx-outside", place.replace("\\", "/").rpartition("/")[2])  # not where on a disk it lies
    if place not in beside:
        raise refusal("onnx-external", place)
    offset, length = facts.get("offset", "0"), facts.get("length", str(size))
    if not (offset.isdecimal() and length.isdecimal() and len(offset + length) <= limits.MAX_DIGITS):
        raise refusal("onnx-size", tensor.name)
    is_bare = not any(len(getattr(tensor, field)) for field in ("raw_data", *VALUE_FIELDS))
    if not is_bare or size < 0 or int(length) != size or int(offset) + size > beside[place]:
        raise refusal("onnx-size", f"{tensor.name}: {offset} + {length} of {beside[place]:,} bytes in {place}")
    return place
