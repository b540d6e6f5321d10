"""What the quantised Keras formats share: Keras' own quantisation, of a copy of the model."""

from pathlib import Path
from typing import Any

from core.errors import CannotSave
from core.formats import keras
from core.runtimes.base import join_remarks

UNPACKED_REMARK = "Keras writes the 4-bit numbers of this model unpacked, so the file is larger than one of float32."
MASK_REASON = "Layers that tell padding were not quantised, since Keras forgets their mask then"
QUANTIZABLE = ("Dense", "EinsumDense", "Embedding", "ReversibleEmbedding")


def quantize_copy(model: Any, mode: str, folder: Path) -> Any:
    """A copy of a Keras model whose layers are quantised: "int8", "int4" or "float8"; the model itself stays as it is.

    Raises CannotSave when Keras knows no quantisation for any of its layers, or none that keeps its mask.
    """
    copy = _copy_model(model, folder / "copy.keras")
    inner = {id(layer) for layer in list_inner_layers(copy)}
    # A layer may not be built although it is in use, and Keras stops at such a layer.
    copy.quantize(mode, filters=lambda layer: layer.built and id(layer) not in inner and not _loses_mask(layer))
    if not any(getattr(layer, "quantization_mode", None) for layer in copy._flatten_layers()):
        if masking := _list_masking(copy):
            raise CannotSave(
                f"{_describe_kept(MASK_REASON, masking)} No other layer can be, so the copy would be the model itself.",
                cure="Choose another format, such as .keras or SavedModel.",
            )
        raise CannotSave(
            "Keras can quantise no layer of this model, so the copy would be the model itself.",
            received=", ".join(sorted({type(layer).__name__ for layer in model.layers})),
            cure="Choose another format: Keras quantises Dense, EinsumDense and Embedding layers, and rebuilds none "
            "inside of others.",
        )
    return copy


def _loses_mask(layer: Any) -> bool:
    """Whether a layer makes the mask of padding in its call alone, of which its quantised form has another.

    See `findings/keras_int8_of_reversible_embedding_has_no_mask.sh`.
    """
    return type(layer).__name__ == "ReversibleEmbedding" and getattr(layer, "mask_zero", False)


def _list_masking(model: Any) -> list[Any]:
    """The layers that were held back for their mask; those inside of others are held back anyway."""
    inner = {id(layer) for layer in list_inner_layers(model)}
    return [layer for layer in model._flatten_layers() if _loses_mask(layer) and id(layer) not in inner]


def find_missing(model: Any, folder: Path) -> list[str]:
    """As `keras.find_missing`, of the copy: of the model itself the file holds other numbers."""
    return keras.find_missing(model, folder) if _is_quantized(model) else []


def list_inner_layers(model: Any) -> list[Any]:
    """The layers inside of layers that are no models, as those of attention or TimeDistributed.

    Keras 3.15.1 quantises them too; but it does not rebuild them so from the file, and answers of TimeDistributed are
    off by the scale of the kernel.
    """
    from keras import Model

    owners = [layer for layer in model._flatten_layers() if not isinstance(layer, Model)]
    return [inner for owner in owners for inner in owner._flatten_layers(include_self=False)]


def save_quantized(model: Any, mode: str, folder: Path) -> str:
    """Write the quantised copy; returns what to know of it."""
    copy = quantize_copy(model, mode, folder)
    copy.save(folder / "model.keras")
    inner = [layer for layer in list_inner_layers(copy) if type(layer).__name__ in QUANTIZABLE and layer.built]
    return join_remarks(
        _describe_kept("Layers inside of others were not quantised, since Keras does not rebuild them so", inner),
        _describe_kept(MASK_REASON, _list_masking(copy)),
    )


def _describe_kept(reason: str, layers: list[Any]) -> str:
    """Which layers stayed as they were, and why; nothing for none."""
    names = ", ".join(layer.name for layer in layers[:3]) + (" …" if len(layers) > 3 else "")
    return f"{reason}: {names}." if layers else ""


def list_quantization_modes(model: Any) -> set[str]:
    """Return the ways in which layers of a Keras model are quantised: "int8", "int4", "float8"."""
    return {mode for layer in model._flatten_layers() if (mode := getattr(layer, "quantization_mode", None))}


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
