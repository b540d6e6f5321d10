"""The compile settings of a Keras model: loss, metrics and optimizer."""

from collections.abc import Iterator
from typing import Any

from core.runtimes.base import Model
from core.runtimes.config_arguments import NON_ARCHITECTURE_KEYS

RESOLVED_BY_TARGETS = frozenset({"accuracy", "acc", "crossentropy", "ce"})  # Keras decides when it sees the targets


def compile_config(model: Model) -> Any:
    """Optimizer with its settings, loss and metrics; a loss by name and one by object are the same loss."""
    if not getattr(model, "compiled", False):
        return None
    config = model.get_compile_config() or {}
    return {
        "optimizer": drop_keys(config.get("optimizer"), (*NON_ARCHITECTURE_KEYS, "name")),
        "loss": _names_in_config(config.get("loss")),
        "metrics": _names_in_config(config.get("metrics")),
    }


def _names_in_config(part: Any) -> Any:
    """The names in a part of a compile config, however deep they stand."""
    if isinstance(part, dict) and "class_name" in part:
        return part.get("config", {}).get("name") if isinstance(part.get("config"), dict) else part.get("config")
    if isinstance(part, dict):
        return {key: _names_in_config(value) for key, value in part.items()}
    return [_names_in_config(item) for item in part] if isinstance(part, (list, tuple)) else part


def describe_compile_settings(model: Model) -> str:
    if not getattr(model, "compiled", False):
        return ""
    loss = model.loss
    name = loss if isinstance(loss, str) else getattr(loss, "name", None) or getattr(loss, "__name__", "of its own")
    return f"{type(model.optimizer).__name__}, loss {name}"


def drop_keys(config: Any, keys: tuple[str, ...]) -> Any:
    """The config without what is not compared, at every depth."""
    if isinstance(config, dict):
        return {key: drop_keys(value, keys) for key, value in config.items() if key not in keys}
    if isinstance(config, (list, tuple)):
        return [drop_keys(value, keys) for value in config]
    return config


def compile_parts(model: Model) -> dict[str, Any]:
    """What `compile` was given, by the names of its arguments; empty where it was not called."""
    if not getattr(model, "compiled", False):
        return {}
    given = getattr(getattr(model, "_compile_config", None), "config", None) or {"loss": getattr(model, "loss", None)}
    return {"optimizer": getattr(model, "optimizer", None), **{key: given[key] for key in given if key != "optimizer"}}


def iterate_functions(part: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Each loss or metric in an argument of `compile`, and where it stands: "loss.head", "metrics[1]"."""
    if isinstance(part, dict):
        for name, item in part.items():
            yield from iterate_functions(item, f"{path}.{name}")
    elif isinstance(part, (list, tuple)):
        for at, item in enumerate(part):
            yield from iterate_functions(item, f"{path}[{at}]" if len(part) > 1 else path)
    elif part is not None:
        yield path, _resolve_name(part, is_loss=path.startswith("loss"))


def _resolve_name(part: Any, is_loss: bool) -> Any:
    """The function or object that Keras knows by a name: a loss by name and one by object are the same loss."""
    import keras

    if not isinstance(part, str) or part in RESOLVED_BY_TARGETS:
        return part
    try:
        return (keras.losses if is_loss else keras.metrics).get(part)
    except ValueError:
        return part
