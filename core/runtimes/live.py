"""Predictors over live TensorFlow objects: a Keras model, a tf.Module, a signature of a SavedModel."""

from collections.abc import Callable
from typing import Any

import numpy as np

from core.arrays import Arrays
from core.errors import CannotSave
from core.runtimes.adapters import adapt_batch_size
from core.runtimes.base import NamedArrays, Predictor, Shape, Spec, model_kind


def live_predictor(model: Any) -> Predictor:
    """The predictor over a model of either kind that lives in this process."""
    return keras_predictor(model) if model_kind(model) == "keras" else module_predictor(model)


def keras_predictor(model: Any) -> Predictor:
    """The predictor over a Keras model, in inference mode (`training=False`).

    It answers through one `tf.function`, as `model.predict` and an exported graph do: eager kernels fuse differently
    and round differently. AutoGraph is off as it is in both of those; it also cost a third of a fresh reload.
    """
    import tensorflow as tf

    specs = _keras_input_specs(model)
    # Traced once for every number of rows, where the model says what it takes.
    fixed = [arrange_inputs(model, {spec.name: _to_tensor_spec(spec) for spec in specs})] if specs else None
    graph = tf.function(
        lambda feed: model(feed, training=False), input_signature=fixed, autograph=False, reduce_retracing=True
    )

    def answer(inputs: Arrays) -> Arrays:
        feed = arrange_inputs(model, {name: tf.constant(array) for name, array in inputs.items()})
        return _name_outputs(graph(feed), getattr(model, "output_names", None))

    return Predictor(
        model,
        specs,
        answer,
        weights=lambda: _read_variables(weight_variables(model)),
        optimizer_state=lambda: _read_variables(optimizer_variables(model)),
    )


def _keras_input_specs(model: Any) -> tuple[Spec, ...]:
    """The inputs of a model by the names under which it takes them.

    A subclassed model says nothing of its inputs: it has none here, and is fed what it is given.
    """
    tensors = {tensor.name: tensor for tensor in getattr(model, "inputs", None) or ()}
    asked = _input_structure(model)
    return tuple(_keras_input_spec(*one) for one in (asked if isinstance(asked, dict) else tensors).items())


def _keras_input_spec(name: str, tensor: Any) -> Spec:
    return Spec(name, to_numpy_dtype(tensor.dtype), tuple(tensor.shape))


def _to_tensor_spec(spec: Spec) -> Any:
    import tensorflow as tf

    return tf.TensorSpec((None, *spec.shape[1:]), "string" if spec.dtype == "object" else spec.dtype, name=spec.name)


def _input_structure(model: Any) -> Any:
    """How a functional model asks for its inputs: a tensor, a list or a dictionary of them; None where it is not known
    or nested deeper."""
    asked = getattr(model, "input", None) if getattr(model, "inputs", None) else None
    parts = asked.values() if isinstance(asked, dict) else asked if isinstance(asked, (list, tuple)) else ()
    return asked if all(hasattr(part, "dtype") for part in parts) else None


def arrange_inputs(model: Any, feed: dict[str, Any]) -> Any:
    """Inputs as the model asks for them, in its order; by name where it does not say."""
    asked = _input_structure(model)
    if isinstance(asked, (list, tuple)):
        return [feed[tensor.name] for tensor in asked]
    return next(iter(feed.values())) if len(feed) == 1 and not isinstance(asked, dict) else feed


def module_predictor(module: Any) -> Predictor:
    """The predictor over a live tf.Module, through its one `tf.function` with an input signature."""
    predictor = signature_predictor(serving_function(module), module)
    return Predictor(
        module,
        predictor.inputs,
        predictor.predict_fn,
        weights=lambda: _read_variables(weight_variables(module)),
        optimizer_state=lambda: _read_variables(optimizer_variables(module)),
    )


