"""Search: every row of the data first, then several climbs side by side from the best of them.

A climb is a (1 + λ) evolution strategy: of λ steps around where it stands the best is taken if it is better, and the
size of the steps follows Rechenberg's rule of one fifth (Evolutionsstrategie, 1973): larger while more than a fifth of
the steps are better, smaller while fewer are. Where the steps have become too small to matter, the climb begins anew
from another row.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from core.arrays import Arrays, select_rows
from core.disagreement.metric import SAME, OutputScale, RowDisagreement, measure_disagreement
from core.disagreement.proposals import DataDomain, InputPoint, ProposedRows, StepGenerator

MAX_STARTS = 16  # best rows of the data that are candidates to begin from
PARALLEL_CLIMBS, STEPS_PER_BATCH = 4, 32  # climbs side by side, and steps of each that are predicted together
INITIAL_STEP_SIZE, MIN_STEP_SIZE = 0.1, 0.005  # size of a step, as a share of a column's range
STEP_GROWTH, STEP_SHRINKAGE = 1.3, 0.85
DATA_BUDGET_SHARE = 0.5  # share of the budget after which no more rows of the data are evaluated
GENERATED = "made"

Both = tuple[Arrays, Arrays]  # predictions of the two


class DataChunk(NamedTuple):
    """Rows of the data, {name: (rows, ...)}: of which split, from which row on, with targets where they are known."""

    split: str
    start: int
    inputs: Arrays
    targets: Arrays


class SearchBudget:
    """A limit on seconds, and on inputs that are evaluated (None for none), whichever comes first."""

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
        """Inputs that may still be evaluated; infinite where only time is short."""
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
    """One input, what both predict for it, and the row of the data from which so many steps led there (`start`, None
    where it is that row itself); whether it was asked again, alone (see `core.disagreement.confirmation`)."""

    point: InputPoint
    predictions: Both
    level: int
    amount: float
    score: float
    output: str
    split: str
    row: int
    targets: Arrays = field(default_factory=dict)
    steps: int = 0
    start: "DisagreeingInput | None" = None
    is_asked_again: bool = False

    @property
    def is_changed(self) -> bool:
        return self.level > SAME


class DisagreementSearch:
    """Searches for the input on which two models disagree most.

    `scan_data` comes first, then `climb_from_best`; each ends with the budget.

    Args:
        predict: gives the predictions of both for the same rows, by the output names of `scales`.
        on_progress: called after every batch.
    """

    def __init__(
        self,
        predict: Callable[[Arrays], Both],
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
        """Evaluate rows as they are; no further chunk is taken once half of the budget is used up."""
        for chunk in chunks:
            rows = min(len(next(iter(chunk.inputs.values()))), self.budget.evaluations_left)
            if rows < 1:
                break
            inputs = select_rows(chunk.inputs, slice(int(rows)))
            self.domain.add(inputs)
            predictions, measured = self._evaluate(chunk.split, inputs)
            for row in np.argsort(-measured.score, kind="stable")[:MAX_STARTS].tolist():
                origin = select_rows(inputs, slice(row, row + 1))
                targets = select_rows(chunk.targets, slice(row, row + 1))
                facts: dict[str, Any] = {"split": chunk.split, "row": chunk.start + row, "targets": targets}
                self.starts.append(self._build_input(InputPoint(origin, origin), predictions, measured, row, **facts))
            self.starts = sorted(self.starts, key=lambda start: -start.score)[:MAX_STARTS]
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
            proposals = [steps.propose(climb.current.point, count, climb.step_size) for climb in climbs]
            inputs = {name: np.concatenate([rows.inputs[name] for rows in proposals]) for name in proposals[0].inputs}
            predictions, measured = self._evaluate(GENERATED, inputs)
            for number, climb in enumerate(climbs):
                own = slice(number * count, (number + 1) * count)
                self._advance(climb, proposals[number], predictions, measured, own)
                self._update_best(climb.current)
                if climb.step_size < MIN_STEP_SIZE:
                    climbs[number] = _Climb(self.starts[begun % len(self.starts)])
                    begun += 1
            self._on_progress(self)

    def _advance(
        self, climb: "_Climb", proposals: ProposedRows, predictions: Both, measured: RowDisagreement, own: slice
    ) -> None:
        """Take the best of a climb's own steps, which are those rows of the batch, if it is better."""
        scores, current = measured.score[own], climb.current
        best = int(scores.argmax())
        climb.step_size *= STEP_GROWTH if (scores > current.score).mean() > 0.2 else STEP_SHRINKAGE
        if scores[best] > current.score:
            point = proposals.point_at(best, current.point.origin)
            facts: dict[str, Any] = {"split": current.split, "row": current.row, "targets": current.targets}
            facts |= {"steps": current.steps + 1, "start": current.start or current}
            climb.current = self._build_input(point, predictions, measured, own.start + best, **facts)

    def _evaluate(self, phase: str, inputs: Arrays) -> tuple[Both, RowDisagreement]:
        predictions = self._predict(inputs)
        measured = measure_disagreement(*predictions, self.scales)
        rows = len(measured.level)
        self.budget.spent += rows
        self.evaluated[phase] = self.evaluated.get(phase, 0) + rows
        self.changed[phase] = self.changed.get(phase, 0) + int(measured.changed.sum())
        self.largest = max(self.largest, float(measured.largest.max(initial=0.0)))
        return predictions, measured

    def _build_input(
        self, point: InputPoint, predictions: Both, measured: RowDisagreement, index: int, **facts: Any
    ) -> DisagreeingInput:
        left, right = (select_rows(side, slice(index, index + 1)) for side in predictions)
        return DisagreeingInput(
            point,
            (left, right),
            level=int(measured.level[index]),
            amount=float(measured.amount[index]),
            score=float(measured.score[index]),
            output=list(self.scales)[measured.output[index]],
            **facts,
        )

    def _update_best(self, candidate: DisagreeingInput) -> None:
        if self.best is None or candidate.score > self.best.score:
            self.best = candidate


@dataclass
class _Climb:
    current: DisagreeingInput
    step_size: float = INITIAL_STEP_SIZE
