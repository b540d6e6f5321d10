"""A Keras file whose Dense and Embedding kernels are 4-bit integers."""

from dataclasses import replace
from pathlib import Path

from core.formats import keras
from core.formats.keras_quantized import find_missing, save_quantized
from core.runtimes.base import Model


def save(model: Model, folder: Path) -> str:
    return save_quantized(model, "int4", folder)


FORMAT = replace(
    keras.FORMAT,
    key="keras_int4",
    label="Keras file, 4-bit integers",
    good_for="An eighth of the bytes for large Dense and Embedding layers, where answers may change a little.",
    keeps=frozenset({"weights, converted", "architecture"}),
    save=save,
    options=(),
    find_missing=find_missing,
    origin="Keras 3.11 (2025): the same to 4 bits.",
    explains="model.quantize('int4') rounds kernels to one of 15 steps and packs two of them into a byte, so the "
    "loaded arrays have half as many rows. Inputs stay floats. Expect more changed answers than with 8 bits. Roundtrip "
    "quantises a copy; the original weights cannot be had back, and the copy has no optimizer.",
)
