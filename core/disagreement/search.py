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
from core.disagreement.metric import SAME, OutputScale, RowDisagreement, measure_disagreement
from core.disagreement.proposals import DataDomain, InputPoint, ProposedRows, StepGenerator

MAX_STARTS = 16  # best rows of the data that are kept to begin from
PARALLEL_CLIMBS, STEPS_PER_BATCH = 4, 32  # climbs side by side, and steps of each that are asked together
INITIAL_STEP_SIZE, MIN_STEP_SIZE = 0.1, 0.005  # size of a step, as a share of a column's range
STEP_GROWTH, STEP_SHRINKAGE = 1.3, 0.85
DATA_BUDGET_SHARE = 0.5  # share of the budget after which no more rows of the data are asked
GENERATED = "made"

PredictBoth = Callable[[Arrays], tuple[Arrays, Arrays]]


class DataChunk(NamedTuple):
    """Rows of the data, batch first: from which split, from which row of it on, and the truth where it is known."""

    split: str
    start: int
    inputs: Arrays
    targets: Arrays


class SearchBudget:
    """A limit on seconds, and on inputs that are asked (None for none), whichever comes first."""

    def __init__(self, seconds: float, evaluations: int | None = None):
        self.spent = 0
        self._seconds = seconds
        self._evaluations = evaluations
        self._started = time.monotonic()

    @property
    def seconds_used(self) -> float:
        return time.monotonic() - self._started

    @property
    def evaluations_left(self) -> float:
        """Inputs that may still be asked; infinite where only time is short."""
        if self.seconds_used >= self._seconds:
            return 0
        return float("inf") if self._evaluations is None else self._evaluations - self.spent

    @property
    def seconds_left(self) -> float:
        """The longest that it may still take."""
        return max(self._seconds - self.seconds_used, 0.0)

    @property
    def share_used(self) -> float:
        """The share that is used up, in [0, 1]."""
        counted = self.spent / self._evaluations if self._evaluations else 0.0
        return min(max(self.seconds_used / self._seconds, counted), 1.0)


@dataclass(frozen=True)
class DisagreeingInput:
    """One input, what both answered to it, and the row of the data from which so many steps led there (`began`, None
    where it is that row itself)."""

    point: InputPoint
    predictions: tuple[Arrays, Arrays]
    level: int
    amount: float
    score: float
    output: str
    split: str
    row: int
    targets: Arrays = field(default_factory=dict)
    steps: int = 0
    start: "DisagreeingInput | None" = None

    @property
    def is_changed(self) -> bool:
        return self.level > SAME


