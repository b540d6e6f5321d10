"""The compile settings of a Keras model (loss, metrics, optimizer), by argument and by what they do.

Each loss and metric is called with fixed numbers, the optimizer makes two steps: a class may take an argument and use
another, and a config may say what its object does not do. Nothing of the model moves: metrics and the optimizer are
made anew from their arguments.
"""

import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np

from core.runtimes.base import Model
from core.runtimes.config_arguments import (
    NON_ARCHITECTURE_KEYS,
    Argument,
    class_name,
    flatten_value,
    omitted_argument,
    parameter_names,
    read_arguments,
    read_config,
)

# Whether a model is compiled by XLA depends on the machine.
MACHINE_SETTINGS = frozenset({"jit_compile"})
WRAPPED_DEFAULTS = {"reduction": "sum_over_batch_size", "dtype": "float32"}  # of what Keras wraps around a function
RESOLVED_BY_TARGETS = frozenset({"accuracy", "acc", "crossentropy", "ce"})  # Keras decides when it sees the targets


def compile_config(model: Model) -> Any:
    """Optimizer with its settings, loss and metrics; a loss by name and one by object are the same loss."""
    if not getattr(model, "compiled", False):
        return None
    try:
        config = model.get_compile_config() or {}
    except (NotImplementedError, TypeError, ValueError):  # of a schedule or loss that cannot be written down
        return {"words": describe_compile_settings(model)}
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


STEPS = 2  # of the optimizer: the second one has moments behind it
START = np.array([[0.5, -1.0, 0.1], [2.0, 0.25, -3.0]], "float32")
GRADIENTS = np.array([[0.1, -0.2, 4.0], [3.0, 0.4, -0.01]], "float32")
# Targets and predictions: what a loss takes is not known, so these are tried in turn.
_LEVELS = np.linspace(0.05, 0.95, 12, dtype="float32").reshape(4, 3)[[2, 0, 3, 1]]
_ONE_HOT = np.eye(3, dtype="float32")[[0, 2, 1, 2]]
PAIRS = (
    (_ONE_HOT, _LEVELS),
    (np.array([0, 2, 1, 2]), _LEVELS),
    (_ONE_HOT[:, :1], _LEVELS[:, :1]),
    (np.tile(_ONE_HOT[:, None, None], (1, 16, 16, 1)), np.tile(_LEVELS[:, None, None], (1, 16, 16, 1))),
)
SCALES = (1.0, 8.0)  # of the predictions: some losses bend where the error is large


def measure_behaviour(model: Model) -> dict[str, list[float]]:
    """The numbers by what gave them: "loss", "metrics[0]", "optimizer"; without what takes none of the fixed pairs."""
    parts, measured = compile_parts(model), {}
    for name in ("loss", "metrics", "weighted_metrics"):
        for path, part in iterate_functions(parts.get(name), name):
            if numbers := _measure_function(part):
                measured[path] = numbers
    if steps := _measure_optimizer(parts.get("optimizer")):
        measured["optimizer"] = steps
    return measured


def _measure_function(part: Any) -> list[float]:
    """A loss or metric on the first pair that it takes; empty where it takes none."""
    if not callable(part):
        return []
    for targets, predictions in PAIRS:
        try:
            return [number for scale in SCALES for number in _call_loss_or_metric(part, targets, predictions * scale)]
        except Exception:  # noqa: BLE001  a loss of somebody's own raises what it likes
            continue
    return []


def _call_loss_or_metric(part: Any, targets: np.ndarray, predictions: np.ndarray) -> list[float]:
    import keras

    sides = (keras.ops.convert_to_tensor(side) for side in (targets, predictions))
    if not hasattr(part, "update_state"):  # Keras takes the mean of what a bare function gives for each row
        return [float(np.mean(np.asarray(part(*sides), "float64")))]
    metric = _rebuild_without_state(part)
    metric.update_state(*sides)
    return list(_to_numbers(metric.result()))


def _rebuild_without_state(part: Any) -> Any:
    """The same metric or optimizer without its state, from its arguments by value.

    Keras copies by way of the config, which may leave an argument out.
    """
    config, kind = read_config(part), type(part)
    omitted = {name: omitted_argument(part, name) for name in parameter_names(kind) if name not in config}
    held = {name: value for name, value in omitted.items() if value is not None}
    try:
        return kind.from_config({**config, **held})
    except (TypeError, ValueError):  # what it holds need not be what it takes
        return kind.from_config(dict(config))


def _to_numbers(value: Any) -> Iterator[float]:
    values = value.values() if isinstance(value, dict) else [value]
    for each in values:
        yield from np.asarray(each, "float64").reshape(-1)[:8].tolist()


def _measure_optimizer(optimizer: Any) -> list[float]:
    """Where a few fixed numbers are after two steps; empty where no optimizer can be made from these arguments."""
    import keras

    try:
        anew, variable = _rebuild_without_state(optimizer), keras.Variable(START, name="fixed")
        anew.build([variable])
        for _ in range(STEPS):
            anew.apply([keras.ops.convert_to_tensor(GRADIENTS)], [variable])
        return list(_to_numbers(variable))
    except Exception:  # noqa: BLE001  an optimizer of somebody's own raises what it likes
        return []


def read_compile_arguments(model: Model) -> Iterator[Argument]:
    """Every setting of `compile` by value: "loss.delta", "optimizer.learning_rate"; nothing where it was not called."""
    for name, part in compile_parts(model).items():
        if name in ("loss", "metrics", "weighted_metrics"):
            for path, item in iterate_functions(part, name):
                yield from _read_function_arguments(item, path)
        elif part is not None and name not in MACHINE_SETTINGS:
            yield from flatten_value(part, name)


def _read_function_arguments(part: Any, path: str) -> Iterator[Argument]:
    """The arguments of a loss or metric; what wraps a function is that function with these arguments."""
    function = getattr(part, "fn", None) or getattr(part, "_fn", None) or (part if inspect.isfunction(part) else None)
    if function is None:
        yield Argument(path, part if isinstance(part, str) else type(part).__name__)
        yield from (() if isinstance(part, str) else read_arguments(part, path))
        return
    yield Argument(path, getattr(function, "__name__", type(function).__name__))
    config, given = read_config(part), getattr(part, "_fn_kwargs", {})
    values = _default_arguments(function) | given
    values |= {name: getattr(part, name, default) for name, default in WRAPPED_DEFAULTS.items()}
    for name, value in values.items():
        omitted_by = class_name(part) if name in given and name not in config else ""
        yield from flatten_value(value, f"{path}.{name}", omitted_by)


def _default_arguments(function: Any) -> dict[str, Any]:
    parameters = inspect.signature(function).parameters if parameter_names(function) else {}
    return {name: each.default for name, each in parameters.items() if each.default is not inspect.Parameter.empty}
