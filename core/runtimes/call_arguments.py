"""How a Keras model is called with arrays by name: in the structure that it takes, or by the parameters of `call`."""

import inspect
from typing import Any

import numpy as np

from core.errors import InputError
from core.runtimes.base import Model
from core.runtimes.model_kinds import model_kind
from core.runtimes.specs import Spec

POSITIONS = "input_"  # begins the names of arrays that have none of their own, before their place in a list


def call_model(model: Model, feed: dict[str, Any]) -> Any:
    """What a Keras model returns in inference mode for tensors by name."""
    arguments, named = call_arguments(model, feed)
    return model(*arguments, **named, training=False)


def call_arguments(model: Model, feed: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """Positional and named arguments of a call with tensors by name.

    A functional model takes one structure, in which an optional input that is not given is None. A subclassed one takes
    what it was built on, or what its `call` has parameters for: a tensor, a list, a dictionary, or several arguments.
    """
    if (structure := input_structure(model)) is not None:
        return [_fill_structure(structure, _rename_only_input(model, feed))], {}
    recorded, parameters = recorded_structure(model), call_parameters(model)
    if isinstance(recorded, dict) and feed.keys() <= recorded.keys():
        return [feed], {}
    if feed.keys() <= set(parameters):
        named = {name: feed[name] for name in feed if name != parameters[0]}
        return [feed[name] for name in feed if name not in named], named
    return _arguments_by_place(model, feed), {}


def _arguments_by_place(model: Model, feed: dict[str, Any]) -> list[Any]:
    """One tensor alone; several as a list or as arguments where their names are places; else as a dictionary."""
    if len(feed) == 1:
        return list(feed.values())
    places = [f"{POSITIONS}{place}" for place in range(len(feed))]
    if feed.keys() != set(places):
        return [feed]
    in_order = [feed[place] for place in places]
    return in_order if takes_several_arguments(model) else [in_order]


def input_structure(model: Model) -> Any:
    """How a functional model takes its inputs: one, or lists and dictionaries of them; None of a subclassed one."""
    if not getattr(model, "inputs", None):
        return None
    structure = getattr(model, "input", None)  # a sequential model that was not called has only the list
    return model.inputs[0] if structure is None else structure


def output_structure(model: Model) -> Any:
    """How a functional model returns its outputs, as symbolic tensors; None of a subclassed one."""
    if not getattr(model, "outputs", None):
        return None
    structure = getattr(model, "output", None)
    return model.outputs[0] if structure is None else structure


def named_inputs(model: Model) -> dict[str, Any]:
    """The symbolic inputs of a functional model by the names under which they are given; empty for a subclassed one."""
    structure = input_structure(model)
    if isinstance(structure, dict) and all(hasattr(part, "dtype") for part in structure.values()):
        return dict(structure)
    return {tensor.name: tensor for tensor in getattr(model, "inputs", None) or ()}


def match_nested_inputs(model: Model, inputs: Any) -> dict[str, Any] | None:
    """Inputs in the nested structure that a functional model takes, side by side by their names; None where it takes
    none, or they are in another one."""
    import keras

    structure = input_structure(model) if isinstance(model, keras.Model) else None
    if not isinstance(structure, (dict, list, tuple)):
        return None
    parts = structure.values() if isinstance(structure, dict) else structure
    if all(hasattr(part, "dtype") for part in parts):
        return None
    try:
        keras.tree.assert_same_structure(structure, inputs)
    except (TypeError, ValueError):
        return None
    tensors, given = (keras.tree.flatten(side) for side in (structure, inputs))
    return {tensor.name: value for tensor, value in zip(tensors, given, strict=True)}


def _rename_only_input(model: Model, feed: dict[str, Any]) -> dict[str, Any]:
    """The only tensor under the name of the only input, whatever it is called."""
    names = list(named_inputs(model))
    return dict(zip(names, feed.values(), strict=True)) if len(names) == len(feed) == 1 else feed


def _fill_structure(structure: Any, feed: dict[str, Any]) -> Any:
    if isinstance(structure, dict):
        return {
            key: feed[key] if key in feed and hasattr(part, "dtype") else _fill_structure(part, feed)
            for key, part in structure.items()
        }
    if isinstance(structure, (list, tuple)):
        return [_fill_structure(part, feed) for part in structure]
    return feed.get(structure.name)


def recorded_structure(model: Model) -> Any:
    """What a subclassed model was built on, as shapes: one, or a list or dictionary of them; None where not known."""
    shapes = getattr(model, "_build_shapes_dict", None) or {}
    first = next(iter(shapes.values()), None)
    return None if first is None or _is_shape(first) else first


def _is_shape(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(size is None or isinstance(size, int) for size in value)


def call_parameters(model: Model) -> list[str]:
    """The parameters of a model's `call` that take inputs, in order."""
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = inspect.signature(model.call).parameters.values()
    return [item.name for item in parameters if item.kind in kinds and item.name not in ("training", "mask")]


def takes_several_arguments(model: Model) -> bool:
    """Whether a subclassed model's `call` needs more than one input, and was not built on a list."""
    parameters = inspect.signature(model.call).parameters
    needed = [name for name in call_parameters(model) if parameters[name].default is inspect.Parameter.empty]
    return len(needed) > 1 and recorded_structure(model) is None


def name_inputs(model: Model, specs: tuple[Spec, ...], inputs: Any) -> dict[str, Any]:
    if _is_table(inputs):
        inputs = {str(name): inputs[name] for name in inputs.columns} if len(specs) > 1 else inputs.to_numpy()
    if specs and (flat := match_nested_inputs(model, inputs)):
        return flat
    if isinstance(inputs, dict):
        return _name_by_key(model, specs, inputs)
    if isinstance(inputs, (list, tuple)) and any(np.ndim(item) for item in inputs if hasattr(item, "shape")):
        return _name_by_place(model, specs, list(inputs))
    return {specs[0].name if len(specs) == 1 else f"{POSITIONS}0": inputs}


def _is_table(inputs: Any) -> bool:
    """Whether this is a DataFrame, of pandas or of a library that is used like it."""
    return hasattr(inputs, "columns") and hasattr(inputs, "to_numpy")


def _name_by_key(model: Model, specs: tuple[Spec, ...], inputs: dict[Any, Any]) -> dict[str, Any]:
    """A dictionary as it is; of a subclassed model that takes a list, by place."""
    named = {str(key): value for key, value in inputs.items()}
    if specs or not isinstance(_recorded(model), (list, tuple)):
        return named
    return dict(zip(_place_names(model, len(named)), named.values(), strict=True))


def _name_by_place(model: Model, specs: tuple[Spec, ...], items: list[Any]) -> dict[str, Any]:
    """A list of arrays is one for each input, or the rows of one input."""
    if len(specs) == 1 and np.ndim(items[0]) != len(specs[0].shape or ()):
        return {specs[0].name: items}
    if specs and len(items) > len(specs):
        raise InputError(
            f"This model takes {len(specs)} inputs ({', '.join(spec.name for spec in specs)}).",
            received=f"a list of {len(items)} arrays",
            cure="Give one array for each of its inputs.",
        )
    names = [spec.name for spec in specs] or _place_names(model, len(items))
    return dict(zip(names, items, strict=False))


def _place_names(model: Model, count: int) -> list[str]:
    """Names of a subclassed model's inputs by place: the parameters of its `call`, the keys of the dictionary that it
    takes, or numbers for those of a list."""
    if isinstance(recorded := _recorded(model), dict):
        return [str(key) for key in recorded][:count]
    if model_kind(model) == "keras" and takes_several_arguments(model):
        return call_parameters(model)[:count]
    return [f"{POSITIONS}{place}" for place in range(count)]


def _recorded(model: Model) -> Any:
    return recorded_structure(model) if model_kind(model) == "keras" else None
