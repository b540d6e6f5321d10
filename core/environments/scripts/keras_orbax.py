"""Orbax checkpoints of whole Keras models: written by Keras' own callback, and read by its `load_model`."""

import contextlib
from pathlib import Path

from keras_model import MODULES, list_specs, list_variables, predict_with
from kit_files import find_file

__all__ = ["DISTRIBUTIONS", "MODULES", "load", "read", "save"]
DISTRIBUTIONS = ("keras", "tensorflow", "tensorflow-cpu", "orbax-checkpoint", "jax")


def save(given, folder):
    import keras

    path = find_file(given, ".keras")
    with saved_policy(path.parent):
        model = keras.models.load_model(path)
    callback = keras.callbacks.OrbaxCheckpoint(Path(folder) / "model", save_freq="epoch")
    callback.set_model(model)
    callback.on_train_begin()
    callback.on_epoch_end(0)
    callback.on_train_end()  # waits until everything is on the disk


def load(kit):
    import keras

    # The folder above the checkpoint: Keras takes the newest in it, and does not take one by itself.
    folder = Path(kit) / "artifact"
    with saved_policy(folder):
        model = keras.saving.load_model(folder / "model")
    for layer in model._flatten_layers():
        if hasattr(layer, "finalize_state"):  # Normalization, which else computes with what it was made with
            layer.finalize_state()
    predict = predict_with(model, kit)
    predict.model = model
    return predict


def read(predict, out):
    predict.model.save(Path(out) / "model.keras")  # by which its layers and settings are known elsewhere
    return {
        "inputs": list_specs(predict.model),
        "weights": list_variables(predict.model.weights),
        "optimizer": list_variables(getattr(predict.model.optimizer, "variables", ())),
    }


@contextlib.contextmanager
def saved_policy(folder):
    """Load under the policy that a file names, where an optimizer scales its loss: else Keras makes another of it."""
    import keras

    named, before = folder / "policy.txt", keras.config.dtype_policy()
    try:
        if named.is_file():
            keras.config.set_dtype_policy(named.read_text(encoding="utf-8"))
        yield
    finally:
        keras.config.set_dtype_policy(before)
