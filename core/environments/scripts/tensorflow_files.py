"""SavedModels and LiteRT files in the TensorFlow that an environment has beside its Keras."""

import numpy as np
from kit_files import ask_at_once_or_row_by_row, find_file, keep_for_load, read_facts, take_kept

KINDS = ("saved_model", "litert")
SIGNATURE = "serving_default"


def load(kit):
    return load_signature(kit) if read_facts(kit)["format"] == "saved_model" else load_litert(kit)


def describe(kit):
    """Return name, dtype and shape of what the file of a kit takes."""
    if read_facts(kit)["format"] == "litert":
        runner = open_litert(kit).get_signature_runner()
        details = runner.get_input_details()
        return [
            {"name": name, "dtype": np.dtype(detail["dtype"]).name, "shape": free_shape(detail["shape_signature"])}
            for name, detail in details.items()
        ]
    specs = keep_for_load(kit, open_signature(kit))[1].structured_input_signature[1]
    return [describe_spec(name, spec) for name, spec in specs.items()]


def free_shape(shape):
    return [None if size < 0 else int(size) for size in shape]


def describe_spec(name, spec):
    dtype = "object" if spec.dtype.name == "string" else spec.dtype.name
    return {"name": name, "dtype": dtype, "shape": None if spec.shape.rank is None else spec.shape.as_list()}


def open_signature(kit):
    """Return a SavedModel, which has to be kept, and its signature. Raises ValueError where it has none."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(find_file(kit, "saved_model.pb", "saved_model.pbtxt").parent))
    names = list(loaded.signatures)
    if not names:
        raise ValueError("What came back holds variables, but no signature to answer with.")
    return loaded, loaded.signatures[SIGNATURE if SIGNATURE in names else names[0]]


def load_signature(kit):
    import tensorflow as tf

    loaded, signature = take_kept(kit) or open_signature(kit)

    def predict(inputs, _kept=loaded):
        return {name: array.numpy() for name, array in signature(**to_tensors(tf, inputs)).items()}

    return predict


def to_tensors(tf, inputs):
    return {name: tf.constant(array) for name, array in inputs.items()}


def open_litert(kit):
    import tensorflow as tf

    return tf.lite.Interpreter(model_content=find_file(kit, ".tflite").read_bytes())


def load_litert(kit):
    open_litert(kit)  # what it refuses is refused before it is asked

    def predict(inputs):
        return dict(open_litert(kit).get_signature_runner()(**inputs))

    return ask_at_once_or_row_by_row(predict)


def write_saved_model(model, folder):
    """Write a SavedModel whose signature takes any number of rows."""
    model.export(folder)
