"""The search itself: every row of the data first, then several climbs side by side from the best of them.

A climb is a (1 + λ) evolution strategy: of λ steps around where it stands the best is taken if it is better, and the
size of the steps follows Rechenberg's rule of one fifth (Evolutionsstrategie, 1973): larger while more than a fifth of
the steps are better, smaller while fewer are. Where the steps have become too small to matter, the climb begins anew
from another row.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from core.arrays import Arrays
from core.disagreement.metric import SAME, Measured, Scale, measure
from core.disagreement.proposals import Point, Proposals, Seen, Steps

STARTS = 16  # best rows of the data that are kept to begin from
CLIMBS, STEPS = 4, 32  # climbs side by side, and steps of each that are asked together
FIRST, SMALLEST = 0.1, 0.005  # size of a step, as a share of a column's range
GROW, SHRINK = 1.3, 0.85
FOR_DATA = 0.5  # share of the budget after which no more rows of the data are asked
MADE = "made"

Ask = Callable[[Arrays], tuple[Arrays, Arrays]]


class Piece(NamedTuple):
    """Rows of the data, batch first: from which split, from which row of it on, and the truth where it is known."""

    split: str
    start: int
    inputs: Arrays
    targets: Arrays


class Budget:
    """A limit on seconds, and on inputs that are asked (None for none), whichever comes first."""

    def __init__(self, seconds: float, evaluations: int | None = None):
        self.spent = 0
        self._seconds = seconds
        self._evaluations = evaluations
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    @property
    def left(self) -> float:
        """Inputs that may still be asked; infinite where only time is short."""
        if self.seconds >= self._seconds:
            return 0
        return float("inf") if self._evaluations is None else self._evaluations - self.spent

    @property
    def seconds_left(self) -> float:
        """The longest that it may still take."""
        return max(self._seconds - self.seconds, 0.0)

    @property
    def done(self) -> float:
        """The share that is used up, in [0, 1]."""
        counted = self.spent / self._evaluations if self._evaluations else 0.0
        return min(max(self.seconds / self._seconds, counted), 1.0)


@dataclass(frozen=True)
class Find:
    """One input, what both answered to it, and the row of the data from which so many steps led there (`began`, None
    where it is that row itself)."""

    point: Point
    answers: tuple[Arrays, Arrays]
    level: int
    amount: float
    score: float
    output: str
    split: str
    row: int
    targets: Arrays = field(default_factory=dict)
    steps: int = 0
    began: "Find | None" = None

    @property
    def changed(self) -> bool:
        return self.level > SAME


class Search:
    """Looks for the input on which two disagree most. `ask` gives both answers to the same rows, by the output names of
    `scales`; `hear` is told after every batch. `data` comes first, then `steps`; each ends with the budget."""

    def __init__(
        self,
        ask: Ask,
        scales: Mapping[str, Scale],
        budget: Budget,
        seed: int = 0,
        hear: Callable[["Search"], None] = lambda search: None,
    ):
        self.scales, self.budget, self.seen = scales, budget, Seen()
        self.asked: dict[str, int] = {}
        self.changed: dict[str, int] = {}
        self.largest = 0.0
        self.best: Find | None = None
        self.starts: list[Find] = []
        self._ask, self._hear = ask, hear
        self._random = np.random.default_rng(seed)

    def data(self, pieces: Iterable[Piece]) -> None:
        """Ask rows as they are; no further piece is taken once half of the budget is used up."""
        for piece in pieces:
            rows = min(len(next(iter(piece.inputs.values()))), self.budget.left)
            if rows < 1:
                break
            inputs = _head(piece.inputs, int(rows))
            self.seen.add(inputs)
            answers, measured = self._measure(piece.split, inputs)
            for row in np.argsort(-measured.score, kind="stable")[:STARTS]:
                origin = _row(inputs, row)
                found = self._find(Point(origin, origin), answers, measured, int(row))
                self.starts.append(
                    replace(found, split=piece.split, row=piece.start + int(row), targets=_row(piece.targets, row))
                )
            self.starts = sorted(self.starts, key=lambda one: -one.score)[:STARTS]
            self._better(self.starts[0])
            self._hear(self)
            if self.budget.done >= FOR_DATA:
                break

    def steps(self) -> None:
        """Climb from the best rows of the data; nothing where no column of it can be another value."""
        steps = Steps(self.seen, self._random)
        if not (self.starts and steps.can_move):
            return
        climbs = [_Climb(start) for start in self.starts[:CLIMBS]]
        begun = len(climbs)
        while (count := int(min(STEPS, self.budget.left // len(climbs)))) > 0:
            proposals = [steps.around(one.at.point, count, one.size) for one in climbs]
            answers, measured = self._measure(MADE, _joined([one.inputs for one in proposals]))
            for number, climb in enumerate(climbs):
                self._climb(climb, proposals[number], answers, measured, number * count)
                self._better(climb.at)
                if climb.size < SMALLEST:
                    climbs[number] = _Climb(self.starts[begun % len(self.starts)])
                    begun += 1
            self._hear(self)

    def _climb(self, climb: "_Climb", made: Proposals, answers, measured: Measured, offset: int) -> None:
        """Take the best of a climb's own steps, which stand in the batch from `offset` on, if it is better."""
        scores = measured.score[offset : offset + len(next(iter(made.inputs.values())))]
        at, best = climb.at, int(scores.argmax())
        climb.size *= GROW if (scores > at.score).mean() > 0.2 else SHRINK
        if scores[best] > at.score:
            found = self._find(made.take(best, at.point.origin), answers, measured, offset + best)
            came = {"split": at.split, "row": at.row, "targets": at.targets, "began": at.began or at}
            climb.at = replace(found, steps=at.steps + 1, **came)

    def _measure(self, phase: str, inputs: Arrays) -> tuple[tuple[Arrays, Arrays], Measured]:
        answers = self._ask(inputs)
        measured = measure(*answers, self.scales)
        rows = len(measured.level)
        self.budget.spent += rows
        self.asked[phase] = self.asked.get(phase, 0) + rows
        self.changed[phase] = self.changed.get(phase, 0) + int(measured.changed.sum())
        self.largest = max(self.largest, float(measured.largest.max(initial=0.0)))
        return answers, measured

    def _find(self, point: Point, answers: tuple[Arrays, Arrays], measured: Measured, row: int) -> Find:
        return Find(
            point,
            (_row(answers[0], row), _row(answers[1], row)),
            level=int(measured.level[row]),
            amount=float(measured.amount[row]),
            score=float(measured.score[row]),
            output=list(self.scales)[measured.output[row]],
            split="",
            row=0,
        )

    def _better(self, found: Find) -> None:
        if self.best is None or found.score > self.best.score:
            self.best = found


@dataclass
class _Climb:
    at: Find
    size: float = FIRST


def _row(arrays: Arrays, row: int) -> Arrays:
    return {name: array[row : row + 1] for name, array in arrays.items()}


def _head(arrays: Arrays, rows: int) -> Arrays:
    return {name: array[:rows] for name, array in arrays.items()}


def _joined(parts: list[Arrays]) -> Arrays:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