def serving_function(module: Any) -> Any:
    """The concrete function through which a tf.Module answers: `__call__` first, else its only other candidate.

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


def _find_tf_functions(module: Any) -> list[str]:
    """Names of the methods that are `tf.function`s with an input signature, without calling any property."""
    return [
        name
        for name in dir(type(module))
        if getattr(getattr(type(module), name, None), "input_signature", None) is not None
    ]


def signature_predictor(function: Any, root: Any, weights: Callable[[], NamedArrays] | None = None) -> Predictor:
    """The predictor over a concrete function; `root` is the object that owns its variables. Where the function fixes
    the number of rows, or takes values without an axis for them, see `by_rows`."""
    import tensorflow as tf

    # A SavedModel gives its inputs in another order in every process.
    keywords = dict(sorted(function.structured_input_signature[1].items()))
    positional = list(function.structured_input_signature[0])
    specs = tuple(_signature_spec(spec, name) for name, spec in keywords.items()) + tuple(
        _signature_spec(spec, spec.name) for spec in positional
    )

    def answer(inputs: Arrays) -> Arrays:
        tensors = {name: tf.constant(array) for name, array in inputs.items()}
        named = {name: tensors[name] for name in keywords}
        return _name_outputs(function(*(tensors[spec.name] for spec in positional), **named), None)

    asked = adapt_batch_size(specs, _output_shapes(function), answer)
    return Predictor(root, asked.specs, asked.predict, weights=weights, remark=asked.remark)


def _output_shapes(function: Any) -> dict[str, Shape]:
    """The shapes of the answers of a concrete function that gives a dictionary; empty for any other."""
    outputs = function.structured_outputs
    named = outputs if isinstance(outputs, dict) else {}
    return {name: shape_of(tensor) for name, tensor in named.items() if hasattr(tensor, "shape")}


def shape_of(tensor: Any) -> Shape:
    """The static shape of a tensor or its spec, None where its rank is unknown."""
    return None if tensor.shape.rank is None else tuple(tensor.shape.as_list())


def _signature_spec(spec: Any, name: str) -> Spec:
    return Spec(name, to_numpy_dtype(spec.dtype.name), shape_of(spec))


def to_numpy_dtype(name: str) -> str:
    return "object" if name == "string" else name


def _name_outputs(outputs: Any, names: list[str] | None) -> Arrays:
    """Answers by name. Raises CannotSave where they are nested: no signature and no runtime could give those."""
    if isinstance(outputs, (list, tuple)):
        names = names if names and len(names) == len(outputs) else [f"output_{index}" for index in range(len(outputs))]
        outputs = dict(zip(names, outputs, strict=True))
    elif not isinstance(outputs, dict):
        outputs = {"output_0": outputs}
    nested = [name for name, answer in outputs.items() if isinstance(answer, (dict, list, tuple))]
    if nested:
        raise CannotSave(
            f"The answers of this model are nested: '{nested[0]}' holds others.",
            cure="Return one tensor, or a dictionary or list of tensors.",
        )
    return {name: np.asarray(tensor) for name, tensor in outputs.items()}


def weight_variables(model: Any) -> list[Any]:
    """Every variable that the model's answers may depend on, in the model's own order; the optimizer's are left out."""
    if model_kind(model) == "keras":
        return list(model.weights)
    owned = {id(variable) for variable in optimizer_variables(model)}
    return [variable for variable in model.variables if id(variable) not in owned]


def optimizer_variables(model: Any) -> list[Any]:
    """The optimizer's variables (step, learning rate, moments), empty when the model carries no optimizer."""
    optimizer = getattr(model, "optimizer", None)
    return list(getattr(optimizer, "variables", ()) or ())


def build_optimizer(model: Any) -> None:
    """Make the optimizer's variables, which a loader can fill only if they exist; nothing where there is none to build.

    Keras makes them at the first step, and skips saved state that finds no variable without an exception.
    """
    optimizer = getattr(model, "optimizer", None)
    if hasattr(optimizer, "build"):
        optimizer.build(model.trainable_variables)


def _read_variables(variables: list[Any]) -> NamedArrays:
    return [(getattr(variable, "path", variable.name), np.asarray(variable)) for variable in variables]
