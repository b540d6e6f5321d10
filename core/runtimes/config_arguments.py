"""The arguments of Keras' objects by value: those in their configs, and those that their configs leave out.

A config is what a class says of itself, and some of Keras' own leave an argument out: a copy that was made from it has
the default. So each parameter of the constructor is looked for in the config first, and else in the object.
"""

import hashlib
import inspect
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from core.arrays import hash_array, to_plain_array

# What a config holds beside arguments, and what differs from one deserialisation to the next.
NON_ARCHITECTURE_KEYS = ("build_config", "compile_config", "shared_object_id", "module", "registered_name")
# The name and the weights are no settings; a seed that no config holds was drawn when the object was made.
IGNORED_PARAMETERS = frozenset({"self", "name", "weights", *NON_ARCHITECTURE_KEYS})
IGNORED_UNLESS_IN_CONFIG = frozenset({"seed"})
MAX_LISTED_VALUES = 32  # of longer lists and arrays there is a hash
MAX_TEXT_LENGTH = 200  # characters
MAX_DEPTH = 8
LAMBDA = "__lambda__"
EXCLUDED = "exclude_from_weight_decay"
_MISSING: Any = object()
_SCALARS = (bool, int, float, str, type(None))


class Argument(NamedTuple):
    """One argument: where it stands ("kernel_initializer.gain"), its value as JSON, and the class whose config leaves
    it out (empty where none does)."""

    path: str
    value: Any
    omitted_by: str = ""


def read_arguments(part: Any, path: str = "", depth: int = 0) -> Iterator[Argument]:
    """Yield the arguments of an object with a config, and of the objects among them."""
    config = read_config(part)
    for name in dict.fromkeys([*config, *parameter_names(type(part))]):
        value = _argument_value(part, name, config)
        if name not in IGNORED_PARAMETERS and value is not _MISSING:
            omitted_by = "" if name in config else class_name(part)
            yield from flatten_value(value, f"{path}.{name}" if path else name, omitted_by, depth + 1)
    if undecayed := _undecayed_variables(part):
        yield Argument(f"{path}.{EXCLUDED}", undecayed, class_name(part))


def _undecayed_variables(optimizer: Any) -> list[str]:
    """What was named to `exclude_from_weight_decay` of an optimizer, which is a method and no argument: parts of names,
    and variables as layer and name."""
    pattern = getattr(optimizer, "_exclude_from_weight_decay_pattern", None)
    keys = getattr(optimizer, "_exclude_from_weight_decay", None) or ()
    listed = [each for each in optimizer._trainable_variables if optimizer._var_key(each) in keys] if keys else []
    names = ["/".join(each.path.split("/")[-2:]) for each in listed]
    return sorted([*names, *(pattern.pattern.split("|") if pattern else ())])


def read_variable_settings(layer: Any, path: str) -> Iterator[Argument]:
    """Yield what was set on a layer's own variables after they were made: frozen, regularised or constrained alone."""
    given = {id(value) for value in vars(layer).values()}
    for variable in getattr(layer, "_trainable_variables", ()):
        if layer.trainable and not variable.trainable:
            yield Argument(f"{path}.{variable.name}.trainable", False, class_name(layer))
        for name in ("regularizer", "constraint"):
            value = getattr(variable, name, None)
            if value is not None and id(value) not in given:
                yield from flatten_value(value, f"{path}.{variable.name}.{name}", class_name(layer))


def class_name(part: Any) -> str:
    """The name of an object's class, "keras." before it where it is Keras' own."""
    kind = type(part)
    return f"keras.{kind.__name__}" if kind.__module__.partition(".")[0] == "keras" else kind.__name__


def read_config(part: Any) -> Mapping[str, Any]:
    """The config of an object; empty where it has none."""
    try:
        config = part.get_config()
    except Exception:  # noqa: BLE001  whatever a class of somebody's own raises, it cannot be written down
        return {}
    return config if isinstance(config, Mapping) else {}


def parameter_names(kind: Callable[..., Any]) -> list[str]:
    """The named parameters of a function or of a class' constructor."""
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    try:
        parameters = inspect.signature(kind.__init__ if isinstance(kind, type) else kind).parameters  # type: ignore[misc]
    except (TypeError, ValueError):  # built in
        return []
    return [name for name, parameter in parameters.items() if parameter.kind in named]


def _argument_value(part: Any, name: str, config: Mapping[str, Any]) -> Any:
    """An object as the part holds it, else the value in the config, else what the part holds."""
    held = [_read_attribute(part, candidate) for candidate in (name, f"_{name}")]
    held.append(getattr(part, "_fn_kwargs", {}).get(name, _MISSING))
    objects = [value for value in held if _has_arguments(value)]
    if objects or name in config:
        return objects[0] if objects else config[name]
    if name in IGNORED_UNLESS_IN_CONFIG:
        return _MISSING
    return next((value for value in held if value is not _MISSING), _MISSING)


