"""Signatures: which one of a file predicts, and the predictor over it or any other concrete function of TensorFlow."""

import re
from collections.abc import Callable, Iterable
from typing import Any

from core.arrays import Arrays, NamedArrays
from core.errors import DoesNotLoad, InputError
from core.runtimes.base import Predictor
from core.runtimes.batch_adapter import adapted_predictor
from core.runtimes.call_state import assigned_variables, variable_state
from core.runtimes.serialized_examples import adapt_function
from core.runtimes.specs import Shape, Spec, flatten_outputs, name_outputs, shape_of, to_numpy_dtype

DEFAULT_SIGNATURE = "serving_default"


def selectable_signatures(names: Iterable[str]) -> list[str]:
    """The signatures that a person may choose from; TensorFlow's own, for initialising, are left out."""
    return sorted(name for name in names if not name.startswith("__saved_model"))


def choose_signature(names: Iterable[str], requested: str = "") -> tuple[str, str]:
    """Choose the requested signature, else serving_default, else the first.

    Returns its name, and a remark where it is not the one that is usually expected. Raises DoesNotLoad where there is
    none, InputError where the requested one is not there.
    """
    selectable = selectable_signatures(names)
    if not selectable:
        raise DoesNotLoad(
            "This file loads, but has no signature to answer through.",
            received="no signatures",
            cure="Save it again with signatures={'serving_default': function}.",
        )
    if requested and requested not in selectable:
        raise InputError("It has no such signature.", received=requested, cure=f"Choose from {', '.join(selectable)}.")
    chosen = requested or (DEFAULT_SIGNATURE if DEFAULT_SIGNATURE in selectable else selectable[0])
    return chosen, _signature_remark(chosen, [name for name in selectable if name != chosen])


def _signature_remark(chosen: str, others: list[str]) -> str:
    if not others:
        return "" if chosen == DEFAULT_SIGNATURE else f"It answers through its only signature, “{chosen}”."
    return f"It answers through its signature “{chosen}”; it also has {', '.join(f'“{name}”' for name in others)}."


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
