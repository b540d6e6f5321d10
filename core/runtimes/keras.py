"""Predictors over Keras models."""

from dataclasses import replace
from typing import Any

from core.arrays import Arrays
from core.runtimes.base import Model, Predictor, join_remarks
from core.runtimes.batch_adapter import adapt_batch_size, adapted_predictor, describe_shared_outputs
from core.runtimes.call_arguments import call_arguments, call_model, input_structure, named_inputs, output_structure
from core.runtimes.call_state import assigned_variables, variable_state
from core.runtimes.specs import Spec, flatten_outputs, name_outputs, repeat_for_rows, shape_of, to_numpy_dtype
from core.runtimes.variables import with_variables


def keras_predictor(model: Model) -> Predictor:
    """The predictor over a Keras model, in inference mode (`training=False`).

    It predicts through one `tf.function`, as `model.predict` and an exported graph do: eager kernels fuse differently
    and round differently. AutoGraph is off as it is in both of those; it also cost a third of a fresh reload.
    """
    import tensorflow as tf

    specs = _keras_input_specs(model)
    # Traced once for every number of rows, where the model says what it takes and needs all of it.
    is_traced_once = specs and not any(spec.is_optional for spec in specs)
    remembers = bool(is_traced_once) and may_remember(model)
    signature = [{spec.name: _to_tensor_spec(spec, remembers) for spec in specs}] if is_traced_once else None
    graph = tf.function(lambda feed: call_model(model, feed), signature, autograph=False, reduce_retracing=True)

    def predict(inputs: Arrays) -> Arrays:
        rows = len(next(iter(inputs.values())))
        outputs = graph({name: tf.constant(array) for name, array in inputs.items()})
        named = name_outputs(outputs, getattr(model, "output_names", None))
        return {name: repeat_for_rows(array, rows) for name, array in named.items()}

    lists = _list_sides(model)
    if not remembers:
        trace = graph.get_concrete_function if is_traced_once else None
        remark = _shared_outputs_remark(model)
        return with_variables(Predictor(model, specs, predict, remark=remark, lists=lists, trace=trace))
    concrete = graph.get_concrete_function()
    reset_kept_state(model)
    state = variable_state(assigned_variables(concrete))
    shapes = {str(at): shape_of(tensor) for at, tensor in enumerate(concrete.outputs)}
    adapter = adapt_batch_size(specs, shapes, state.wrap(predict) if state else predict)
    remark = join_remarks(adapter.remark, _shared_outputs_remark(model))
    predictor = adapted_predictor(model, adapter._replace(state=state, remark=remark))
    return with_variables(replace(predictor, lists=lists))


def _list_sides(model: Model) -> frozenset[str]:
    """The sides of a functional model on which several tensors go by their place."""
    sides = {"inputs": input_structure(model), "outputs": output_structure(model)}
    return frozenset(side for side, structure in sides.items() if isinstance(structure, (list, tuple)))


def may_remember(model: Model) -> bool:
    """Whether a layer says that it keeps its state, or is a class of its own with variables that nothing trains."""
    return any(
        getattr(layer, "stateful", False)
        or (layer.non_trainable_variables and type(layer).__module__.partition(".")[0] != "keras")
        for layer in model._flatten_layers(include_self=False)
    )


def reset_kept_state(model: Model) -> None:
    """Let a Keras model begin anew: what its layers remember of calls before is no part of it."""
    for layer in _stateful_layers(model):
        reset = getattr(layer, "reset_state", None) or getattr(layer, "reset_states", None)
        if callable(reset):
            reset()


def kept_state_variables(model: Model) -> list[Any]:
    """The variables in which recurrent layers keep their state: they are none of the model's own `variables`."""
    import keras

    states = [getattr(layer, "states", None) for layer in _stateful_layers(model)]
    return [item for item in keras.tree.flatten(states) if isinstance(item, keras.Variable)]


def _stateful_layers(model: Model) -> list[Any]:
    return [layer for layer in model._flatten_layers(include_self=False) if getattr(layer, "stateful", False)]


def _keras_input_specs(model: Model) -> tuple[Spec, ...]:
    """The inputs of a model by the names under which it takes them, in its own order.

    A subclassed model says nothing of its inputs: it has none here, and is fed what it is given.
    """
    return tuple(
        Spec(name, to_numpy_dtype(tensor.dtype), tuple(tensor.shape), _is_optional(tensor))
        for name, tensor in named_inputs(model).items()
    )


def _is_optional(tensor: Any) -> bool:
    history = getattr(tensor, "_keras_history", None)
    return bool(history and getattr(history.operation, "optional", False))


def _to_tensor_spec(spec: Spec, keeps_batch: bool) -> Any:
    """The spec of an input; of a layer that keeps its state, the stated number of rows is the only one."""
    import tensorflow as tf

    shape = spec.shape if keeps_batch else (None, *(spec.shape or ())[1:])
    return tf.TensorSpec(shape, "string" if spec.dtype == "object" else spec.dtype, name=spec.name)


def _shared_outputs_remark(model: Model) -> str:
    """What a person should know of outputs that are one for all rows of a call, where a model says so."""
    named = flatten_outputs(output_structure(model), getattr(model, "output_names", None))
    shared = [name for name, tensor in named.items() if tuple(tensor.shape) == ()]
    return describe_shared_outputs(shared) if shared else ""


def arrange_inputs(model: Model, feed: dict[str, Any]) -> Any:
    """Inputs as the first argument of a model's call, in its order; by name where it does not say."""
    return call_arguments(model, feed)[0][0]
