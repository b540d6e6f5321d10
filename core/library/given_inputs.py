"""Inputs as a person gives them, made arrays by the names under which a model takes them.

An array, a list of arrays, a dictionary, a table of pandas, tensors of TensorFlow: what Keras' `predict` takes, and
one clear sentence where it cannot be stored as plain arrays.
"""

import math
from typing import Any

import numpy as np

from core.arrays import Arrays, to_plain_array
from core.errors import InputError
from core.runtimes.base import Model, Predictor
from core.runtimes.call_arguments import name_inputs
from core.runtimes.specs import Spec

BATCH_CURE = "Pass a batch: model inputs of shape (rows, ...)."
# Classes that hold no plain array, by a part of their name (or "scipy.sparse"), and what makes one of them.
UNFIT_CLASSES = {
    "Ragged": "Call its to_tensor(), which fills the short rows up.",
    "Sparse": "Make it dense first: tf.sparse.to_dense(x).",
    "scipy.sparse": "Make it dense first: x.toarray().",
    "MaskedArray": "Fill what is masked first: x.filled(0).",
    "dict": "Give the arrays side by side: a copy takes one flat dictionary or list of them.",
    "Dataset": "Take one batch out of it: x = next(iter(dataset)).",
    "generator": "Take one batch out of it, as an array.",
}


def read_given_inputs(model: Model, predictor: Predictor, inputs: Any) -> Arrays:
    """The inputs by the model's own names and in its own order, rows first. Raises InputError.

    A dictionary is matched by name; a list, and names that the model does not have, by shape and order.
    """
    named = name_inputs(model, predictor.inputs, inputs)
    arrays = {name: _to_array(name, value) for name, value in named.items() if value is not None}
    lengths = {len(array) if array.ndim else 0 for array in arrays.values()}
    if len(lengths) != 1 or lengths == {0}:
        raise InputError(
            "The inputs must be arrays with the same number of rows, at least one, batch first.",
            received={key: array.shape for key, array in arrays.items()},
            cure=BATCH_CURE,
        )
    prepared = predictor.prepare_inputs(_fit_axes(arrays, predictor.inputs))
    return {name: to_plain_array(array) for name, array in prepared.items()}


def _to_array(name: str, value: Any) -> np.ndarray:
    """One input as a plain array of numbers or text. Raises InputError."""
    kind = type(value).__name__
    is_scipy = type(value).__module__.startswith("scipy.sparse")
    for part, cure in UNFIT_CLASSES.items():
        if part in ("scipy.sparse" if is_scipy else kind):
            raise InputError(f"The input '{name}' is no plain array.", received=kind, cure=cure)
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        cure = "Give each row the same shape, filled up where it is shorter."
        raise InputError(f"The input '{name}' has rows of different shapes.", received=kind, cure=cure) from error
    if array.dtype.kind in "Mm":
        cure = "Give them as numbers, such as days since a date."
        raise InputError(f"The input '{name}' holds dates or times.", received=str(array.dtype), cure=cure)
    holds_objects = array.dtype.kind == "O" or array.dtype.names is not None
    return _settle_objects(name, array) if holds_objects else to_plain_array(array)


def _settle_objects(name: str, array: np.ndarray) -> np.ndarray:
    """An array of Python objects, as pandas gives them, as text where all are text, else as numbers."""
    texts = sum(isinstance(item, str | bytes) for item in array.flat)
    if texts == array.size:
        return np.array([_decode(item) for item in array.flat], dtype="U").reshape(array.shape)
    missing = sum(map(_is_missing, array.flat))
    try:
        numbers = np.array([np.nan if _is_missing(item) else item for item in array.flat]).reshape(array.shape)
    except ValueError:
        numbers = array
    if texts or numbers.dtype.kind not in "biuf":
        has_gaps = texts and texts + missing == array.size
        content = "text with gaps" if has_gaps else "text and numbers in one array" if texts else "objects in one array"
        raise InputError(
            f"The input '{name}' holds {content}.",
            received=", ".join(sorted({type(item).__name__ for item in array.flat})),
            cure="Fill the gaps first: x.fillna('')."
            if has_gaps
            else "Give an array of numbers, or one of text; columns of a table as inputs of their own.",
        )
    return numbers


def _is_missing(item: Any) -> bool:
    """Whether it is what pandas has for no value: None, NA or NaN."""
    return item is None or type(item).__name__ == "NAType" or (isinstance(item, float) and math.isnan(item))


def _decode(item: str | bytes) -> str:
    return item.decode("utf-8", "backslashreplace") if isinstance(item, bytes) else item


def _fit_axes(arrays: Arrays, specs: tuple[Spec, ...]) -> Arrays:
    """One value a row as a column of one, and the other way round, as Keras does it too."""
    shapes = {spec.name: spec.shape for spec in specs if spec.shape}
    return {name: _fit_last_axis(array, shapes.get(name)) for name, array in arrays.items()}


def _fit_last_axis(array: np.ndarray, shape: tuple[int | None, ...] | None) -> np.ndarray:
    if shape and array.ndim == len(shape) - 1 and shape[-1] == 1:
        return array[..., None]
    return array[..., 0] if shape and array.ndim == len(shape) + 1 and array.shape[-1] == 1 else array
