"""ONNX in half precision: half the size, computed in float16 where the runtime can."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from core.errors import CannotSave
from core.formats import onnx
from core.runtimes.base import Model
from core.runtimes.onnx import FILE, import_onnxruntime, load_model
from core.runtimes.onnx_quantizer import require_unquantized


def save(model: Model, folder: Path, opset: int = 15) -> str:
    import_onnxruntime()
    from onnx import save_model
    from onnxruntime.quantization.onnx_model import ONNXModel
    from onnxruntime.transformers.float16 import convert_float_to_float16

    remark = onnx.save(model, folder, opset)
    require_unquantized(folder / FILE)
    whole = load_model(folder / FILE)
    before = _count_halves(whole.graph)
    halved = ONNXModel(convert_float_to_float16(whole, keep_io_types=True))
    if _count_halves(halved.model.graph) == before:
        raise CannotSave(
            "Nothing in this model computes in float32, so the file would be the plain ONNX file.",
            cure="Choose plain ONNX: the converter halves floats of 32 bits alone.",
        )
    halved.topological_sort()  # the converter adds its casts at the end, where no checker wants them
    save_model(halved.model, folder / FILE)
    return remark


def _count_halves(graph: Any) -> int:
    """How many constants and conversions of a graph are of float16, those of the graphs in its nodes included."""
    from onnx import TensorProto

    count: int = sum(item.data_type == TensorProto.FLOAT16 for item in graph.initializer)
    for attribute in (each for node in graph.node for each in node.attribute):
        is_target = attribute.name in ("to", "dtype") and attribute.i == TensorProto.FLOAT16
        count += is_target or attribute.t.data_type == TensorProto.FLOAT16
        inner = [attribute.g] if attribute.HasField("g") else attribute.graphs
        count += sum(map(_count_halves, inner))
    return count


FORMAT = replace(
    onnx.REWRITTEN,
    key="onnx_float16",
    label="ONNX, half precision",
    good_for="Half the size, for browsers and graphics processors that compute in half precision.",
    save=save,
    explains="Kernels and everything between the layers are float16; inputs and outputs stay float32. Weights above "
    "65,504 become that number, with no word said, and sums above it become infinite. A processor without arithmetic "
    "of half precision widens each operation to float32, and is slower than with plain ONNX.",
)
