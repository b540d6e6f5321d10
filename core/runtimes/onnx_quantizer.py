"""ONNX Runtime's quantizer: it rewrites a float ONNX file in fewer bits."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.arrays import Arrays
from core.errors import CannotSave
from core.runtimes.batch_adapter import adapted_predictor
from core.runtimes.onnx import (
    adapt_session,
    count_quantized_constants,
    import_onnxruntime,
    list_constants,
    load_model,
    open_session,
    read_constants,
    read_tensor,
)
from core.system import has_exact_8_bit_products

BY_PROCESSOR, ALWAYS, NEVER = "where this processor needs it", "always", "never"
REDUCED_REMARK = "Its kernels use 7 of the 8 bits, so that no processor cuts sums of products off."
FULL_REMARK = (
    "Its kernels use all 8 bits, as suits this processor. One of the kind x86 without VNNI may cut sums of products "
    "off at 16 bits, and its answers are then far off: save for such with 7 bits."
)
HALVES = {  # dtypes of half precision, with what to do instead
    "float16": "Choose half precision, or save the model under the policy float32.",
    "bfloat16": "Save the model under the policy float32.",
}
BATCH = 64  # rows that are measured in one call


def require_unquantized(path: Path) -> None:
    """Require an ONNX file whose kernels are floats. Raises CannotSave."""
    if count_quantized_constants(path):
        raise CannotSave(
            "This ONNX file is quantised already, and what was rounded once is not rounded again.",
            cure="Keep the file as it is, or quantise the model that it was made from.",
        )


def quantize_dynamic(path: Path, reduce_range: str) -> str:
    """Quantise the kernels of a float file in place; what meets them is rounded by the range of each call.

    `reduce_range` is one of the three choices above. Returns what to know of the copy; raises CannotSave where nothing
    could be quantised.
    """
    import_onnxruntime()
    from onnxruntime.quantization import QuantType
    from onnxruntime.quantization import quantize_dynamic as quantize

    _require_float32(path)
    is_reduced = _needs_7_bits(reduce_range)
    quantize(load_model(path), path, per_channel=True, reduce_range=is_reduced, weight_type=QuantType.QInt8)
    return _check_result(path, is_reduced)


def quantize_static(path: Path, samples: Arrays, reduce_range: str) -> str:
    """Quantise kernels and what flows between layers in place, by the ranges that `samples` (batch first) show.

    `reduce_range` is one of the three choices above. Returns what to know of the copy; raises CannotSave where nothing
    could be quantised.
    """
    import_onnxruntime()
    from onnxruntime.quantization import CalibrationDataReader
    from onnxruntime.quantization import quantize_static as quantize

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.calls = list_calls(path, samples)

        def get_next(self) -> Arrays | None:
            return next(self.calls, None)

    _require_float32(path)
    is_reduced = _needs_7_bits(reduce_range)
    model = load_model(path)
    floats = name_float_nodes(model)
    quantize(model, path, Reader(), per_channel=True, reduce_range=is_reduced, nodes_to_exclude=floats)
    return _check_result(path, is_reduced)


def name_float_nodes(model: Any) -> list[str]:
    """Names of the nodes that stay floats, since the quantizer would change what they mean. It knows nodes by name.

    See `findings/onnxruntime_quantization_changes_gemm_and_clip.sh`.
    """
    constants = {item.name: item.tensor for item in list_constants(model.graph)}
    names = []
    for index, node in enumerate(model.graph.node):
        if _scales_bias(node) or _excludes_zero(node, constants):
            node.name = node.name or f"{node.op_type}_{index}"
            names.append(node.name)
    return names


def _scales_bias(node: Any) -> bool:
    return any(each.name == "beta" and each.f != 1 for each in node.attribute if node.op_type == "Gemm")


def _excludes_zero(node: Any, constants: dict[str, Any]) -> bool:
    """Whether it clips to a range without zero, to which the quantizer stretches every range."""
    from onnx.numpy_helper import to_array

    if node.op_type != "Clip":
        return False
    bounds: dict[str, float] = {attribute.name: attribute.f for attribute in node.attribute}  # before opset 11
    for bound, name in zip(("min", "max"), node.input[1:], strict=False):
        if name in constants:
            bounds[bound] = float(to_array(constants[name]))
    return bounds.get("min", 0) > 0 or bounds.get("max", 0) < 0


def list_calls(path: Path, samples: Arrays) -> Iterator[Arrays]:
    """Samples under the names, in the dtypes and in the portions that a file takes."""
    calls: list[Arrays] = []
    session = open_session(str(path))
    predictor = adapted_predictor(session, adapt_session(session, calls.append))
    inputs = predictor.prepare_inputs(samples)
    for start in range(0, len(next(iter(inputs.values()))), BATCH):
        predictor.predict_fn({name: array[start : start + BATCH] for name, array in inputs.items()})
    return iter(calls)


def _require_float32(path: Path) -> None:
    """Of half-precision kernels the quantizer writes a graph that no runtime takes."""
    require_unquantized(path)
    dtypes = {read_tensor(item.tensor, path.parent).dtype.name for item in read_constants(path)}
    for dtype, cure in HALVES.items():
        if dtype in dtypes:
            raise CannotSave(f"ONNX Runtime does not quantise a model that computes in {dtype}.", cure=cure)


def _needs_7_bits(reduce_range: str) -> bool:
    if reduce_range == BY_PROCESSOR:
        return not has_exact_8_bit_products()
    return reduce_range == ALWAYS


def _check_result(path: Path, is_reduced: bool) -> str:
    if not count_quantized_constants(path):
        raise CannotSave(
            "Nothing in this model could be quantised, so the file would be the plain ONNX file.",
            cure="Choose plain ONNX: the quantizer knows no reduced form for this model's operations.",
        )
    return REDUCED_REMARK if is_reduced else FULL_REMARK
