"""What a benchmark gives: a row with a number of ours, one of somebody else's, and what must be reached."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Sample:
    """Repeated measurements of one thing, all in the same unit."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def text(self, unit: str) -> str:
        """The median with the smallest and the largest value behind it."""
        least, most = min(self.values), max(self.values)
        return f"{number(self.median)} {unit} ({number(least)}–{number(most)})"


@dataclass(frozen=True)
class Row:
    """One line of the table.

    `at_most` bounds our median over the other's, or our median itself where nothing stands beside it; `at_least` bounds
    the other's median over ours ("times as fast"). With neither, the row is shown for information.
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
    """Three digits that matter, without an exponent."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def seconds(action: Callable[[], Any]) -> float:
    """Wall clock of one call."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def in_turn(repeats: int, *actions: Callable[[], float]) -> list[Sample]:
    """Measure each action `repeats` times, one after another in turn, so that a busy machine slows all alike.

    A first round is thrown away: it fills the caches of the disk.
    """
    rounds = [[action() for action in actions] for _ in range(repeats + 1)][1:]
    return [Sample(tuple(column)) for column in zip(*rounds, strict=True)]


def until(met: Callable[[], bool], limit: float, what: str, tick: float = 0.005) -> None:
    """Wait until something holds. Raises TimeoutError, saying `what`, after `limit` seconds."""
    deadline = time.monotonic() + limit
    while not met():
        if time.monotonic() > deadline:
            raise TimeoutError(f"Waited {limit:g} s for {what}")
        time.sleep(tick)
