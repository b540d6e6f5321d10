"""The variables of a live model and of its optimizer."""

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from core.arrays import NamedArrays
from core.runtimes.base import Model, Predictor
from core.runtimes.model_kinds import ModelFile, model_kind


def with_variables(predictor: Predictor) -> Predictor:
    return replace(
        predictor,
        weights=lambda: _read_variables(weight_variables(predictor.model)),
        optimizer_state=lambda: _read_variables(optimizer_variables(predictor.model)),
    )


def weight_variables(model: Model) -> list[Any]:
    """Every variable that the predictions may depend on, in the model's own order; the optimizer's are left out."""
    if model_kind(model) == "keras":
        return list(model.weights)
    state = {id(variable) for variable in optimizer_variables(model)}
    return [variable for variable in model.variables if id(variable) not in state]


def optimizer_variables(model: Model) -> list[Any]:
    """The optimizer's variables (step, learning rate, moments), empty when the model carries no optimizer."""
    optimizer = getattr(model, "optimizer", None)
    return list(getattr(optimizer, "variables", ()) or ())


def variables_by_path(variables: Iterable[Any], prefix: str = "") -> dict[str, Any]:
    """Variables by path without the prefix; where several have one path, the later ones are numbered in their order."""
    by_path: dict[str, Any] = {}
    for variable in variables:
        path = base = getattr(variable, "path", variable.name).removesuffix(":0").removeprefix(prefix)
        count = 1
        while path in by_path:
            count += 1
            path = f"{base}_{count}"
        by_path[path] = variable
    return by_path


def finalize_layers(model: Model) -> None:
    """Let layers take up numbers that were assigned: a scale that was learned from data is kept twice."""
    for layer in model._flatten_layers() if hasattr(model, "_flatten_layers") else ():
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()


def _read_variables(variables: list[Any]) -> NamedArrays:
    return [(getattr(variable, "path", variable.name), read_variable(variable)) for variable in variables]


def read_variable(variable: Any) -> np.ndarray:
    """The value that a variable has now, read-only; without a copy where its memory can be read as it is.

    TensorFlow writes elsewhere as long as somebody holds it.
    """
    import tensorflow as tf

    try:
        return np.asarray(memoryview(tf.convert_to_tensor(variable)))
    except (TypeError, ValueError, BufferError):  # text, narrow numbers, and what is no plain tensor
        return np.asarray(variable)


def build_optimizer(model: Model) -> None:
    """Make the optimizer's variables, which a loader can fill only if they exist; nothing where there is none to build.

    Keras makes them at the first step, and skips saved state that finds no variable without an exception.
    """
    if build := getattr(getattr(model, "optimizer", None), "build", None):
        build(model.trainable_variables)


def weight_bytes(model: Model) -> int:
    """Bytes that the variables of a live model take, without reading them."""
    import tensorflow as tf

    if isinstance(model, ModelFile):
        return model.size_bytes
    variables = {id(variable): variable for variable in getattr(model, "weights", None) or model.variables}
    return sum(math.prod(variable.shape) * tf.as_dtype(variable.dtype).size for variable in variables.values())
