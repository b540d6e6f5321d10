"""What the compile settings of a model do: each loss and metric on fixed numbers, the optimizer by two steps.

A class may take an argument and use another, and a config may say what its object does not do: numbers tell. Nothing of
the model moves: metrics and the optimizer are made anew from their arguments.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from core.runtimes.base import Model
from core.runtimes.compile_settings import compile_parts, iterate_functions
from core.runtimes.config_arguments import omitted_argument, parameter_names, read_config

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
