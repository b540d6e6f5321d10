"""What a live model is beside its numbers: size, layers and their sharing, settings, policies, vocabularies.

A file may rebuild a shared layer once for each place. It predicts the same at first, and one step of training tells:
then there are two layers that learn apart.
"""

import hashlib
import inspect
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, TypedDict

from pydantic import BaseModel, Field

from core.runtimes.base import Model
from core.runtimes.compile_settings import compile_config, describe_compile_settings, drop_keys
from core.runtimes.config_arguments import NON_ARCHITECTURE_KEYS
from core.runtimes.model_kinds import model_kind
from core.runtimes.model_settings import ModelSettings, collect_settings

Count = Annotated[int, Field(ge=0, lt=2**63)]
Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]  # SHA-256


def describe_sharing(model: Model) -> dict[str, int]:
    """How often each shared thing is used: "dense" in 2 places, "encoder/kernel = decoder/kernel" by 2 layers.

    Layers go by name; empty where nothing is shared.
    """
    return _count_shared_layers(model) | _count_shared_variables(model)


def _count_shared_layers(model: Model) -> dict[str, int]:
    uses: Counter[int] = Counter()
    names: dict[int, str] = {}
    for owner in _layer_owners(model):
        for layer, count in _layer_uses(owner):
            if type(layer).__name__ != "InputLayer":  # it computes nothing, and holds nothing
                uses[id(layer)] += count
                names[id(layer)] = layer.name
    return {names[at]: count for at, count in uses.items() if count > 1}


def _layer_owners(model: Model) -> Iterator[Any]:
    """The model and every layer in it that holds layers of its own, each once."""
    seen: set[int] = set()
    waiting = [model]
    while waiting:
        owner = waiting.pop(0)
        if id(owner) not in seen:
            seen.add(id(owner))
            yield owner
            waiting += _inner_layers(owner)


def _inner_layers(owner: Any) -> list[Any]:
    return list(owner._flatten_layers(include_self=False, recursive=False))


def _layer_uses(owner: Any) -> Iterator[tuple[Any, int]]:
    """Each layer that an owner holds, and in how many places of its graph it stands; 1 where it has no graph."""
    nodes = [node for level in getattr(owner, "_nodes_by_depth", {}).values() for node in level]
    calls = Counter(id(node.operation) for node in nodes)
    for layer in {id(inner): inner for inner in _inner_layers(owner)}.values():
        yield layer, max(calls[id(layer)], 1)


def _count_shared_variables(model: Model) -> dict[str, int]:
    """Variables that several layers hold, named by all of them: tied weights."""
    holders: dict[int, list[str]] = defaultdict(list)
    for layer in _layer_owners(model):
        for variable in _own_variables(layer):
            holders[id(variable)].append(f"{layer.name}/{variable.name}")
    return {" = ".join(sorted(names)): len(names) for names in holders.values() if len(names) > 1}


def _own_variables(layer: Any) -> list[Any]:
    """The variables that a layer made or was given, without those of the layers in it; each once."""
    own = [*getattr(layer, "_trainable_variables", ()), *getattr(layer, "_non_trainable_variables", ())]
    return list({id(variable): variable for variable in own}.values())


class Traits(TypedDict, total=False):
    """Traits of a Keras model, each None or empty where it has none.

    `architecture`, `compile` and `vocabularies` are hashes: what counts is whether they are the same again. A model
    whose code cannot be written down as a config has no `architecture`; `unnamed_architecture` is that without the
    model's own name (not in older records). `forgotten` names the arguments that a custom
    class takes and its `get_config()` leaves out. `settings` are `ModelSettings`, `sharing` is what `describe_sharing`
    gives, `masks` are the outputs that carry a mask, and `unheld` is what `find_unheld_variables` finds.
    """

    architecture: str | None
    unnamed_architecture: str | None
    forgotten: list[str]
    layers: list[str]
    settings: dict[str, Any]
    sharing: dict[str, int]
    masks: list[str]
    compile: str | None
    compile_words: str
    policies: list[str]
    vocabularies: dict[str, str]
    outputs: list[str]
    unheld: list[str]


def collect_traits(model: Model) -> Traits:
    """Traits of a Keras model; empty for everything else."""
    if not _is_keras_model(model):
        return {}
    layers, config = _all_layers(model), _architecture_config(model)
    return {
        "architecture": _hash_json(config),
        "unnamed_architecture": _hash_json(_without_name(config)),
        "forgotten": _find_unserialized_arguments(model),
        "layers": [type(layer).__name__ for layer in layers],
        "settings": collect_settings(model).model_dump(),
        "sharing": describe_sharing(model),
        "masks": _masked_outputs(model),
        "compile": _hash_json(compile_config(model)),
        "compile_words": describe_compile_settings(model),
        "policies": [layer.dtype_policy.name for layer in layers],
        "vocabularies": {
            layer.name: _describe_vocabulary(layer) for layer in layers if hasattr(layer, "get_vocabulary")
        },
        "outputs": list(getattr(model, "output_names", None) or ()),
    }


