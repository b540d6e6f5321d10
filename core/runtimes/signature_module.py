"""A signature of a SavedModel as a tf.Module, as converters want it: with its variables, or frozen to constants.

That is all there is where there is no Python code of the model.
"""

import re
from pathlib import Path
from typing import Any

from core.runtimes.base import Model
from core.runtimes.saved_model import open_signature
from core.runtimes.session_signature import SessionSignature, freeze_signature


def serving_module(folder: Path, signature_name: str = "") -> Model:
    """The signature of a SavedModel (see `choose_signature`) as a tf.Module with one `tf.function`, its `__call__`.

    It holds the variables that the signature reads; of a signature in a session it holds constants. Raises what
    `load_saved_model` raises, and CannotSave.
    """
    import tensorflow as tf

    opened = open_signature(folder, signature_name, tf.saved_model.load)
    if isinstance(opened.signature, SessionSignature):
        function = freeze_signature(opened.signature)
        inputs = dict(zip(opened.signature.inputs, function.inputs, strict=False))
        return wrap_function(function, inputs, by_name=False)
    module = wrap_function(opened.signature, dict(sorted(opened.signature.structured_input_signature[1].items())))
    module.root = opened.root  # it owns the variables, and its tables
    module.read = list(opened.signature.graph.variables)
    return module


def wrap_function(function: Any, inputs: dict[str, Any], by_name: bool = True) -> Model:
    """A tf.Module around a concrete function; `inputs` are its tensors or specs by name, in the order of the module."""
    import tensorflow as tf

    specs = [tf.TensorSpec(spec.shape, spec.dtype, name=_to_identifier(name)) for name, spec in inputs.items()]

    def call(self: Any, *tensors: Any) -> Any:
        return function(**dict(zip(inputs, tensors, strict=True))) if by_name else function(*tensors)

    kind = type("Brought", (tf.Module,), {"__call__": tf.function(call, input_signature=specs)})
    module = kind(name="brought")
    module.function = function
    return module


def _to_identifier(name: str) -> str:
    """A name that can be an argument's: other characters than letters, digits and "_" become "_"."""
    plain = re.sub(r"\W", "_", name)
    return plain if plain.isidentifier() else f"_{plain}"
