"""Kinds of model: Keras, tf.Module, and files of a runtime."""

from dataclasses import dataclass
from pathlib import Path

from core.errors import InputError
from core.runtimes.base import Model


@dataclass(frozen=True)
class ModelFile:
    """A model of which there is nothing but a runtime's file: `kind` ("onnx", "litert", "openvino") and its folder,
    in which the files have the names that the format of that kind gives them."""

    kind: str
    folder: Path

    @property
    def size_bytes(self) -> int:
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())


def model_kind(model: Model) -> str:
    """Tell "keras" from "module" (a tf.Module that is no Keras model); a `ModelFile` is of its own kind.

    Raises InputError for anything else.
    """
    import keras
    import tensorflow as tf

    if isinstance(model, ModelFile):
        return model.kind
    if isinstance(model, keras.Model):
        return "keras"
    if isinstance(model, tf.Module):
        return "module"
    cure = "Pass the model itself, not its weights or a function of it."
    raise InputError("Only Keras models and tf.Module objects can be saved.", received=type(model).__name__, cure=cure)
