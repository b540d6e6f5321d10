"""The predictor over a tf.Module, and the function through which it predicts."""

import re
from typing import Any

from core.errors import CannotSave
from core.runtimes.base import Model, Predictor
from core.runtimes.signatures import signature_predictor
from core.runtimes.specs import flatten_outputs, is_nested
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
    """Names of the methods and attributes that are `tf.function`s with an input signature, without calling any
    property."""
    kind = type(module)
    members = {name: getattr(kind, name, None) for name in dir(kind)} | vars(module)
    return [name for name, member in members.items() if getattr(member, "input_signature", None) is not None]
