"""ONNX in 8 bits, kernels and what flows between layers, by ranges measured on training data."""

from dataclasses import replace
from pathlib import Path

from core.arrays import Arrays
from core.formats import onnx
from core.formats.litert_int8 import CALIBRATION_ROWS, calibration_samples
from core.formats.onnx_int8_dynamic import RANGE
from core.runtimes.base import Model, join_remarks
from core.runtimes.onnx import FILE
from core.runtimes.onnx_quantizer import BY_PROCESSOR, quantize_static


def save(
    model: Model,
    folder: Path,
    calibration_rows: int = 200,
    reduce_range: str = BY_PROCESSOR,
    samples: Arrays | None = None,
) -> str:
    chosen = calibration_samples(samples, calibration_rows, "dynamic range")
    remark = onnx.save(model, folder)
    return join_remarks(remark, quantize_static(folder / FILE, chosen, reduce_range))


FORMAT = replace(
    onnx.REWRITTEN,
    key="onnx_int8",
    label="ONNX, 8-bit integers",
    good_for="A quarter of the size, and integer arithmetic in ONNX Runtime and in accelerators that read ONNX.",
    save=save,
    wants_samples=True,
    options=(CALIBRATION_ROWS, RANGE),
    explains="Ranges are measured on training data, never on the rows that it is judged by. The file holds the float "
    "operations between pairs that round and widen (QDQ), from which a runtime makes integer ones. Inputs and outputs "
    "stay float32. Values outside of the measured ranges are cut off.",
)
