"""A Keras file whose Dense layers compute in 8-bit floats, ready to be trained so."""

from dataclasses import replace
from pathlib import Path

from core.formats import keras
from core.formats.keras_quantized import save_quantized
from core.runtimes.base import Model


def save(model: Model, folder: Path) -> str:
    return save_quantized(model, "float8", folder)


FORMAT = replace(
    keras.FORMAT,
    key="keras_float8",
    label="Keras file, 8-bit floats",
    good_for="Training on in 8-bit floats, and seeing beforehand what they cost in answers.",
    keeps=frozenset({"weights", "architecture"}),
    save=save,
    options=(),
    origin="Keras 3.4 (2024): Dense and EinsumDense layers in 8-bit floats.",
    explains="model.quantize('float8') rounds inputs and kernels of Dense and EinsumDense layers to E4M3 (three binary "
    "digits) at each call, and gradients to E5M2. The kernels themselves stay float32, and 1,024 numbers for each of "
    "three scales come to each layer: the file is no smaller. Scales are 1 until the copy is trained. It has no "
    "optimizer.",
)
