"""Predictors over Keras models."""

from typing import Any

from core.arrays import Arrays
from core.runtimes.adapters import adapt_batch_size, adapted_predictor
from core.runtimes.assignments import assigned_variables
from core.runtimes.base import Model, Predictor
from core.runtimes.outputs import name_outputs
from core.runtimes.specs import Spec, shape_of, to_numpy_dtype
from core.runtimes.state import variable_state
from core.runtimes.variables import with_variables


def keras_predictor(model: Model) -> Predictor:
    """The predictor over a Keras model, in inference mode (`training=False`).

    It predicts through one `tf.function`, as `model.predict` and an exported graph do: eager kernels fuse differently
    and round differently. AutoGraph is off as it is in both of those; it also cost a third of a fresh reload.
    """
    import tensorflow as tf

    specs = _keras_input_specs(model)
    remembers = bool(specs) and _may_remember(model)
    # Traced once for every number of rows, where the model says what it takes.
    signature = (
        [arrange_inputs(model, {spec.name: _to_tensor_spec(spec, remembers) for spec in specs})] if specs else None
    )
    graph = tf.function(lambda feed: model(feed, training=False), signature, autograph=False, reduce_retracing=True)

    def predict(inputs: Arrays) -> Arrays:
        feed = arrange_inputs(model, {name: tf.constant(array) for name, array in inputs.items()})
        return name_outputs(graph(feed), getattr(model, "output_names", None))

    if not remembers:
        return with_variables(Predictor(model, specs, predict))
    concrete = graph.get_concrete_function()
    state = variable_state(assigned_variables(concrete))
    names = list(getattr(model, "output_names", None) or ())
    shapes = dict(zip(names, map(shape_of, concrete.outputs), strict=False))
    adapter = adapt_batch_size(specs, shapes, state.wrap(predict) if state else predict)
    return with_variables(adapted_predictor(model, adapter._replace(state=state)))


def _may_remember(model: Model) -> bool:
    """Whether a layer says that it keeps its state, or is a class of its own with variables that nothing trains."""
    return any(
        getattr(layer, "stateful", False)
        or (layer.non_trainable_variables and type(layer).__module__.partition(".")[0] != "keras")
        for layer in model._flatten_layers(include_self=False)
    )


def _keras_input_specs(model: Model) -> tuple[Spec, ...]:
    """The inputs of a model by the names under which it takes them.

    A subclassed model says nothing of its inputs: it has none here, and is fed what it is given.
    """
    tensors = {tensor.name: tensor for tensor in getattr(model, "inputs", None) or ()}
    structure = _input_structure(model)
    named = structure if isinstance(structure, dict) else tensors
    return tuple(Spec(name, to_numpy_dtype(tensor.dtype), tuple(tensor.shape)) for name, tensor in named.items())


def _to_tensor_spec(spec: Spec, keeps_batch: bool) -> Any:
    """The spec of an input; of a layer that keeps its state, the stated number of rows is the only one."""
    import tensorflow as tf

    shape = spec.shape if keeps_batch else (None, *(spec.shape or ())[1:])
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
