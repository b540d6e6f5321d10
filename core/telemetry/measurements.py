"""Measurements as they are made anywhere in the program, and who listens to them: nobody, unless metrics are served."""

from collections.abc import Callable

Listener = Callable[[str, float, dict[str, str]], None]  # gets the metric's name, a number and the labels
_listeners: list[Listener] = []


def add_listener(listener: Listener) -> None:
    """Have a function called with each measurement from now on, by whichever thread makes it."""
    _listeners.append(listener)


def measure(metric: str, value: float = 1.0, **labels: str) -> None:
    """Give a measurement to who listens.

    Args:
        metric: a name of `core.telemetry.metrics`.
        value: seconds of a duration, bytes, or by how much something that is counted changed.
        labels: what it is measured of.
    """
    for listener in _listeners:
        listener(metric, value, labels)
