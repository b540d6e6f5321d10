"""OpenVINO's IR in 8 bits, kernels and what flows between layers, by ranges measured on training data."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from core.arrays import Arrays
from core.errors import CannotSave
from core.formats import openvino as plain
from core.formats.keras_quantized import list_quantization_modes
from core.formats.litert_int8 import CALIBRATION_ROWS, calibration_samples
from core.formats.standalone_loaders import StandaloneLoader, open_openvino
from core.runtimes.base import Model
from core.runtimes.model_kinds import model_kind
from core.runtimes.openvino import FILE, QUANTIZER_PACKAGES, import_openvino, quantize


def save(model: Model, folder: Path, calibration_rows: int = 200, samples: Arrays | None = None) -> str:
    _require_floats(model)
    chosen = calibration_samples(samples, calibration_rows, "half precision")
    with TemporaryDirectory(dir=folder) as exported:
        remark = plain.save(model, Path(exported))
        quantized = quantize(Path(exported) / FILE, chosen)
        import_openvino().save_model(quantized, folder / FILE, compress_to_fp16=False)
    return remark


def _require_floats(model: Model) -> None:
    """Raise CannotSave for a Keras model in few bits: by way of ONNX no constant of its file tells of them."""
    if model_kind(model) == "keras" and list_quantization_modes(model) & {"int8", "int4"}:
        raise CannotSave(
            "The layers of this model are quantised already, and what was rounded once is not rounded again.",
            cure="Save it as .keras, which keeps it as it is, or quantise the model that it was made from.",
        )


FORMAT = replace(
    plain.FORMAT,
    key="openvino_int8",
    label="OpenVINO IR, 8-bit integers",
    good_for="Serving on Intel processors and graphics in integers: a quarter of the size, and fast.",
    accepts=plain.FORMAT.accepts | {"openvino"},
    save=save,
    kit=StandaloneLoader(open_openvino, FILE, ("openvino", "numpy")),
    packages=QUANTIZER_PACKAGES,
    wants_samples=True,
    options=(CALIBRATION_ROWS,),
    origin="NNCF, Intel's quantizer (2020).",
    explains="Ranges are measured on training data, never on the rows that it is judged by. Kernels are 8-bit integers "
    "with one scale a channel, and marks in the graph say where values are rounded. Inputs and outputs stay float32. "
    "Values outside of the measured ranges are cut off.",
)
