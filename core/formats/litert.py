"""LiteRT, once TensorFlow Lite: one small file for phones, browsers and microcontrollers."""

import shutil
from dataclasses import replace
from pathlib import Path

from core.formats.base import Format
from core.formats.standalone import StandaloneLoader, open_any_litert, open_litert
from core.runtimes.base import Model
from core.runtimes.litert import FILE, PACKAGES, QUANTIZER_PACKAGES, load, require_unquantized
from core.runtimes.model_kinds import model_kind
from core.runtimes.tf_module import serving_function


def save(model: Model, folder: Path) -> None:
    import tensorflow as tf

    kind = model_kind(model)
    if kind == "litert":  # for the quantised forms, which begin with the plain file
        require_unquantized(model.folder / FILE)
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
    kit=StandaloneLoader(open_litert, FILE, ("ai-edge-litert", "numpy"), load_imported=open_any_litert),
    activations="litert",
    packages=PACKAGES,
    origin="TensorFlow Lite (2017), called LiteRT since 2024.",
    explains="Converting it is not yet running it: operations that LiteRT does not have are carried along as "
    "TensorFlow operations, and the runtime stops at them. Outputs keep their names only in the signature; by position "
    "their order may differ from the model's. The weights are inside, laid out for the kernels, so they cannot be "
    "compared by bits.",
)

# What the quantised forms have in common; each changes the rest.
QUANTIZED = replace(
    FORMAT,
    accepts=FORMAT.accepts | {"litert"},
    packages=QUANTIZER_PACKAGES,
    kit=StandaloneLoader(open_litert, FILE, ("ai-edge-litert", "numpy")),
    origin="TensorFlow Lite; today by the LiteRT quantizer.",
)
