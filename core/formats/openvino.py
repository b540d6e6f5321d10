"""OpenVINO's IR: a graph as readable XML beside a file of numbers, for Intel processors and their graphics."""

import tempfile
from pathlib import Path

from core.formats import onnx
from core.formats.base import Format
from core.formats.imported_loaders import open_any_openvino
from core.formats.keras_quantized import UNPACKED_REMARK, list_quantization_modes
from core.formats.standalone_loaders import StandaloneLoader, open_openvino
from core.runtimes.base import Model, join_remarks
from core.runtimes.inference_model import share_conversion, stated_signature, to_inference_model
from core.runtimes.litert import FILE as LITERT
from core.runtimes.litert import require_float_tensors
from core.runtimes.model_kinds import model_kind
from core.runtimes.onnx import FILE as ONNX
from core.runtimes.openvino import FILE, NUMBERS, PACKAGES, describe_model, import_openvino, load
from core.runtimes.tf_module import serving_function

BY_ONNX_REMARK = (
    "Its layers of 8 bits were converted by way of ONNX, and their numbers are stored in 32 bits: in the file that "
    "Keras 3.15.1 writes itself, OpenVINO keeps 8 bits of their sums, and its answers are far off."
)
READABLE_FILES = {"onnx": ONNX, "litert": LITERT}  # files of other runtimes that OpenVINO reads itself


def save(model: Model, folder: Path) -> str:
    return share_conversion(FORMAT.key, [folder / FILE, folder / NUMBERS], lambda: _convert(model, folder))


def _convert(model: Model, folder: Path) -> str:
    """Convert for the runtime in float32; returns what to know of the copy."""
    ov = import_openvino()
    kind, remark = model_kind(model), ""
    if kind == "openvino":
        ov.save_model(ov.Core().read_model(model.folder / FILE), folder / FILE, compress_to_fp16=False)
    elif kind in READABLE_FILES:
        if kind == "litert":
            require_float_tensors(model.folder / LITERT, "OpenVINO")
        ov.save_model(ov.convert_model(model.folder / READABLE_FILES[kind]), folder / FILE, compress_to_fp16=False)
    elif kind == "keras":
        remark = _export_keras(model, folder)
    else:
        ov.save_model(ov.convert_model(serving_function(model)), folder / FILE, compress_to_fp16=False)
    return join_remarks(remark, describe_model(ov.Core().read_model(folder / FILE)))


def _export_keras(model: Model, folder: Path) -> str:
    """Write a Keras model; one that computes in 8 bits by way of ONNX. Returns what to know of the copy."""
    modes = list_quantization_modes(model)
    if "int8" in modes:
        ov = import_openvino()
        with tempfile.TemporaryDirectory() as between:
            onnx.save(model, Path(between))
            ov.save_model(ov.convert_model(Path(between) / ONNX), folder / FILE, compress_to_fp16=False)
        return BY_ONNX_REMARK
    signature = stated_signature(model)
    to_inference_model(model).export(str(folder / FILE), format="openvino", input_signature=signature, verbose=False)
    return UNPACKED_REMARK if "int4" in modes else ""


FORMAT = Format(
    key="openvino",
    label="OpenVINO IR",
    layout="two files",
    good_for="Serving on Intel processors and graphics: the graph is compiled for the machine when it is loaded.",
    keeps=frozenset({"weights, converted", "graph"}),
    accepts=frozenset({"keras", "module", *READABLE_FILES}),
    save=save,
    load=load,
    kit=StandaloneLoader(open_openvino, FILE, ("openvino", "numpy"), load_imported=open_any_openvino),
    activations="openvino",
    begins_with="openvino",
    packages=PACKAGES,
    origin="Intel (2018).",
    explains="Where the processor has bfloat16, OpenVINO computes in it unless told otherwise, and answers differ in "
    "the third digit; beside weights of 8 bits it rounds all else to 8 bits, too. Roundtrip loads it with "
    "INFERENCE_PRECISION_HINT=f32 and DYNAMIC_QUANTIZATION_GROUP_SIZE=0. The weights are inside, but kernels are "
    "turned, so they cannot be compared by bits. Whole numbers are computed as floats: above 16,777,216 they lose "
    "their last digits. Recurrent layers convert only when unrolled; strings do not.",
)
