"""Results of benchmarks: rows with our measurements, those of an alternative, and the target."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Sample:
    """Repeated measurements of one quantity, all in the same unit."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def text(self, unit: str) -> str:
        """Return the median, with the smallest and the largest value in parentheses."""
        least, most = min(self.values), max(self.values)
        return f"{number(self.median)} {unit} ({number(least)}–{number(most)})"


@dataclass(frozen=True)
class Row:
    """One line of the table.

    `at_most` bounds our median as a ratio to the alternative's (`beside`), or our median itself without one; `at_least`
    bounds the alternative's median as a ratio to ours ("times as fast"). With neither, the row has no target.
    """

    what: str
    ours: Sample
    beside: Sample | None = None
    against: str = ""
    unit: str = "s"
    at_most: float | None = None
    at_least: float | None = None
    note: str = ""

    @property
    def value(self) -> float:
        if self.beside is None:
            return self.ours.median
        if self.at_least is not None:
            return self.beside.median / self.ours.median
        return self.ours.median / self.beside.median

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None where there is none."""
        if self.at_least is not None:
            return self.value >= self.at_least
        return None if self.at_most is None else self.value <= self.at_most

    @property
    def value_text(self) -> str:
        if self.beside is None:
            return f"{number(self.value)} {self.unit}"
        return f"{self.value:.3g} ×" + (" faster" if self.at_least is not None else "")

    @property
    def target_text(self) -> str:
        times = f" {self.unit}" if self.beside is None else " ×"
        if self.at_least is not None:
            return f"at least {self.at_least:g}{times} faster"
        return "" if self.at_most is None else f"at most {self.at_most:g}{times}"

    @property
    def met_text(self) -> str:
        return {True: "ok", False: "missed", None: ""}[self.met]

    def to_json(self) -> dict[str, Any]:
        return {
            "what": self.what,
            "unit": self.unit,
            "ours": list(self.ours.values),
            "against": self.against,
            "beside": None if self.beside is None else list(self.beside.values),
            "value": self.value,
            "at_most": self.at_most,
            "at_least": self.at_least,
            "met": self.met,
            "note": self.note,
        }


def number(value: float) -> str:
    """Format a number with three significant digits, without an exponent."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def seconds(action: Callable[[], Any]) -> float:
    """Return the wall-clock seconds of one call."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def in_turn(repeats: int, *actions: Callable[[], float]) -> list[Sample]:
    """Measure each action `repeats` times, one after another in turn, so that a busy machine slows all alike.

    A first round is discarded: it fills the caches of the disk.
    """
    rounds = [[action() for action in actions] for _ in range(repeats + 1)][1:]
    return [Sample(tuple(column)) for column in zip(*rounds, strict=True)]


def until(met: Callable[[], bool], limit: float, event: str, tick: float = 0.005) -> None:
    """Wait until a condition is met. Raises TimeoutError, which names the `event`, after `limit` seconds."""
    deadline = time.monotonic() + limit
    while not met():
        if time.monotonic() > deadline:
            raise TimeoutError(f"Waited {limit:g} s for {event}")
        time.sleep(tick)
