"""What the quantised Keras formats share: Keras' own quantisation, of a copy of the model."""

from pathlib import Path
from typing import Any

from core.errors import CannotSave


def quantize_copy(model: Any, mode: str, folder: Path) -> Any:
    """A copy of a Keras model whose layers are quantised, "int8" or "int4"; the model itself stays as it is.

    Raises CannotSave when Keras knows no quantisation for any of its layers.
    """
    copy = _copy_model(model, folder / "copy.keras")
    # A layer inside another may not be built although it is in use, and Keras stops at such a layer.
    copy.quantize(mode, filters=lambda layer: layer.built)
    if not any(str(variable.dtype) == "int8" for variable in copy.weights):
        raise CannotSave(
            "Keras can quantise no layer of this model, so the copy would be the model itself.",
            received=", ".join(sorted({type(layer).__name__ for layer in model.layers})),
            cure="Choose another format: Keras quantises Dense, EinsumDense and Embedding layers.",
        )
    return copy


def _copy_model(model: Any, path: Path) -> Any:
    """The model saved and loaded in this process, where its classes are known; vocabularies come with it.

    `keras.models.clone_model` would lose adapted vocabularies and does not take subclassed models.
    """
    import keras

    classes = {type(layer).__name__: type(layer) for layer in model._flatten_layers()}
    model.save(path)
    try:
        return keras.models.load_model(path, custom_objects=classes, compile=False)
    finally:
        path.unlink()