def has_same_architecture(original: Mapping[str, Any], reloaded: Mapping[str, Any]) -> bool:
    """Whether two models have the same layers and settings by their traits, whatever the models are called."""
    unnamed = original.get("unnamed_architecture")
    is_same = unnamed is not None and reloaded.get("unnamed_architecture") == unnamed
    return is_same or reloaded.get("architecture") == original.get("architecture")


def model_and_layer_names(model: Model) -> list[str]:
    """Names of a Keras model and of its layers, the model's own first; empty for everything else."""
    return [part.name for part in _model_and_layers(model)]


def custom_objects(model: Model) -> dict[str, Any]:
    """The classes and functions that are not Keras' own of a Keras model, its layers, and what those and `compile` were
    given: initializers, activations, losses, schedules. By name, of two of one name the first; else empty."""
    parts = _model_and_layers(model)
    held = _held_objects(parts)
    kinds = [item if inspect.isfunction(item) else type(item) for item in (*parts, *held)]
    return {kind.__name__: kind for kind in reversed(kinds) if kind.__module__.partition(".")[0] != "keras"}


def _held_objects(parts: list[Any]) -> list[Any]:
    """The named functions and the objects with a config that some parts hold, and that those hold in turn, without
    layers; each once."""
    held: dict[int, Any] = {}
    waiting = list(parts)
    while waiting:
        for value in vars(waiting.pop()).values():
            values = (
                value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else [value]
            )
            new = [item for item in values if id(item) not in held and _is_given_by_name(item)]
            held |= {id(item): item for item in new}
            waiting += new
    return list(held.values())


def _is_given_by_name(item: Any) -> bool:
    """Whether a config names this function or the class of this object; Keras wraps the methods of its layers."""
    import keras

    if inspect.isfunction(item):
        return item.__name__ != "<lambda>" and not hasattr(item, "__wrapped__")
    return hasattr(item, "get_config") and hasattr(item, "__dict__") and not isinstance(item, (type, keras.Layer))


def _model_and_layers(model: Model) -> list[Any]:
    return [model, *_all_layers(model)] if _is_keras_model(model) else []


def _find_unserialized_arguments(model: Model) -> list[str]:
    """As "Scale: factor": a layer that is rebuilt without it takes its default, and nothing is reported."""
    custom = tuple(kind for kind in custom_objects(model).values() if isinstance(kind, type))
    return sorted(
        {
            f"{type(part).__name__}: {name}"
            for part in _model_and_layers(model)
            if isinstance(part, custom)
            for name in _arguments_missing_from_config(part)
        }
    )


def _arguments_missing_from_config(layer: Any) -> list[str]:
    if type(layer).__init__.__module__.partition(".")[0] == "keras":  # as of a functional model: inputs and outputs
        return []
    try:
        config = layer.get_config()
    except (
        NotImplementedError,
        TypeError,
        ValueError,
    ):  # it cannot be written down at all, which is reported elsewhere
        return []
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = inspect.signature(type(layer).__init__).parameters
    return [name for name, parameter in parameters.items() if parameter.kind in named and name not in {"self", *config}]


def _is_keras_model(model: Model) -> bool:
    try:
        return model_kind(model) == "keras"
    except Exception:  # noqa: BLE001  whatever was loaded is then simply no Keras model
        return False


def _all_layers(model: Model) -> list[Any]:
    return list(model._flatten_layers(include_self=False, recursive=True))


def _architecture_config(model: Model) -> Any:
    try:
        return drop_keys(json.loads(model.to_json()), NON_ARCHITECTURE_KEYS)
    except (NotImplementedError, TypeError, ValueError):
        return None


def _without_name(config: Any) -> Any:
    """The config of a model without its own name, on which no answer, weight or setting depends."""
    if not isinstance(config, dict) or not isinstance(config.get("config"), dict):
        return config
    return {**config, "config": {key: value for key, value in config["config"].items() if key != "name"}}


def _masked_outputs(model: Model) -> list[str]:
    """The outputs that come with a mask, which says which of their steps are padding; unknown of a subclassed model."""
    tensors = getattr(model, "outputs", None) or ()
    names = getattr(model, "output_names", None) or [f"output_{at}" for at in range(len(tensors))]
    return [
        name for name, tensor in zip(names, tensors, strict=False) if getattr(tensor, "_keras_mask", None) is not None
    ]


def _describe_vocabulary(layer: Any) -> str:
    tokens = [str(token) for token in layer.get_vocabulary()]
    return f"{len(tokens)} words, {_sha256(tokens)[:12]}"


def _hash_json(document: Any) -> str | None:
    return None if document is None else _sha256(document)


def _sha256(document: Any) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True, default=str).encode()).hexdigest()


class ReportedTraits(BaseModel):
    """All of the `Traits` of a Keras model as a child reports them: one of an untrusted file may report anything."""

    architecture: Hash | None
    unnamed_architecture: Hash | None
    forgotten: list[str]
    layers: list[str]
    settings: ModelSettings
    sharing: dict[str, Count]
    masks: list[str]
    compile: Hash | None
    compile_words: str
    policies: list[str]
    vocabularies: dict[str, str]
    outputs: list[str]


def validate_traits(traits: Mapping[str, Any]) -> dict[str, Any]:
    """The traits that a child reports, without anything else; empty of what is no Keras model. Raises ValueError."""
    return ReportedTraits.model_validate(traits).model_dump() if traits else {}
