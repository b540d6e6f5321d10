"""`compare`, `compare_streams`, tolerance check.

All numbers on one output, in one pass over both sides (and a few more where quantiles do not fit into memory).

The comparison of all outputs: of streams, of arrays, and of each against each.

Pass or fail for a tolerance that a person sets.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import reduce
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from core.compare.accumulators import Judge, Judged, judge_text
from core.compare.chunks import Arrays, Block, Source, blocks, head, is_text, whole, with_room
from core.compare.classification import Classes
from core.compare.error_metrics import Angle, Divergence, LastPlaces, Relative, relative
from core.compare.histograms import Heat, Sizes
from core.compare.output_matching import Pair, pair_outputs, target_of
from core.compare.quantiles import settle
from core.compare.results import OutputNumbers, Verdict, jsonable, verdict_of
from core.errors import InputError


class Measured(NamedTuple):
    """One output: its judgement, and its numbers where they were asked for."""

    judged: Judged
    numbers: OutputNumbers | None


def measure_text(pair: Pair, reference: Source, answer: Source) -> Measured:
    judged = judge_text(reference, answer)
    return Measured(judged, OutputNumbers(**_heading(pair, judged), worst=judged.worst))


def judge_output(reference: Source, answer: Source, classes: bool | None, spread: float | None = None) -> Measured:
    """Only what the verdict needs."""

    def work(dtype: str | None) -> Measured:
        judge = Judge(classes, spread)
        for block in blocks(reference, answer, dtype):
            judge.add(block)
        return Measured(judge.end(), None)

    return with_room(work)


def measure_output(
    pair: Pair,
    reference: Source,
    answer: Source,
    classes: bool | None,
    targets: Source | None,
    spread: float | None = None,
) -> Measured:
    """Everything. Raises InputError where the numbers of rows differ."""

    def work(dtype: str | None) -> Measured:
        judge, sizes, relatives = Judge(classes, spread), Sizes(), Relative()
        among = Classes(targets)
        meters = [sizes, relatives, LastPlaces(), Angle(), Divergence(), Heat()]
        for block in blocks(reference, answer, dtype):
            judge.add(block)
            for meter in meters:
                meter.add(block)
            if judge.by_class is not False:
                among.add(block)

        def again() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            for block in blocks(reference, answer, dtype):
                yield block.flat(block.away), block.flat(relative(block))

        settle((sizes.quantiles, relatives.median), again)
        judged = judge.end()
        found = {name: value for meter in meters for name, value in meter.end().items()}
        by_class = among.end(int(judged.changed.sum())) if judged.by_class else None
        numbers = OutputNumbers(**_heading(pair, judged), **_differences(judged), **found, classes=by_class)
        return Measured(judged, numbers)

    return with_room(work)


def _heading(pair: Pair, judged: Judged) -> dict:
    return {
        "output": pair.reference,
        "answer": pair.answer,
        "by": pair.by,
        "rows": len(judged.changed),
        "values": judged.values,
        "changed": int(judged.changed.sum()),
        "identical": judged.identical,
        "rounding": judged.rounding,
    }


def _differences(judged: Judged) -> dict:
    unlike = bool(np.isinf(judged.distance).any())
    return {
        "max_abs": judged.max_abs if judged.values else None,
        "mean_abs": judged.sum_abs / judged.values if judged.values else None,
        "atol_needed": math.inf if unlike else judged.atol_needed,
        "reference_nan": judged.reference_nan,
        "answer_nan": judged.answer_nan,
        "reference_inf": judged.reference_inf,
        "answer_inf": judged.answer_inf,
        "worst": judged.worst,
    }


@dataclass(frozen=True)
class Comparison:
    """`max_abs` and `mean_abs` are over all outputs and finite values; `changed` has one flag a row.

    `distance` (rows,) float64 is how far each row is from the reference: its largest absolute difference over all
    outputs, infinite where a value is not finite on one side and not the same on the other; 1 where a text changed.
    `outputs` are the numbers on each output; empty where only the verdict was asked for.
    """

    verdict: Verdict
    max_abs: float
    mean_abs: float
    changed: np.ndarray
    not_finite: int
    pairs: tuple[Pair, ...] = field(default_factory=tuple)
    distance: np.ndarray = field(default_factory=lambda: np.zeros(0))
    outputs: tuple[OutputNumbers, ...] = field(default_factory=tuple)

    @property
    def rows(self) -> int:
        return len(self.changed)

    @property
    def changed_rows(self) -> int:
        return int(self.changed.sum())

    def to_json(self) -> dict[str, Any]:
        return {
            "verdict": self.verdict.value,
            "max_abs": jsonable(self.max_abs),
            "mean_abs": jsonable(self.mean_abs),
            "changed_rows": self.changed_rows,
            "rows": self.rows,
            "not_finite": self.not_finite,
            "pairs": [vars(pair) for pair in self.pairs],
            "outputs": [output.to_json() for output in self.outputs],
        }


def compare(
    reference: Arrays,
    answers: Arrays,
    classes: bool | None = None,
    targets: Arrays | None = None,
    *,
    numbers: bool = True,
    spread: Mapping[str, float] | None = None,
) -> Comparison:
    """Hold answers against a reference, batch first, output by output.

    `classes` says whether the answer of a row is the largest of its values (True) or the values themselves (False);
    None decides for each output by whether its reference rows are probabilities. NaN equals NaN at the same place, and
    any other value that is not finite counts as a changed row. `targets` are the right answers, class numbers or
    one-hot, by the reference's names (see `target_of`). Without `numbers` only the verdict and the rows are found.
    `spread` says by output of the reference how far its values spread, against which a changed value is judged (see
    `spreads`); where it says nothing, the rows at hand do.
    Raises InputError when no output fits another, when the numbers of rows differ, or when there are none.
    """
    sides = [{name: whole(array) for name, array in side.items()} for side in (reference, answers, targets or {})]
    return compare_streams(*sides[:2], classes, sides[2], numbers=numbers, spread=spread)


def compare_streams(
    reference: dict[str, Source],
    answers: dict[str, Source],
    classes: bool | None = None,
    targets: dict[str, Source] | None = None,
    *,
    numbers: bool = True,
    spread: Mapping[str, float] | None = None,
) -> Comparison:
    """As `compare`, for rows that come in chunks; each source is read more than once, and paired by its first rows.

    Memory: a few blocks of 2^16 values, a flag and a distance for each row, and up to 2^20 values for quantiles.
    """
    heads = [{name: head(source) for name, source in side.items()} for side in (reference, answers)]
    pairs = pair_outputs(*heads)
    right = {name: target_of(name, list(reference), targets or {}) for name in reference}
    parts = []
    for pair in pairs:
        sides = reference[pair.reference], answers[pair.answer]
        known = (spread or {}).get(pair.reference)
        if is_text(heads[0][pair.reference], heads[1][pair.answer]):
            parts.append(measure_text(pair, *sides))
        elif numbers:
            parts.append(measure_output(pair, *sides, classes, right[pair.reference], known))
        else:
            parts.append(judge_output(*sides, classes, known))
    return _together(pairs, parts, numbers)


def _together(pairs: tuple[Pair, ...], parts: list[Measured], numbers: bool) -> Comparison:
    judged = [part.judged for part in parts]
    counts = {pair.reference: len(one.changed) for pair, one in zip(pairs, judged, strict=True)}
    if len(set(counts.values())) > 1:
        raise InputError(
            "The outputs do not have the same number of rows.",
            received=", ".join(f"{name} {rows:,}" for name, rows in counts.items()),
            cure="Compare answers to the same rows.",
        )
    changed = reduce(np.logical_or, [one.changed for one in judged])
    values = sum(one.values for one in judged)
    return Comparison(
        verdict=verdict_of(all(one.identical for one in judged), all(one.rounding for one in judged), changed),
        max_abs=max(one.max_abs for one in judged),
        mean_abs=sum(one.sum_abs for one in judged) / values if values else 0.0,
        changed=changed,
        not_finite=sum(one.answer_nan + one.answer_inf for one in judged),
        pairs=pairs,
        distance=reduce(np.maximum, [one.distance for one in judged]),
        outputs=tuple(part.numbers for part in parts) if numbers else (),
    )


def compare_all(
    answers: dict[str, Arrays], classes: bool | None = None, spread: Mapping[str, float] | None = None
) -> list[dict[str, Any]]:
    """Each against each: one record for every pair, {"a", "b", "verdict", "max_abs", "changed_rows", "rows", "error"}.

    `a` is the reference of the two. Where two do not fit, the numbers are None and `error` is the InputError as JSON;
    the other pairs go on.
    """
    return [_record(a, b, answers, classes, spread) for a, b in combinations(answers, 2)]


def _record(
    a: str, b: str, answers: dict[str, Arrays], classes: bool | None, spread: Mapping[str, float] | None
) -> dict[str, Any]:
    try:
        found = compare(answers[a], answers[b], classes, numbers=False, spread=spread).to_json()
    except InputError as error:
        found = {"error": error.to_json()}
    kept = {name: found.get(name) for name in ("verdict", "max_abs", "changed_rows", "rows", "error")}
    return {"a": a, "b": b} | kept


class Passed(NamedTuple):
    passed: bool
    rows_failing: int
    values_failing: int


def passes(reference: Source, answer: Source, atol: float, rtol: float) -> Passed:
    """Whether |a - b| <= atol + rtol · |a| for all values, a being the reference's, in float64.

    NaN equals NaN at the same place, and an infinity the same one; texts must be equal, and count as one value a row.
    Raises InputError when a tolerance is negative or NaN, when the numbers of rows differ, or when there are none.
    """
    if not (atol >= 0 and rtol >= 0):
        raise InputError(
            "A tolerance is 0 or more.", received=f"{atol} and {rtol}", cure="Give 0 or a positive number."
        )
    if is_text(head(reference), head(answer)):
        other = int(judge_text(reference, answer).changed.sum())
        return Passed(not other, other, other)

    def work(dtype: str | None) -> Passed:
        failing = [_failing(block, atol, rtol) for block in blocks(reference, answer, dtype)]
        rows, values = (sum(counts) for counts in zip(*failing, strict=True))
        return Passed(not values, rows, values)

    return with_room(work)


def _failing(block: Block, atol: float, rtol: float) -> tuple[int, int]:
    """Rows and values of a block that do not pass."""
    limit = np.abs(block.exact[0]) * rtol + atol if rtol else atol
    failing = block.apart > limit
    if block.unlike is not None:
        failing |= block.unlike
    return int(np.count_nonzero(failing.any(axis=1))), int(np.count_nonzero(failing))
