"""LiteRT with 8-bit weights, and inputs that are rounded as they come: no calibration needed."""

from pathlib import Path

from core.formats import litert, standalone
from core.formats.base import Format
from core.runtimes.litert import FILE, QUANTIZER_PACKAGES, load, quantize


def save(model, folder: Path) -> None:
    from ai_edge_quantizer import recipe

    litert.save(model, folder)
    quantize(folder / FILE, recipe.dynamic_wi8_afp32())


FORMAT = Format(
    key="litert_dynamic",
    label="LiteRT, dynamic range",
    layout="one file",
    good_for="A quarter of the size without any data at hand to calibrate on.",
    keeps=frozenset({"graph", "signatures"}),
    accepts=frozenset({"keras", "module", "litert"}),
    save=save,
    load=load,
    kit=standalone.StandaloneLoader(standalone.open_litert, FILE, ("ai-edge-litert", "numpy")),
    activations="litert",
    packages=QUANTIZER_PACKAGES,
    origin="TensorFlow Lite; today by the LiteRT quantizer.",
    explains="Kernels are 8-bit integers with one scale a channel; what flows between layers is rounded to 8 bits by "
    "the range of each call. Features of very different size suffer: one large value takes all the steps.",
)
