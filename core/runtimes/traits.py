"""What a live Keras model is beside its numbers: layers, compile settings, dtype policies, vocabularies."""

import hashlib
import inspect
import json
from typing import Any

from core.runtimes.base import model_kind

# What a config holds beside the architecture, and what differs from one deserialisation to the next.
NOT_ARCHITECTURE = ("build_config", "compile_config", "shared_object_id", "module", "registered_name")


def traits(model: Any) -> dict[str, Any]:
    """Traits of a Keras model, each None or empty where the model has none; empty for everything else.

    `architecture`, `compile` and `vocabularies` are hashes: what counts is whether they are the same again. A model
    whose code cannot be written down as a config has no `architecture`. `forgotten` names the arguments that a class of
    one's own takes and its `get_config()` leaves out.
    """
    if not _is_keras(model):
        return {}
    return {
        "architecture": _hash(_architecture(model)),
        "forgotten": _forgotten(model),
        "layers": [type(layer).__name__ for layer in _layers(model)],
        "compile": _hash(_compile_settings(model)),
        "compile_words": _compile_words(model),
        "policies": [layer.dtype_policy.name for layer in _layers(model)],
        "vocabularies": {
            layer.name: _vocabulary(layer) for layer in _layers(model) if hasattr(layer, "get_vocabulary")
        },
        "outputs": list(getattr(model, "output_names", None) or ()),
    }


def names(model: Any) -> list[str]:
    """Names of a Keras model and of its layers, the model's own first; empty for everything else."""
    return [one.name for one in (model, *_layers(model))] if _is_keras(model) else []


def custom_classes(model: Any) -> dict[str, type]:
    """The classes of a Keras model and its layers that are not Keras' own, by name; empty for everything else."""
    if not _is_keras(model):
        return {}
    kinds = {type(one) for one in (model, *_layers(model))}
    return {kind.__name__: kind for kind in kinds if kind.__module__.partition(".")[0] != "keras"}


def _forgotten(model: Any) -> list[str]:
    """As "Scale: factor": a layer that is rebuilt without it takes its default, and nobody is told."""
    own = tuple(custom_classes(model).values())
    found = []
    for layer in (model, *_layers(model)):
        if isinstance(layer, own):
            found += [f"{type(layer).__name__}: {name}" for name in _not_in_config(layer)]
    return sorted(set(found))


def _not_in_config(layer: Any) -> list[str]:
    try:
        config = layer.get_config()
    except (NotImplementedError, TypeError, ValueError):  # it cannot be written down at all, which is said elsewhere
        return []
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    asked = inspect.signature(type(layer).__init__).parameters.values()
    return [one.name for one in asked if one.kind in named and one.name != "self" and one.name not in config]


def _is_keras(model: Any) -> bool:
    try:
        return model_kind(model) == "keras"
    except Exception:  # noqa: BLE001  whatever was loaded is then simply no Keras model
        return False


def _layers(model: Any) -> list[Any]:
    return list(model._flatten_layers(include_self=False, recursive=True))


def _architecture(model: Any) -> Any:
    try:
        return _without(json.loads(model.to_json()), NOT_ARCHITECTURE)
    except (NotImplementedError, TypeError, ValueError):
        return None


def _compile_settings(model: Any) -> Any:
    """Optimizer with its settings, loss and metrics; a loss by name and one by object are the same loss."""
    if not getattr(model, "compiled", False):
        return None
    config = model.get_compile_config() or {}
    optimizer = _without(config.get("optimizer"), (*NOT_ARCHITECTURE, "name"))
    return {"optimizer": optimizer, "loss": _called(config.get("loss")), "metrics": _called(config.get("metrics"))}


def _called(part: Any) -> Any:
    """The names in a part of a compile config, however deep they stand."""
    if isinstance(part, dict) and "class_name" in part:
        return part.get("config", {}).get("name") if isinstance(part.get("config"), dict) else part.get("config")
    if isinstance(part, dict):
        return {key: _called(value) for key, value in part.items()}
    return [_called(one) for one in part] if isinstance(part, (list, tuple)) else part


def _compile_words(model: Any) -> str:
    if not getattr(model, "compiled", False):
        return ""
    return f"{type(model.optimizer).__name__}, loss {_name(model.loss)}"


def _name(loss: Any) -> str:
    return loss if isinstance(loss, str) else getattr(loss, "name", None) or getattr(loss, "__name__", "of its own")


def _vocabulary(layer: Any) -> str:
    words = layer.get_vocabulary()
    return f"{len(words)} words, {_hash([str(word) for word in words])[:12]}"


def _without(config: Any, names: tuple[str, ...]) -> Any:
    """The config without what is not compared, at every depth."""
    if isinstance(config, dict):
        return {key: _without(value, names) for key, value in config.items() if key not in names}
    if isinstance(config, (list, tuple)):
        return [_without(value, names) for value in config]
    return config


def _hash(found: Any) -> str | None:
    if found is None:
        return None
    return hashlib.sha256(json.dumps(found, sort_keys=True, default=str).encode()).hexdigest()
