"""The compile settings of a Keras model: loss, metrics and optimizer."""

from typing import Any

from core.runtimes.base import Model

# What a config holds beside the architecture, and what differs from one deserialisation to the next.
NON_ARCHITECTURE_KEYS = ("build_config", "compile_config", "shared_object_id", "module", "registered_name")


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