def omitted_argument(part: Any, name: str) -> Any:
    """What an object holds of an argument that its config leaves out; None where it holds nothing of that name."""
    value = _argument_value(part, name, {})
    return None if value is _MISSING else value


def _read_attribute(part: Any, name: str) -> Any:
    try:
        return getattr(part, name, _MISSING)
    except Exception:  # noqa: BLE001  a property may raise whatever it likes
        return _MISSING


def _has_arguments(value: Any) -> bool:
    """Whether a value is an initializer, a schedule or the like; layers are listed by themselves."""
    return hasattr(value, "get_config") and not isinstance(value, type) and not hasattr(value, "call")


def flatten_value(value: Any, path: str, omitted_by: str = "", depth: int = 0) -> Iterator[Argument]:
    """Yield a value as JSON, the parts of what has some; nothing for what cannot be written down."""
    if depth > MAX_DEPTH:
        return
    if _has_arguments(value):
        yield Argument(path, type(value).__name__, omitted_by)
        yield from read_arguments(value, path, depth)
    elif isinstance(value, Mapping):
        yield from _flatten_mapping(value, path, omitted_by, depth)
    elif isinstance(value, (list, tuple)) and not _is_plain_list(value):
        for at, item in enumerate(value):
            yield from flatten_value(item, f"{path}[{at}]", omitted_by, depth + 1)
    elif (plain := _to_plain_value(value)) is not _MISSING:
        yield Argument(path, plain, omitted_by)


def _flatten_mapping(value: Mapping[Any, Any], path: str, omitted_by: str, depth: int) -> Iterator[Argument]:
    """The parts of a dictionary; of a serialised object its class and its config."""
    if "class_name" in value and "config" in value:
        yield Argument(path, str(value["class_name"]), omitted_by)
        if value["class_name"] == LAMBDA:  # its code names the file that it came from
            return
        value = value["config"] if isinstance(value["config"], Mapping) else {"": value["config"]}
    for name, item in value.items():
        if name not in IGNORED_PARAMETERS:
            yield from flatten_value(item, f"{path}.{name}".rstrip("."), omitted_by, depth + 1)


def _is_plain_list(value: Any) -> bool:
    return all(isinstance(item, _SCALARS) for item in value)


def _to_plain_value(value: Any) -> Any:
    """A scalar, a list of some, the name of a function, or a hash of what is longer."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, str) and len(value) > MAX_TEXT_LENGTH:
        return f"{len(value):,} characters, {hashlib.sha256(value.encode()).hexdigest()[:12]}"
    if isinstance(value, _SCALARS):
        return value
    if isinstance(value, (list, tuple)) and len(value) <= MAX_LISTED_VALUES:
        return list(value)
    if inspect.isfunction(value) or inspect.isbuiltin(value) or isinstance(value, type):
        return value.__name__
    if hasattr(value, "assign"):  # a variable is state, and compared with the weights
        return _MISSING
    return _summarize_array(value) if isinstance(value, (list, tuple)) or hasattr(value, "__array__") else _MISSING


def _summarize_array(value: Any) -> Any:
    try:
        array = to_plain_array(value)
        if array.size <= MAX_LISTED_VALUES and array.dtype.kind in "biufU":
            return array.tolist()
        return f"{array.dtype} {list(array.shape)}, {hash_array(array)[:12]}"
    except Exception:  # noqa: BLE001  a symbolic tensor, or an array of objects: it has no values to compare
        return _MISSING


def read_layer_arguments(owner: Any, prefix: str = "") -> Iterator[tuple[str, list[Argument]]]:
    """The arguments of each layer that an owner holds, its class first; of a model among them those of its layers.

    A layer of a functional or sequential model goes by its name, which its config keeps. Any other was named by a
    counter of the process, so it goes by its class and place: "attention/Softmax", "attention/Dropout_2".
    """
    has_names = hasattr(owner, "_functional") or hasattr(owner, "_nodes_by_depth")
    counts: Counter[str] = Counter()
    for layer in {id(inner): inner for inner in owner._flatten_layers(include_self=False, recursive=False)}.values():
        kind = type(layer).__name__
        counts[kind] += 1
        name = f"{prefix}{layer.name if has_names else number_name(kind, counts[kind])}"
        if not hasattr(layer, "compile"):
            settings = (*read_arguments(layer, name), *read_variable_settings(layer, name))
            yield name, [Argument(name, kind), *settings]
        yield from read_layer_arguments(layer, f"{name}/")


def number_name(name: str, count: int) -> str:
    """The name itself for the first, else with its number."""
    return name if count == 1 else f"{name}_{count}"
