"""A Keras file whose Dense and Embedding kernels are 8-bit integers."""

from dataclasses import replace
from pathlib import Path

from core.formats import keras
from core.formats.keras_quantized import find_missing, save_quantized
from core.runtimes.base import Model


def save(model: Model, folder: Path) -> str:
    return save_quantized(model, "int8", folder)


FORMAT = replace(
    keras.FORMAT,
    key="keras_int8",
    label="Keras file, 8-bit integers",
    good_for="A quarter of the bytes for large Dense and Embedding layers, still as Keras layers.",
    keeps=frozenset({"weights, converted", "architecture"}),
    save=save,
    options=(),
    find_missing=find_missing,
    origin="Keras 3.3 (2024): quantisation of Dense and Embedding layers to 8 bits.",
    explains="model.quantize('int8') gives every column of a kernel its own scale and rounds it to one of 255 steps; "
    "inputs are rounded on the fly. It changes the model in place, so Roundtrip quantises a copy. The original weights "
    "cannot be had back, and the copy has no optimizer: it is for answering, not for training on.",
)
