"""Predictors over live TensorFlow objects: a Keras model, a tf.Module, a signature of a SavedModel."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from core.arrays import Arrays
from core.errors import CannotSave
from core.runtimes.adapters import adapt_batch_size
from core.runtimes.base import Model, NamedArrays, Predictor, Shape, Spec, model_kind


def live_predictor(model: Model) -> Predictor:
    """The predictor over a model of either kind that lives in this process."""
    return keras_predictor(model) if model_kind(model) == "keras" else module_predictor(model)


def keras_predictor(model: Model) -> Predictor:
    """The predictor over a Keras model, in inference mode (`training=False`).

    It predicts through one `tf.function`, as `model.predict` and an exported graph do: eager kernels fuse differently
    and round differently. AutoGraph is off as it is in both of those; it also cost a third of a fresh reload.
    """
    import tensorflow as tf

    specs = _keras_input_specs(model)
    # Traced once for every number of rows, where the model says what it takes.
    signature = [arrange_inputs(model, {spec.name: _to_tensor_spec(spec) for spec in specs})] if specs else None
    graph = tf.function(lambda feed: model(feed, training=False), signature, autograph=False, reduce_retracing=True)

    def predict(inputs: Arrays) -> Arrays:
        feed = arrange_inputs(model, {name: tf.constant(array) for name, array in inputs.items()})
        return _name_outputs(graph(feed), getattr(model, "output_names", None))

    return _with_variables(Predictor(model, specs, predict))


def _keras_input_specs(model: Model) -> tuple[Spec, ...]:
    """The inputs of a model by the names under which it takes them.

    A subclassed model says nothing of its inputs: it has none here, and is fed what it is given.
    """
    tensors = {tensor.name: tensor for tensor in getattr(model, "inputs", None) or ()}
    structure = _input_structure(model)
    named = structure if isinstance(structure, dict) else tensors
    return tuple(Spec(name, to_numpy_dtype(tensor.dtype), tuple(tensor.shape)) for name, tensor in named.items())


def _to_tensor_spec(spec: Spec) -> Any:
    import tensorflow as tf

    shape = (None, *(spec.shape or ())[1:])
    return tf.TensorSpec(shape, "string" if spec.dtype == "object" else spec.dtype, name=spec.name)


def _input_structure(model: Model) -> Any:
    """How a functional model takes its inputs: a tensor, a list or a dictionary; None where unknown or nested."""
    structure = getattr(model, "input", None) if getattr(model, "inputs", None) else None
    parts = [*structure.values()] if isinstance(structure, dict) else structure
    parts = parts if isinstance(parts, (list, tuple)) else ()
    return structure if all(hasattr(part, "dtype") for part in parts) else None


def arrange_inputs(model: Model, feed: dict[str, Any]) -> Any:
    """Inputs as the model takes them, in its order; by name where it does not say."""
    structure = _input_structure(model)
    if isinstance(structure, (list, tuple)):
        return [feed[tensor.name] for tensor in structure]
    return next(iter(feed.values())) if len(feed) == 1 and not isinstance(structure, dict) else feed


def module_predictor(module: Model) -> Predictor:
    """The predictor over a live tf.Module, through its one `tf.function` with an input signature."""
    return _with_variables(signature_predictor(serving_function(module), module))


def _with_variables(predictor: Predictor) -> Predictor:
    return replace(
        predictor,
        weights=lambda: _read_variables(weight_variables(predictor.model)),
        optimizer_state=lambda: _read_variables(optimizer_variables(predictor.model)),
    )


def serving_function(module: Model) -> Any:
    """The concrete function through which a tf.Module predicts: `__call__` first, else its only other candidate.

    Raises CannotSave when there is none, or more than one.
    """
    candidates = {name: getattr(module, name) for name in _find_tf_functions(module)}
    chosen = candidates.get("__call__") or (next(iter(candidates.values())) if len(candidates) == 1 else None)
    if chosen is None:
        raise CannotSave(
            "This tf.Module has no single tf.function with an input signature to answer through.",
            received=", ".join(candidates) or "no tf.function with an input_signature",
            cure="Decorate its __call__ with @tf.function(input_signature=[tf.TensorSpec(...)]).",
        )
    return chosen.get_concrete_function()


def _find_tf_functions(module: Model) -> list[str]:
    """Names of the methods that are `tf.function`s with an input signature, without calling any property."""
    kind = type(module)
    return [name for name in dir(kind) if getattr(getattr(kind, name, None), "input_signature", None) is not None]


def signature_predictor(function: Any, root: Any, weights: Callable[[], NamedArrays] | None = None) -> Predictor:
    """The predictor over a concrete function; `root` is the object that owns its variables.

    Where the function fixes the number of rows, or takes values without an axis for them, see `adapt_batch_size`.
    """
    import tensorflow as tf

    # A SavedModel gives its inputs in another order in every process.
    positional, keywords = function.structured_input_signature
    named = [*sorted(keywords.items()), *((spec.name, spec) for spec in positional)]
    specs = tuple(Spec(name, to_numpy_dtype(spec.dtype.name), shape_of(spec)) for name, spec in named)

    def predict(inputs: Arrays) -> Arrays:
        tensors = {name: tf.constant(array) for name, array in inputs.items()}
        by_name = {name: tensors[name] for name in keywords}
        return _name_outputs(function(*(tensors[spec.name] for spec in positional), **by_name), None)

    adapter = adapt_batch_size(specs, _output_shapes(function), predict)
    return Predictor(root, adapter.specs, adapter.predict, weights=weights, remark=adapter.remark)


def _output_shapes(function: Any) -> dict[str, Shape]:
    """The shapes of the outputs of a concrete function that returns a dictionary; empty for any other."""
    outputs = function.structured_outputs
    named = outputs if isinstance(outputs, dict) else {}
    return {name: shape_of(tensor) for name, tensor in named.items() if hasattr(tensor, "shape")}


def shape_of(tensor: Any) -> Shape:
    """The static shape of a tensor or its spec, None where its rank is unknown."""
    return None if tensor.shape.rank is None else tuple(tensor.shape.as_list())


def to_numpy_dtype(name: str) -> str:
    return "object" if name == "string" else name


def _name_outputs(outputs: Any, names: list[str] | None) -> Arrays:
    """Outputs by name. Raises CannotSave where they are nested: no signature and no runtime could give those."""
    if isinstance(outputs, (list, tuple)):
        names = names if names and len(names) == len(outputs) else [f"output_{index}" for index in range(len(outputs))]
        outputs = dict(zip(names, outputs, strict=True))
    elif not isinstance(outputs, dict):
        outputs = {"output_0": outputs}
    nested = [name for name, output in outputs.items() if isinstance(output, (dict, list, tuple))]
    if nested:
        cure = "Return one tensor, or a dictionary or list of tensors."
        raise CannotSave(f"The answers of this model are nested: '{nested[0]}' holds others.", cure=cure)
    return {name: np.asarray(tensor) for name, tensor in outputs.items()}


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


def build_optimizer(model: Model) -> None:
    """Make the optimizer's variables, which a loader can fill only if they exist; nothing where there is none to build.

    Keras makes them at the first step, and skips saved state that finds no variable without an exception.
    """
    if build := getattr(getattr(model, "optimizer", None), "build", None):
        build(model.trainable_variables)


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


def _read_variables(variables: list[Any]) -> NamedArrays:
    return [(getattr(variable, "path", variable.name), np.asarray(variable)) for variable in variables]
