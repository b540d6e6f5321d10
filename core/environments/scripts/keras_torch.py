"""Keras files under the back end torch, with a word on the layers that it computes otherwise than the others."""

from keras_model import DISTRIBUTIONS as KERAS_DISTRIBUTIONS
from keras_model import MODULES, convert, describe, predict_with, read_kept_model

__all__ = ["DISTRIBUTIONS", "MODULES", "convert", "describe", "load"]
DISTRIBUTIONS = (*KERAS_DISTRIBUTIONS, "torch")
MAX_NAMES = 2  # layers of one kind that are named
MAX_NAME = 30  # characters of each, of which Keras sets no limit
POOLING = (
    "Under torch {} takes a mean of which the border, repeated where padding is uneven, is a part; under other back "
    "ends it is none."
)
CUBIC = "Under torch {} draws its cubic curves with the constant -0.75, under other back ends with -0.5."


def load(kit):
    import keras

    model = read_kept_model(keras, kit)
    predict = predict_with(model, kit, call_without_gradients)
    predict.note = describe_differences(model)
    return predict


def call_without_gradients(model, feed, rows):
    import torch

    with torch.no_grad():
        return model(feed, training=False)


def describe_differences(model):
    """Say which layers of a model are computed otherwise here, in sentences."""
    layers = list(model._flatten_layers(include_self=False))
    kinds = ((POOLING, is_padded_unevenly), (CUBIC, is_cubic))
    named = [(text, [layer.name for layer in layers if is_meant(layer)]) for text, is_meant in kinds]
    return " ".join(text.format(join_names(names)) for text, names in named if names)


def is_padded_unevenly(layer):
    """Whether a layer takes means, and one side of its input gets more padding than the other, as far as is known."""
    if not type(layer).__name__.startswith("AveragePooling") or layer.padding != "same":
        return False
    return any(map(is_uneven, read_sizes(layer), layer.pool_size, layer.strides))


def is_uneven(size, pool, stride):
    return size is None or max(pool - (size % stride or stride), 0) % 2 == 1


def read_sizes(layer):
    """Return the sizes of a layer's input along its places; None for one that is not known."""
    try:
        shape = layer.input.shape
    except (AttributeError, ValueError):  # it is called within another layer
        return [None] * len(layer.pool_size)
    return shape[1:-1] if layer.data_format == "channels_last" else shape[2:]


def is_cubic(layer):
    return getattr(layer, "interpolation", "") == "bicubic"


def join_names(names):
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return ", ".join(f"'{cut_name(name)}'" for name in names[:MAX_NAMES]) + more


def cut_name(name):
    return name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 1]}…"
