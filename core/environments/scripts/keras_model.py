"""Keras files, and weights with the code that builds their model, under whatever back end Keras has here."""

import importlib
import sys
import types
from pathlib import Path

import numpy as np
from kit_files import find_file, read_facts, read_shapes

MODULES = ("numpy", "keras")
DISTRIBUTIONS = ("keras", "tensorflow", "tensorflow-cpu")


def load(kit):
    return open_model(kit)


def open_model(kit):
    import keras

    forget_last_kit(keras)
    model = read_model(keras, kit)
    wanted = list(read_shapes(kit, "expected.npz"))

    def predict(inputs):
        feed = inputs if len(inputs) > 1 else next(iter(inputs.values()))
        outputs = flatten(to_numpy(keras, model(feed, training=False)))
        names = list(getattr(model, "output_names", wanted)) if len(outputs) > 1 else wanted
        return dict(zip(names, outputs, strict=True))

    return predict


def read_model(keras, kit):
    """Load the copy of a kit, with the classes of the model where it has any."""
    kind = read_facts(kit)["format"]
    if kind == "weights":
        model = import_code(kit).untrained()
        model.load_weights(str(find_file(kit, ".h5")))
        return model
    code = import_code(kit) if (Path(kit) / "model.py").is_file() else types.SimpleNamespace()
    classes = code.classes() if hasattr(code, "classes") else {}
    path = str(find_file(kit, ".keras" if kind == "keras" else ".h5"))
    return keras.models.load_model(path, custom_objects=classes, compile=False)


def import_code(kit):
    """Import `model.py` of a kit anew."""
    sys.modules.pop("model", None)
    sys.path.insert(0, str(kit))
    try:
        return importlib.import_module("model")
    finally:
        sys.path.remove(str(kit))


def forget_last_kit(keras):
    """Name layers anew, as a kit that is alone in its process does."""
    keras.backend.clear_session() if hasattr(keras.backend, "clear_session") else keras.utils.clear_session()


def flatten(outputs):
    if isinstance(outputs, dict):
        return [array for name in outputs for array in flatten(outputs[name])]
    return [array for item in outputs for array in flatten(item)] if isinstance(outputs, list | tuple) else [outputs]


def to_numpy(keras, outputs):
    if isinstance(outputs, dict):
        return {name: to_numpy(keras, item) for name, item in outputs.items()}
    if isinstance(outputs, list | tuple):
        return [to_numpy(keras, item) for item in outputs]
    convert = getattr(getattr(keras, "ops", None), "convert_to_numpy", np.asarray)
    array = np.asarray(convert(outputs))
    return array.astype("float32") if array.dtype.name == "bfloat16" else array
