"""The variables of a live model, and which of them each array of a file belongs to, by its name.

Keras puts the names of the models around a layer before a path, or leaves them out, as the model was made: the
"p/kernel" of a Sequential that is read from its config was "sequential_7/p/kernel" where it was written in code. What
has no name of its own is numbered afresh in each process.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from core.arrays import NamedArrays
from core.errors import DoesNotLoad
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

    Keras makes them at the first step, and skips saved state that finds no variable without an exception. An optimizer
    that scales losses would make its own a second time.
    """
    optimizer = getattr(model, "optimizer", None)
    if optimizer is not None and not getattr(optimizer, "built", True):
        optimizer.build(model.trainable_variables)


def weight_bytes(model: Model) -> int:
    """Bytes that the variables of a live model take, without reading them."""
    import tensorflow as tf

    if isinstance(model, ModelFile):
        return model.size_bytes
    variables = {id(variable): variable for variable in getattr(model, "weights", None) or model.variables}
    return sum(math.prod(variable.shape) * tf.as_dtype(variable.dtype).size for variable in variables.values())


Shapes = Mapping[str, tuple[int, ...]]


def pair_variables(variables: Sequence[Any], stored: Shapes, order: Sequence[str] = ()) -> dict[str, Any]:
    """The variable of each name in a file: by equal names, by names of which one ends with the other, else by order.

    Args:
        variables: Those of the model, in its order.
        stored: The shapes of the arrays by name.
        order: The names in the order of the model that was saved; empty where the file does not say.

    Raises DoesNotLoad where they do not pair one to one, in equal shapes.
    """
    own = variables_by_path(variables)
    pairs = {name: own[name] for name in stored if name in own}
    if len(pairs) == len(stored) == len(own):
        return pairs
    paired = _pair_by_ending(own, stored) or _pair_in_order(own, stored, order)
    if paired is None:
        raise _misfit_error(set(own), set(stored))
    return paired


def _pair_by_ending(own: Mapping[str, Any], stored: Shapes) -> dict[str, Any] | None:
    """None where a name ends as several others do, or as none."""
    candidates = {name: [path for path in own if _is_same_ending(name, path)] for name in stored}
    paths = {paths[0] for paths in candidates.values() if len(paths) == 1}
    if not len(paths) == len(stored) == len(own):
        return None
    pairs = {name: own[paths[0]] for name, paths in candidates.items()}
    return pairs if _has_equal_shapes(pairs, stored) else None


def _is_same_ending(name: str, path: str) -> bool:
    short, long = sorted((name, path), key=len)
    return short == long or long.endswith(f"/{short}")


def _pair_in_order(own: Mapping[str, Any], stored: Shapes, order: Sequence[str]) -> dict[str, Any] | None:
    """None where the last parts of the names or the shapes differ anywhere."""
    if set(order) != set(stored) or not len(order) == len(stored) == len(own):
        return None
    pairs = dict(zip(order, own.values(), strict=True))
    ends = zip(order, own, strict=True)
    same = all(_last_part(name) == _last_part(path) for name, path in ends)
    return pairs if same and _has_equal_shapes(pairs, stored) else None


def _last_part(path: str) -> str:
    return path.rpartition("/")[2].rstrip("_0123456789")


def _has_equal_shapes(pairs: Mapping[str, Any], stored: Shapes) -> bool:
    return all(tuple(variable.shape) == tuple(stored[name]) for name, variable in pairs.items())


def _misfit_error(own: set[str], stored: set[str]) -> DoesNotLoad:
    missing, unknown = (", ".join(sorted(names)) for names in (own - stored, stored - own))
    return DoesNotLoad(
        f"The names in the file are not those of the model: {len(own & stored)} of {len(own)} agree.",
        received=unknown or "nothing else",
        cure=f"Use the architecture that it came from. Missing: {missing or 'none'}.",
    )
