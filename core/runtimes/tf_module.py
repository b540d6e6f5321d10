"""Predictors over a tf.Module, and over a signature of a SavedModel."""

import re
from collections.abc import Callable
from typing import Any

from core.arrays import Arrays, NamedArrays
from core.errors import CannotSave
from core.runtimes.base import Model, Predictor
from core.runtimes.batch_adapter import adapted_predictor
from core.runtimes.call_state import variable_state
from core.runtimes.graph_assignments import assigned_variables
from core.runtimes.outputs import flatten_outputs, is_nested, name_outputs
from core.runtimes.serialized_examples import adapt_function
from core.runtimes.specs import Shape, Spec, shape_of, to_numpy_dtype
from core.runtimes.variables import with_variables


def module_predictor(module: Model) -> Predictor:
    """The predictor over a live tf.Module, through its one `tf.function` with an input signature."""
    return with_variables(signature_predictor(serving_function(module), module))


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
    return _flatten_function(chosen.get_concrete_function())


def _flatten_function(function: Any) -> Any:
    """The same with tensors by name on both sides, where it takes or returns structures of them.

    Signatures take and return named tensors alone, and converters take nothing else.
    """
    import tensorflow as tf

    structure = function.structured_input_signature
    specs = [spec for spec in tf.nest.flatten(structure) if isinstance(spec, tf.TensorSpec)]
    if len(specs) == len(structure[0]) + len(structure[1]) and not is_nested(function.structured_outputs):
        return function
    named = [_rename_spec(spec, f"input_{index}") for index, spec in enumerate(specs)]

    def call(*tensors: Any) -> dict[str, Any]:
        given = iter(tensors)
        fed = [next(given) if isinstance(part, tf.TensorSpec) else part for part in tf.nest.flatten(structure)]
        arguments, keywords = tf.nest.pack_sequence_as(structure, fed)
        return flatten_outputs(function(*arguments, **keywords))

    return tf.function(call, input_signature=named, autograph=False).get_concrete_function()


def _rename_spec(spec: Any, default: str) -> Any:
    """The same specification with a name that can be an argument's."""
    import tensorflow as tf

    return tf.TensorSpec(spec.shape, spec.dtype, name=re.sub(r"\W", "_", spec.name or default))


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
    named = [
        *sorted(keywords.items(), key=lambda item: _numbers_in_order(item[0])),
        *((spec.name, spec) for spec in positional),
    ]
    specs = tuple(Spec(name, to_numpy_dtype(spec.dtype.name), shape_of(spec)) for name, spec in named)

    def predict(inputs: Arrays) -> Arrays:
        tensors = {name: tf.constant(array) for name, array in inputs.items()}
        by_name = {name: tensors[name] for name in keywords}
        return name_outputs(function(*(tensors[spec.name] for spec in positional), **by_name))

    state = variable_state(assigned_variables(function))
    call = state.wrap(predict) if state else predict
    adapter = adapt_function(specs, _output_shapes(function), call, function.graph.as_graph_def)
    return adapted_predictor(root, adapter._replace(state=state), weights)


def _numbers_in_order(name: str) -> list[str | int]:
    """A key by which "inputs_2" stands before "inputs_10": such names are the places of a list."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def _output_shapes(function: Any) -> dict[str, Shape]:
    """The shapes of the outputs of a concrete function by name."""
    named = flatten_outputs(function.structured_outputs)
    return {name: shape_of(tensor) for name, tensor in named.items() if hasattr(tensor, "shape")}