class DisagreementSearch:
    """Looks for the input on which two disagree most. `ask` gives both answers to the same rows, by the output names of
    `scales`; `hear` is told after every batch. `data` comes first, then `steps`; each ends with the budget."""

    def __init__(
        self,
        predict: PredictBoth,
        scales: Mapping[str, OutputScale],
        budget: SearchBudget,
        seed: int = 0,
        on_progress: Callable[["DisagreementSearch"], None] = lambda search: None,
    ):
        self.scales, self.budget, self.domain = scales, budget, DataDomain()
        self.evaluated: dict[str, int] = {}
        self.changed: dict[str, int] = {}
        self.largest = 0.0
        self.best: DisagreeingInput | None = None
        self.starts: list[DisagreeingInput] = []
        self._predict, self._on_progress = predict, on_progress
        self._random = np.random.default_rng(seed)

    def scan_data(self, chunks: Iterable[DataChunk]) -> None:
        """Ask rows as they are; no further piece is taken once half of the budget is used up."""
        for piece in chunks:
            rows = min(len(next(iter(piece.inputs.values()))), self.budget.evaluations_left)
            if rows < 1:
                break
            inputs = _first_rows(piece.inputs, int(rows))
            self.domain.add(inputs)
            answers, measured = self._evaluate(piece.split, inputs)
            for row in np.argsort(-measured.score, kind="stable")[:MAX_STARTS]:
                origin = _select_row(inputs, row)
                found = self._build_input(InputPoint(origin, origin), answers, measured, int(row))
                self.starts.append(
                    replace(
                        found, split=piece.split, row=piece.start + int(row), targets=_select_row(piece.targets, row)
                    )
                )
            self.starts = sorted(self.starts, key=lambda one: -one.score)[:MAX_STARTS]
            self._update_best(self.starts[0])
            self._on_progress(self)
            if self.budget.share_used >= DATA_BUDGET_SHARE:
                break

    def climb_from_best(self) -> None:
        """Climb from the best rows of the data; nothing where no column of it can be another value."""
        steps = StepGenerator(self.domain, self._random)
        if not (self.starts and steps.can_move):
            return
        climbs = [_Climb(start) for start in self.starts[:PARALLEL_CLIMBS]]
        begun = len(climbs)
        while (count := int(min(STEPS_PER_BATCH, self.budget.evaluations_left // len(climbs)))) > 0:
            proposals = [steps.propose(one.current.point, count, one.step_size) for one in climbs]
            answers, measured = self._evaluate(GENERATED, _concatenate([one.inputs for one in proposals]))
            for number, climb in enumerate(climbs):
                self._advance(climb, proposals[number], answers, measured, number * count)
                self._update_best(climb.current)
                if climb.step_size < MIN_STEP_SIZE:
                    climbs[number] = _Climb(self.starts[begun % len(self.starts)])
                    begun += 1
            self._on_progress(self)

    def _advance(
        self, climb: "_Climb", proposals: ProposedRows, predictions, measured: RowDisagreement, offset: int
    ) -> None:
        """Take the best of a climb's own steps, which stand in the batch from `offset` on, if it is better."""
        scores = measured.score[offset : offset + len(next(iter(proposals.inputs.values())))]
        at, best = climb.current, int(scores.argmax())
        climb.step_size *= STEP_GROWTH if (scores > at.score).mean() > 0.2 else STEP_SHRINKAGE
        if scores[best] > at.score:
            found = self._build_input(proposals.point_at(best, at.point.origin), predictions, measured, offset + best)
            came = {"split": at.split, "row": at.row, "targets": at.targets, "start": at.start or at}
            climb.current = replace(found, steps=at.steps + 1, **came)

    def _evaluate(self, phase: str, inputs: Arrays) -> tuple[tuple[Arrays, Arrays], RowDisagreement]:
        answers = self._predict(inputs)
        measured = measure_disagreement(*answers, self.scales)
        rows = len(measured.level)
        self.budget.spent += rows
        self.evaluated[phase] = self.evaluated.get(phase, 0) + rows
        self.changed[phase] = self.changed.get(phase, 0) + int(measured.changed.sum())
        self.largest = max(self.largest, float(measured.largest.max(initial=0.0)))
        return answers, measured

    def _build_input(
        self, point: InputPoint, predictions: tuple[Arrays, Arrays], measured: RowDisagreement, row: int
    ) -> DisagreeingInput:
        return DisagreeingInput(
            point,
            (_select_row(predictions[0], row), _select_row(predictions[1], row)),
            level=int(measured.level[row]),
            amount=float(measured.amount[row]),
            score=float(measured.score[row]),
            output=list(self.scales)[measured.output[row]],
            split="",
            row=0,
        )

    def _update_best(self, candidate: DisagreeingInput) -> None:
        if self.best is None or candidate.score > self.best.score:
            self.best = candidate


@dataclass
class _Climb:
    current: DisagreeingInput
    step_size: float = INITIAL_STEP_SIZE


def _select_row(arrays: Arrays, row: int) -> Arrays:
    return {name: array[row : row + 1] for name, array in arrays.items()}


def _first_rows(arrays: Arrays, rows: int) -> Arrays:
    return {name: array[:rows] for name, array in arrays.items()}


def _concatenate(parts: list[Arrays]) -> Arrays:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
