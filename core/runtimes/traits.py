"""What a live Keras model is beside its numbers: layers, compile settings, dtype policies, vocabularies.

What can be said of a live model: its answers in fixed batches, its shape in words, its variables by hash.
"""

import hashlib
import inspect
import json
from typing import Any

from core.runtimes.base import NamedArrays, model_kind
from core.runtimes.live import live_predictor
from core.runtimes.reference import count_nonfinite, fingerprint_arrays

# What a config holds beside the architecture, and what differs from one deserialisation to the next.
NON_ARCHITECTURE_KEYS = ("build_config", "compile_config", "shared_object_id", "module", "registered_name")


def collect_traits(model: Any) -> dict[str, Any]:
    """Traits of a Keras model, each None or empty where the model has none; empty for everything else.

    `architecture`, `compile` and `vocabularies` are hashes: what counts is whether they are the same again. A model
    whose code cannot be written down as a config has no `architecture`. `forgotten` names the arguments that a class of
    one's own takes and its `get_config()` leaves out.
    """
    if not _is_keras_model(model):
        return {}
    return {
        "architecture": _hash_json(_architecture_config(model)),
        "forgotten": _find_unserialized_arguments(model),
        "layers": [type(layer).__name__ for layer in _all_layers(model)],
        "compile": _hash_json(_compile_config(model)),
        "compile_words": _describe_compile_settings(model),
        "policies": [layer.dtype_policy.name for layer in _all_layers(model)],
        "vocabularies": {
            layer.name: _describe_vocabulary(layer) for layer in _all_layers(model) if hasattr(layer, "get_vocabulary")
        },
        "outputs": list(getattr(model, "output_names", None) or ()),
    }


def model_and_layer_names(model: Any) -> list[str]:
    """Names of a Keras model and of its layers, the model's own first; empty for everything else."""
    return [one.name for one in (model, *_all_layers(model))] if _is_keras_model(model) else []


def custom_classes(model: Any) -> dict[str, type]:
    """The classes of a Keras model and its layers that are not Keras' own, by name; empty for everything else."""
    if not _is_keras_model(model):
        return {}
    kinds = {type(one) for one in (model, *_all_layers(model))}
    return {kind.__name__: kind for kind in kinds if kind.__module__.partition(".")[0] != "keras"}


def _find_unserialized_arguments(model: Any) -> list[str]:
    """As "Scale: factor": a layer that is rebuilt without it takes its default, and nobody is told."""
    own = tuple(custom_classes(model).values())
    found = []
    for layer in (model, *_all_layers(model)):
        if isinstance(layer, own):
            found += [f"{type(layer).__name__}: {name}" for name in _arguments_missing_from_config(layer)]
    return sorted(set(found))


def _arguments_missing_from_config(layer: Any) -> list[str]:
    try:
        config = layer.get_config()
    except (NotImplementedError, TypeError, ValueError):  # it cannot be written down at all, which is said elsewhere
        return []
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    asked = inspect.signature(type(layer).__init__).parameters.values()
    return [one.name for one in asked if one.kind in named and one.name != "self" and one.name not in config]


def _is_keras_model(model: Any) -> bool:
    try:
        return model_kind(model) == "keras"
    except Exception:  # noqa: BLE001  whatever was loaded is then simply no Keras model
        return False


def _all_layers(model: Any) -> list[Any]:
    return list(model._flatten_layers(include_self=False, recursive=True))


def _architecture_config(model: Any) -> Any:
    try:
        return _drop_keys(json.loads(model.to_json()), NON_ARCHITECTURE_KEYS)
    except (NotImplementedError, TypeError, ValueError):
        return None


def _compile_config(model: Any) -> Any:
    """Optimizer with its settings, loss and metrics; a loss by name and one by object are the same loss."""
    if not getattr(model, "compiled", False):
        return None
    config = model.get_compile_config() or {}
    optimizer = _drop_keys(config.get("optimizer"), (*NON_ARCHITECTURE_KEYS, "name"))
    return {
        "optimizer": optimizer,
        "loss": _names_in_config(config.get("loss")),
        "metrics": _names_in_config(config.get("metrics")),
    }


def _names_in_config(part: Any) -> Any:
    """The names in a part of a compile config, however deep they stand."""
    if isinstance(part, dict) and "class_name" in part:
        return part.get("config", {}).get("name") if isinstance(part.get("config"), dict) else part.get("config")
    if isinstance(part, dict):
        return {key: _names_in_config(value) for key, value in part.items()}
    return [_names_in_config(one) for one in part] if isinstance(part, (list, tuple)) else part


def _describe_compile_settings(model: Any) -> str:
    if not getattr(model, "compiled", False):
        return ""
    return f"{type(model.optimizer).__name__}, loss {_loss_name(model.loss)}"


def _loss_name(loss: Any) -> str:
    return loss if isinstance(loss, str) else getattr(loss, "name", None) or getattr(loss, "__name__", "of its own")


def _describe_vocabulary(layer: Any) -> str:
    words = layer.get_vocabulary()
    return f"{len(words)} words, {_hash_json([str(word) for word in words])[:12]}"


def _drop_keys(config: Any, keys: tuple[str, ...]) -> Any:
    """The config without what is not compared, at every depth."""
    if isinstance(config, dict):
        return {key: _drop_keys(value, keys) for key, value in config.items() if key not in keys}
    if isinstance(config, (list, tuple)):
        return [_drop_keys(value, keys) for value in config]
    return config


def _hash_json(document: Any) -> str | None:
    if document is None:
        return None
    return hashlib.sha256(json.dumps(document, sort_keys=True, default=str).encode()).hexdigest()


def describe_model(model: Any) -> dict[str, Any]:
    """Kind, size, summary, and the fingerprints of weights and optimizer state of a live model."""
    predictor = live_predictor(model)
    weights = predictor.weights()
    return {
        "kind": model_kind(model),
        "parameters": int(sum(array.size for _, array in weights)),
        "summary": summarize_model(model, weights),
        "inputs": [spec.to_json() for spec in predictor.inputs],
        "weight_bytes": sum(array.nbytes for _, array in weights),
        "not_finite": count_nonfinite(weights),
        "weights": fingerprint_arrays(weights),
        "optimizer": fingerprint_arrays(predictor.optimizer_state()),
        "traits": collect_traits(model),
    }


def summarize_model(model: Any, weights: NamedArrays) -> str:
    """`model.summary()` for Keras; for a tf.Module, its variables as a table of the same kind."""
    if model_kind(model) == "keras":
        lines: list[str] = []
        model.summary(print_fn=lambda line, **_: lines.append(line), line_length=80)
        return "\n".join(lines)
    rows = [f"{name:<40}{array.shape!s:<20}{array.size:>12,}" for name, array in weights]
    total = sum(array.size for _, array in weights)
    return "\n".join(
        [f"tf.Module: {model.name}", f"{'Variable':<40}{'Shape':<20}{'Values':>12}", *rows, f"{total:>72,}"]
    )
