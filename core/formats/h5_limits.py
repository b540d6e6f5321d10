"""Where Keras' own `.h5` ends: settings that it does not copy, and files that it writes and does not read.

The legacy form writes down every part of a model by its class name alone and takes each for an exported layer when it
reads; it was seen so in Keras 3.15.1.
"""

import copy
import inspect
import json
import re
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from core.errors import CannotSave, DoesNotLoad
from core.runtimes.base import Model

LAYER_SETTINGS = {"name", "trainable", "dtype", "batch_input_shape"}  # of any layer, whatever its class
NAMED_CLASS = r"(?:Unknown layer: |deserializing class )'(\w+)'"
OPERATION_ERRORS = r"too many positional arguments|Only input tensors may be passed as positional"


class Part(NamedTuple):
    """A layer or an operation as a file names it, and its settings."""

    kind: str
    settings: dict[str, Any]


def explain_uncopied_setting(model: Model) -> CannotSave | None:
    """The setting of a layer that Keras copies on the way to `.h5` and cannot; None where there is none.

    A list that a layer keeps as an attribute knows the layer and all that it holds; a random layer holds a module.
    """
    for layer in model._flatten_layers(include_self=False):
        for name, value in _get_tracked_settings(layer).items():
            try:
                copy.deepcopy(value)
            except TypeError:
                return CannotSave(
                    f"Keras cannot copy the setting '{name}' of the layer '{layer.name}', which it does for .h5 alone.",
                    received=f"{type(value).__name__} in {type(layer).__name__}.get_config()",
                    cure="Save as .keras; a layer of your own can return list(...) of it from get_config().",
                )
    return None


def _get_tracked_settings(layer: Any) -> dict[str, Any]:
    """The lists and dictionaries of Keras' own kinds among the settings of a layer; a model has those of its layers."""
    import keras

    if isinstance(layer, keras.Model):
        return {}
    return {name: value for name, value in layer.get_config().items() if type(value).__name__.startswith("Tracked")}


def explain_unread_file(error: Exception, path: Path, classes: Collection[str]) -> DoesNotLoad | None:
    """What Keras does not read back of a file that it wrote itself; None where that is not why it raised.

    Args:
        error: What Keras raised on loading.
        path: The `.h5` file.
        classes: Names of the classes that it was given.
    """
    parts, text = list(_list_parts(path)), str(error)
    named = re.search(NAMED_CLASS, text)
    explanation = _explain_operations(parts, classes, named[1] if named else "", text) or _explain_function(parts, text)
    return explanation or (_explain_hidden_layer(named[1], parts) if named else None)


def _explain_operations(parts: list[Part], classes: Collection[str], named: str, text: str) -> DoesNotLoad | None:
    operations = sorted({part.kind for part in parts if _is_operation(part)} - set(classes))
    if not (named in operations or (operations and not named and re.search(OPERATION_ERRORS, text))):
        return None
    return DoesNotLoad(
        f"The model computes with operations ({', '.join(operations)}), and Keras' own reader of .h5 takes each for a "
        "layer.",
        cure="Save as .keras, which keeps them. In .h5, write layers.Add()([a, b]) for a + b; masks need a Sequential "
        "model.",
    )


def _explain_function(parts: list[Part], text: str) -> DoesNotLoad | None:
    """Where text among the settings is called like a function beside the layers, such as "dot"."""
    function = re.search(r"<function (\w+) at", text)
    places = [(part, key) for part in parts for key in part.settings if function and part.settings[key] == function[1]]
    if function is None or not places:
        return None
    part, key = places[0]
    layer = part.settings.get("name", part.kind)
    return DoesNotLoad(
        f"Keras' own reader of .h5 turns the setting {key}='{function[1]}' of the layer '{layer}' into a function.",
        cure="Save as .keras, which keeps it as text.",
    )


def _explain_hidden_layer(name: str, parts: list[Part]) -> DoesNotLoad | None:
    hidden = _find_hidden_layer(name, parts)
    if hidden is None:
        return None
    return DoesNotLoad(
        f"Keras' own reader of .h5 does not know Keras' own layer '{name}', which is not exported.",
        cure=f"Save as .keras, or load it with custom_objects={{'{name}': {hidden.__module__}.{name}}}.",
    )


def _list_parts(path: Path) -> Iterator[Part]:
    import h5py

    with h5py.File(path, "r") as file:
        config = json.loads(file.attrs.get("model_config", "{}"))
    waiting = [config]
    while waiting:
        part = waiting.pop()
        settings = part.get("config") if isinstance(part, dict) else None
        if isinstance(settings, dict):
            yield Part(str(part.get("class_name")), settings)
            inner = settings.get("layers")
            waiting += inner if isinstance(inner, list) else []


def _is_operation(part: Part) -> bool:
    """Whether a part is an operation, which has a name as layers have, and is not trainable or frozen as they are.

    The name of a class does not tell: Add is an operation and a layer.
    """
    return "name" in part.settings and "trainable" not in part.settings and part.kind != "InputLayer"


def _find_hidden_layer(name: str, parts: list[Part]) -> type | None:
    """The layer class of Keras' own that has this name, takes the settings in the file, and is not exported."""
    import keras

    modules = [module for path, module in sorted(sys.modules.items()) if path.startswith("keras.src.")]
    for kind in (vars(module).get(name) for module in modules):
        if isinstance(kind, type) and issubclass(kind, keras.Layer) and not hasattr(keras.layers, name):
            taken = {*inspect.signature(kind).parameters, *LAYER_SETTINGS}
            if any(part.kind == name and part.settings.keys() <= taken for part in parts):
                return kind
    return None
