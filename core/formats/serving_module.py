"""A tf.Module around one signature of a SavedModel: what converters are given where there is no Python code."""

import re
from pathlib import Path
from typing import Any

from core.formats.saved_variables import open_saved_model
from core.formats.session import InSession, frozen_function


def serving_module(folder: Path, asked: str = "") -> Any:
    """The signature of a SavedModel (see `choose_signature`) as a tf.Module with one `tf.function`, its `__call__`.

    It holds the variables that the signature reads; of a signature in a session it holds constants. Raises what
    `open_saved_model` raises, and CannotSave.
    """
    import tensorflow as tf

    opened = open_saved_model(folder, asked, tf.saved_model.load)
    if isinstance(opened.signature, InSession):
        names = list(opened.signature.inputs)
        return _module(frozen_function(opened.signature), names, by_name=False)
    names = sorted(opened.signature.structured_input_signature[1])
    module = _module(opened.signature, names, by_name=True)
    module.root = opened.root  # it owns the variables, and its tables
    module.read = list(opened.signature.graph.variables)
    return module


def _module(function: Any, names: list[str], by_name: bool) -> Any:
    import tensorflow as tf

    specs = function.structured_input_signature[1] if by_name else dict(zip(names, function.inputs, strict=False))
    asked = [tf.TensorSpec(specs[name].shape, specs[name].dtype, name=identifier(name)) for name in names]

    def call(self: Any, *inputs: Any) -> Any:
        return function(**dict(zip(names, inputs, strict=True))) if by_name else function(*inputs)

    kind = type("Brought", (tf.Module,), {"__call__": tf.function(call, input_signature=asked)})
    module = kind(name="brought")
    module.function = function
    return module


def identifier(name: str) -> str:
    """A name that can be an argument's: other characters than letters, digits and "_" become "_"."""
    plain = re.sub(r"\W", "_", name)
    return plain if plain.isidentifier() else f"_{plain}"
