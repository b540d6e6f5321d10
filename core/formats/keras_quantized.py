"""What the quantised Keras formats share: Keras' own quantisation, of a copy of the model."""

from pathlib import Path
from typing import Any

from core.errors import CannotSave
from core.formats import keras


def quantize_copy(model: Any, mode: str, folder: Path) -> Any:
    """A copy of a Keras model whose layers are quantised, "int8" or "int4"; the model itself stays as it is.

    Raises CannotSave when Keras knows no quantisation for any of its layers.
    """
    copy = _copy_model(model, folder / "copy.keras")
    normalized = _list_normalized_layers(copy)
    # A layer inside another may not be built although it is in use, and Keras stops at such a layer.
    copy.quantize(mode, filters=lambda layer: layer.built and layer not in normalized)
    if not _is_quantized(copy):
        raise CannotSave(
            "Keras can quantise no layer of this model, so the copy would be the model itself.",
            received=", ".join(sorted({type(layer).__name__ for layer in model.layers})),
            cure="Choose another format: Keras quantises Dense, EinsumDense and Embedding layers.",
        )
    return copy


def find_missing(model: Any, folder: Path) -> list[str]:
    """As `keras.find_missing`, of the copy: of the model itself the file holds other numbers."""
    return keras.find_missing(model, folder) if _is_quantized(model) else []


def _list_normalized_layers(model: Any) -> list[Any]:
    """The layers inside a SpectralNormalization: Keras 3.15.1 quantises them, and cannot rebuild them from the file."""
    from keras.layers import SpectralNormalization

    return [each.layer for each in model._flatten_layers() if isinstance(each, SpectralNormalization)]


def _is_quantized(model: Any) -> bool:
    return any(str(variable.dtype) == "int8" for variable in model.weights)


def _copy_model(model: Any, path: Path) -> Any:
    """The model saved and loaded in this process, where its classes are known; vocabularies come with it.

    `keras.models.clone_model` would lose adapted vocabularies and does not take subclassed models.
    """
    from keras.models import load_model

    classes = {type(layer).__name__: type(layer) for layer in model._flatten_layers()}
    model.save(path)
    try:
        return load_model(path, custom_objects=classes, compile=False)
    finally:
        path.unlink()
