"""LiteRT, once TensorFlow Lite: one small file for phones, browsers and microcontrollers."""

import shutil
from pathlib import Path

from core.formats import standalone
from core.formats.base import Format
from core.runtimes.base import model_kind
from core.runtimes.litert import FILE, PACKAGES, load
from core.runtimes.live import serving_function


def save(model, folder: Path) -> None:
    import tensorflow as tf

    kind = model_kind(model)
    if kind == "litert":  # for the quantised forms, which begin with the plain file
        shutil.copyfile(model.folder / FILE, folder / FILE)
    elif kind == "keras":
        model.export(str(folder / FILE), format="litert", verbose=False)
    else:
        converter = tf.lite.TFLiteConverter.from_concrete_functions([serving_function(model)], model)
        (folder / FILE).write_bytes(converter.convert())


FORMAT = Format(
    key="litert",
    label="LiteRT (.tflite)",
    layout="one file",
    good_for="Phones, browsers and small boards: a file of little more than the weights, loaded in milliseconds.",
    keeps=frozenset({"graph", "signatures"}),
    accepts=frozenset({"keras", "module"}),
    save=save,
    load=load,
    kit=standalone.StandaloneLoader(
        standalone.open_litert, FILE, ("ai-edge-litert", "numpy"), load_imported=standalone.open_any_litert
    ),
    activations="litert",
    packages=PACKAGES,
    origin="TensorFlow Lite (2017), called LiteRT since 2024.",
    explains="Converting it is not yet running it: operations that LiteRT does not have are carried along as "
    "TensorFlow operations, and the runtime stops at them. Outputs keep their names only in the signature; by position "
    "their order may differ from the model's. The weights are inside, laid out for the kernels, so they cannot be "
    "compared by bits.",
)
