"""Keras files, and weights with the code that builds their model, under whatever back end Keras has here."""

import importlib
import sys
import types
from pathlib import Path

import numpy as np
import tensorflow_files
from kit_files import find_file, keep_for_load, read_facts, read_shapes, take_kept

MODULES = ("numpy", "keras")
DISTRIBUTIONS = ("keras", "tensorflow", "tensorflow-cpu")


def load(kit):
    return open_model(kit)


def describe(kit):
    """Return name, dtype and shape of what the model of a kit takes; nothing where it does not say so."""
    import keras

    if read_facts(kit)["format"] in tensorflow_files.KINDS:
        return tensorflow_files.describe(kit)
    forget_last_kit(keras)
    model = keep_for_load(kit, read_model(keras, kit))
    return [describe_tensor(*named) for named in name_inputs(model)]


def convert(kit, kind, folder):
    """Write the model of a kit into a folder in another format: "keras" or "saved_model"."""
    import keras

    forget_last_kit(keras)
    model = read_model(keras, kit)
    if kind == "keras":
        model.save(str(Path(folder) / "model.keras"))
    else:
        tensorflow_files.write_saved_model(model, str(Path(folder) / "saved_model"))


def choose_call(keras, model):
    """Return what computes the outputs of a model for so many rows, all in one call.

    Under TensorFlow that is a graph, as in `predict` and in an export: its operations are fused, and round otherwise
    than one by one.
    """
    if keras.backend.backend() != "tensorflow":
        return lambda _, feed, rows: model(feed, training=False)
    import tensorflow as tf

    # Keras 2 relies on AutoGraph in `predict`, and Keras 3 does without.
    is_converted = not hasattr(keras, "ops")
    graph = tf.function(lambda feed: model(feed, training=False), autograph=is_converted, reduce_retracing=True)
    return lambda _, feed, rows: graph(tf.nest.map_structure(tf.constant, feed))


def open_model(kit, compute=None):
    """Return the prediction of a kit's model; `compute`, where it is not Keras's own way, is called with the model, its
    inputs and their rows."""
    import keras

    if read_facts(kit)["format"] in tensorflow_files.KINDS:
        return tensorflow_files.load(kit)
    return predict_with(read_kept_model(keras, kit), kit, compute)


def predict_with(model, kit, compute=None):
    """Return the prediction of a loaded model, whose outputs are named as a kit expects them where it says."""
    import keras

    compute = compute or choose_call(keras, model)
    wanted = list(read_shapes(kit, "expected.npz")) if (Path(kit) / "expected.npz").is_file() else []

    def predict(inputs):
        first = next(iter(inputs.values()))
        outputs = to_numpy(keras, compute(model, inputs if len(inputs) > 1 else first, len(first)))
        return name_outputs(outputs, getattr(model, "output_names", None), wanted)

    return predict


def list_specs(model):
    """Return the inputs of a model, each as its name, dtype and shape; none of a model that does not say."""
    return [[each.name, to_name(each.dtype), list(each.shape)] for each in getattr(model, "inputs", None) or ()]


def to_name(dtype):
    """Return NumPy's name of a dtype."""
    return "object" if str(dtype) == "string" else str(dtype)


def list_variables(variables):
    """Return variables as pairs of path and array."""
    return [(variable.path, variable.numpy()) for variable in variables]


def read_kept_model(keras, kit):
    """Return the model that was loaded to describe a kit, else load it."""
    kept = take_kept(kit)
    if kept is None:
        forget_last_kit(keras)
    return read_model(keras, kit) if kept is None else kept


def read_model(keras, kit):
    """Load the copy of a kit, with the classes of the model where it has any."""
    facts = read_facts(kit)
    kind = facts["format"]
    if kind == "weights":
        model = build_untrained(keras, kit)
        model.load_weights(str(find_file(kit, ".h5")))
        return model
    code = import_code(kit) if (Path(kit) / "model.py").is_file() else types.SimpleNamespace()
    classes = code.classes() if hasattr(code, "classes") else {}
    path = str(find_file(kit, ".keras" if kind == "keras" else ".h5"))
    return keras.models.load_model(path, custom_objects=classes, compile=facts.get("compile", False))


def build_untrained(keras, kit):
    """Build the model whose weights a kit holds: by its code, or by the architecture beside it."""
    if (Path(kit) / "model.py").is_file():
        return import_code(kit).untrained()
    return keras.models.model_from_json(find_file(kit, "architecture.json").read_text(encoding="utf-8"))


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


def name_inputs(model):
    """Return the inputs of a model with their names: those by which it is called with a dictionary."""
    structure = getattr(model, "_inputs_struct", None)
    if isinstance(structure, dict):
        return list(structure.items())
    tensors = getattr(model, "inputs", None) or []
    names = getattr(model, "input_names", None) or [tensor.name for tensor in tensors]
    return list(zip(names, tensors, strict=True))


def describe_tensor(name, tensor):
    dtype = getattr(tensor.dtype, "name", tensor.dtype)
    shape = [None if size is None else int(size) for size in tensor.shape]
    return {"name": str(name), "dtype": "object" if dtype == "string" else str(dtype), "shape": shape}


def name_outputs(outputs, names, wanted):
    """Return every array of a structure by its path in it, as Roundtrip does; a single one as the kit calls it.

    `names` are those that the model has for the items of a list; the keys of a dictionary are names themselves.
    """
    if isinstance(outputs, list | tuple) and names and len(set(names)) == len(outputs) == len(names):
        outputs = dict(zip(names, outputs, strict=True))
    paths = list(walk(outputs, ""))
    if len(paths) == len(wanted) == 1:
        return {wanted[0]: paths[0][1]}
    if len({path for path, _ in paths}) == len(paths):
        return dict(paths)
    return {f"output_{at}": array for at, (_, array) in enumerate(paths)}  # two keys made one path


def walk(outputs, path):
    if isinstance(outputs, dict):
        items = [(str(key), item) for key, item in outputs.items()]
    elif isinstance(outputs, list | tuple):
        items = [(f"output_{at}", item) for at, item in enumerate(outputs)]
    else:
        if outputs is not None:
            yield path or "output_0", outputs
        return
    for key, item in items:
        yield from walk(item, f"{path}/{key}" if path else key)


def to_numpy(keras, outputs):
    if isinstance(outputs, dict):
        return {name: to_numpy(keras, item) for name, item in outputs.items()}
    if isinstance(outputs, list | tuple):
        return [to_numpy(keras, item) for item in outputs]
    if outputs is None:
        return None
    convert = getattr(getattr(keras, "ops", None), "convert_to_numpy", np.asarray)
    array = np.asarray(convert(outputs))
    return array.astype("float32") if array.dtype.name == "bfloat16" else array
