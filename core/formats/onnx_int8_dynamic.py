"""ONNX with 8-bit kernels, and inputs that are rounded as they come: no calibration needed."""

from dataclasses import replace
from pathlib import Path

from core.formats import onnx
from core.formats.base import Option
from core.runtimes.base import Model, join_remarks
from core.runtimes.onnx import FILE
from core.runtimes.onnx_quantizer import ALWAYS, BY_PROCESSOR, NEVER, quantize_dynamic


def save(model: Model, folder: Path, reduce_range: str = BY_PROCESSOR) -> str:
    remark = onnx.save(model, folder)
    return join_remarks(remark, quantize_dynamic(folder / FILE, reduce_range))


RANGE_HELP = (
    "Kernels of 7 bits are rounded twice as coarsely, and their products fit where a processor adds them in 16 bits: "
    "those of the kind x86 without VNNI do."
)
RANGE = Option("reduce_range", "Kernels of 7 bits", BY_PROCESSOR, RANGE_HELP, choices=(BY_PROCESSOR, ALWAYS, NEVER))

FORMAT = replace(
    onnx.REWRITTEN,
    key="onnx_int8_dynamic",
    label="ONNX, dynamic range",
    good_for="A quarter of the size in ONNX Runtime without any data at hand to calibrate on; recurrent layers too.",
    save=save,
    options=(RANGE,),
    explains="Kernels are 8-bit integers with one scale a channel; what meets them is rounded to 8 bits by one range "
    "for all rows of a call. So a row's answer depends on the rows that it is asked with: alone it is another one.",
)
