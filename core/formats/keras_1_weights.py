"""Weights as Keras 1 laid them out, as the layers of Keras 3 take them."""

from typing import Any

import numpy as np

from core.errors import DoesNotLoad

# Where each gate's kernel lies among the arrays of Keras 1, in the order in which Keras 3 joins the gates.
GATES = {"LSTM": (0, 6, 3, 9), "GRU": (0, 3, 6)}
PIECES = 3  # kernel, recurrent kernel and bias of each gate


def set_weights(model: Any, group: Any) -> None:
    """Fill a model from the HDF5 group in which Keras 1 kept its weights; layers are paired in order.

    Raises DoesNotLoad where they do not fit.
    """
    kept = [(name, _arrays(group[name])) for name in _names(group, "layer_names")]
    kept = [one for one in kept if one[1]]
    layers = [layer for layer in model.layers if layer.weights]
    if len(kept) != len(layers):
        raise DoesNotLoad(
            f"The file holds weights of {len(kept)} layers, and the model has {len(layers)}.",
            cure="Use the architecture that the weights were saved from.",
        )
    theano = _names(group, "backend") == ["theano"]
    for layer, (_, arrays) in zip(layers, kept, strict=True):
        layer.set_weights(as_keras_3(type(layer).__name__, arrays, theano, _is_channels_first(layer)))


def _names(group: Any, attribute: str) -> list[str]:
    found = group.attrs.get(attribute, [])
    listed = [found] if isinstance(found, (bytes, str)) else found
    return [one.decode("utf-8") if isinstance(one, bytes) else str(one) for one in listed]


def _arrays(group: Any) -> list[np.ndarray]:
    return [np.asarray(group[name]) for name in _names(group, "weight_names")]


def _is_channels_first(layer: Any) -> bool:
    return getattr(layer, "data_format", "") == "channels_first"


def as_keras_3(
    name: str, arrays: list[np.ndarray], theano: bool = False, channels_first: bool = False
) -> list[np.ndarray]:
    """The arrays of one layer as Keras 3 takes them: gates joined, one-dimensional kernels without their empty axis,
    kernels with the filters first turned to filters last, and those that Theano flips flipped back."""
    if name in GATES and len(arrays) == PIECES * len(GATES[name]):
        return [np.concatenate([arrays[at + piece] for at in GATES[name]], axis=-1) for piece in range(PIECES)]
    if name == "Conv1D" and arrays[0].ndim == 4:
        return [arrays[0][:, 0], *arrays[1:]]
    if name == "Conv2D" and arrays[0].ndim == 4:
        kernel = arrays[0].transpose(2, 3, 1, 0) if channels_first else arrays[0]
        kernel = kernel[::-1, ::-1] if theano else kernel
        return [kernel, *arrays[1:]]
    return arrays
