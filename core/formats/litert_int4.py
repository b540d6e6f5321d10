"""LiteRT with 4-bit kernels: an eighth of the bytes, where answers may change."""

from dataclasses import replace
from pathlib import Path

from core.formats import litert
from core.runtimes.base import Model
from core.runtimes.litert import FILE
from core.runtimes.litert_quantizer import quantize


def save(model: Model, folder: Path) -> str:
    from ai_edge_quantizer import recipe

    remark = litert.save(model, folder)
    quantize(model, folder / FILE, recipe.weight_only_wi4_afp32())
    return remark


FORMAT = replace(
    litert.QUANTIZED,
    key="litert_int4",
    label="LiteRT, 4-bit kernels",
    good_for="An eighth of the bytes of large Dense and convolution layers, where answers may change a little.",
    save=save,
    explains="Kernels are integers of 4 bits, that is 15 steps, with one scale a channel and two in a byte. They are "
    "widened when they are used; what flows between the layers stays float32. Expect more changed answers than with 8 "
    "bits; kernels of recurrent layers and small ones stay as they are.",
)
