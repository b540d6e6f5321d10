"""LiteRT with 8-bit weights, and inputs that are rounded as they come: no calibration needed."""

from dataclasses import replace
from pathlib import Path

from core.formats import litert
from core.runtimes.base import Model
from core.runtimes.litert import FILE
from core.runtimes.litert_quantizer import quantize


def save(model: Model, folder: Path) -> str:
    from ai_edge_quantizer import recipe

    remark = litert.save(model, folder)
    quantize(model, folder / FILE, recipe.dynamic_wi8_afp32())
    return remark


FORMAT = replace(
    litert.QUANTIZED,
    key="litert_dynamic",
    label="LiteRT, dynamic range",
    good_for="A quarter of the size without any data at hand to calibrate on.",
    save=save,
    explains="Kernels are 8-bit integers with one scale a channel; what flows between layers is rounded to 8 bits by "
    "the range of each call. Features of very different size suffer: one large value takes all the steps.",
)
