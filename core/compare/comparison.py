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

from core.arrays import Arrays, is_text
from core.compare.accumulators import DifferenceAccumulator, OutputDifferences, compare_text
from core.compare.chunks import Block, ChunkSource, aligned_blocks, first_block, single_chunk, with_float64_fallback
from core.compare.classification import ClassificationAccumulator
from core.compare.error_metrics import CosineAndSnr, KlDivergence, RelativeError, UlpError, relative_differences
from core.compare.histograms import DifferenceHistogram, PositionHeatmap
from core.compare.output_matching import OutputMatch, find_targets, match_outputs
from core.compare.quantiles import complete_quantiles
from core.compare.results import OutputMetrics, Verdict, decide_verdict, to_jsonable
from core.errors import InputError


class OutputMeasurement(NamedTuple):
    """One output: its judgement, and its numbers where they were asked for."""

    differences: OutputDifferences
    metrics: OutputMetrics | None


def measure_text_output(match: OutputMatch, reference: ChunkSource, prediction: ChunkSource) -> OutputMeasurement:
    judged = compare_text(reference, prediction)
    return OutputMeasurement(judged, OutputMetrics(**_common_metrics(match, judged), worst=judged.worst))


def measure_differences(
    reference: ChunkSource, prediction: ChunkSource, classes: bool | None, reference_std: float | None = None
) -> OutputMeasurement:
    """Only what the verdict needs."""

    def work(dtype: str | None) -> OutputMeasurement:
        judge = DifferenceAccumulator(classes, reference_std)
        for block in aligned_blocks(reference, prediction, dtype):
            judge.add(block)
        return OutputMeasurement(judge.result(), None)

    return with_float64_fallback(work)


def measure_output(
    match: OutputMatch,
    reference: ChunkSource,
    prediction: ChunkSource,
    classes: bool | None,
    targets: ChunkSource | None,
    reference_std: float | None = None,
) -> OutputMeasurement:
    """Everything. Raises InputError where the numbers of rows differ."""

    def work(dtype: str | None) -> OutputMeasurement:
        judge, sizes, relatives = DifferenceAccumulator(classes, reference_std), DifferenceHistogram(), RelativeError()
        among = ClassificationAccumulator(targets)
        meters = [sizes, relatives, UlpError(), CosineAndSnr(), KlDivergence(), PositionHeatmap()]
        for block in aligned_blocks(reference, prediction, dtype):
            judge.add(block)
            for meter in meters:
                meter.add(block)
            if judge.is_classification is not False:
                among.add(block)

        def again() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            for block in aligned_blocks(reference, prediction, dtype):
                yield block.flatten_finite(block.abs_diff), block.flatten_finite(relative_differences(block))

        complete_quantiles((sizes.quantiles, relatives.median), again)
        judged = judge.result()
        found = {name: value for meter in meters for name, value in meter.result().items()}
        by_class = among.result(int(judged.changed.sum())) if judged.is_classification else None
        numbers = OutputMetrics(
            **_common_metrics(match, judged), **_difference_metrics(judged), **found, classes=by_class
        )
        return OutputMeasurement(judged, numbers)

    return with_float64_fallback(work)


def _common_metrics(match: OutputMatch, differences: OutputDifferences) -> dict:
    return {
        "output": match.reference,
        "answer": match.answer,
        "by": match.by,
        "rows": len(differences.changed),
        "values": differences.values,
        "changed": int(differences.changed.sum()),
        "identical": differences.identical,
        "rounding": differences.rounding,
    }


def _difference_metrics(differences: OutputDifferences) -> dict:
    unlike = bool(np.isinf(differences.distance).any())
    return {
        "max_abs": differences.max_abs if differences.values else None,
        "mean_abs": differences.sum_abs / differences.values if differences.values else None,
        "atol_needed": math.inf if unlike else differences.atol_needed,
        "reference_nan": differences.reference_nan,
        "answer_nan": differences.answer_nan,
        "reference_inf": differences.reference_inf,
        "answer_inf": differences.answer_inf,
        "worst": differences.worst,
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
    pairs: tuple[OutputMatch, ...] = field(default_factory=tuple)
    distance: np.ndarray = field(default_factory=lambda: np.zeros(0))
    outputs: tuple[OutputMetrics, ...] = field(default_factory=tuple)

    @property
    def rows(self) -> int:
        return len(self.changed)

    @property
    def changed_rows(self) -> int:
        return int(self.changed.sum())

    def to_json(self) -> dict[str, Any]:
        return {
            "verdict": self.verdict.value,
            "max_abs": to_jsonable(self.max_abs),
            "mean_abs": to_jsonable(self.mean_abs),
            "changed_rows": self.changed_rows,
            "rows": self.rows,
            "not_finite": self.not_finite,
            "pairs": [vars(pair) for pair in self.pairs],
            "outputs": [output.to_json() for output in self.outputs],
        }


def compare(
    reference: Arrays,
    predictions: Arrays,
    classes: bool | None = None,
    targets: Arrays | None = None,
    *,
    with_metrics: bool = True,
    reference_std: Mapping[str, float] | None = None,
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
    sides = [
        {name: single_chunk(array) for name, array in side.items()} for side in (reference, predictions, targets or {})
    ]
    return compare_streams(*sides[:2], classes, sides[2], with_metrics=with_metrics, reference_std=reference_std)


def compare_streams(
    reference: dict[str, ChunkSource],
    predictions: dict[str, ChunkSource],
    classes: bool | None = None,
    targets: dict[str, ChunkSource] | None = None,
    *,
    with_metrics: bool = True,
    reference_std: Mapping[str, float] | None = None,
) -> Comparison:
    """As `compare`, for rows that come in chunks; each source is read more than once, and paired by its first rows.

    Memory: a few blocks of 2^16 values, a flag and a distance for each row, and up to 2^20 values for quantiles.
    """
    heads = [{name: first_block(source) for name, source in side.items()} for side in (reference, predictions)]
    pairs = match_outputs(*heads)
    right = {name: find_targets(name, list(reference), targets or {}) for name in reference}
    parts = []
    for pair in pairs:
        sides = reference[pair.reference], predictions[pair.answer]
        known = (reference_std or {}).get(pair.reference)
        if is_text(heads[0][pair.reference], heads[1][pair.answer]):
            parts.append(measure_text_output(pair, *sides))
        elif with_metrics:
            parts.append(measure_output(pair, *sides, classes, right[pair.reference], known))
        else:
            parts.append(measure_differences(*sides, classes, known))
    return _merge_outputs(pairs, parts, with_metrics)


def _merge_outputs(
    pairs: tuple[OutputMatch, ...], measurements: list[OutputMeasurement], with_metrics: bool
) -> Comparison:
    judged = [part.differences for part in measurements]
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
        verdict=decide_verdict(all(one.identical for one in judged), all(one.rounding for one in judged), changed),
        max_abs=max(one.max_abs for one in judged),
        mean_abs=sum(one.sum_abs for one in judged) / values if values else 0.0,
        changed=changed,
        not_finite=sum(one.answer_nan + one.answer_inf for one in judged),
        pairs=pairs,
        distance=reduce(np.maximum, [one.distance for one in judged]),
        outputs=tuple(part.metrics for part in measurements) if with_metrics else (),
    )


def compare_all(
    predictions: dict[str, Arrays], classes: bool | None = None, reference_std: Mapping[str, float] | None = None
) -> list[dict[str, Any]]:
    """Each against each: one record for every pair, {"a", "b", "verdict", "max_abs", "changed_rows", "rows", "error"}.

    `a` is the reference of the two. Where two do not fit, the numbers are None and `error` is the InputError as JSON;
    the other pairs go on.
    """
    return [_compare_pair(a, b, predictions, classes, reference_std) for a, b in combinations(predictions, 2)]


def _compare_pair(
    a: str, b: str, predictions: dict[str, Arrays], classes: bool | None, reference_std: Mapping[str, float] | None
) -> dict[str, Any]:
    try:
        found = compare(
            predictions[a], predictions[b], classes, with_metrics=False, reference_std=reference_std
        ).to_json()
    except InputError as error:
        found = {"error": error.to_json()}
    kept = {name: found.get(name) for name in ("verdict", "max_abs", "changed_rows", "rows", "error")}
    return {"a": a, "b": b} | kept


class ToleranceResult(NamedTuple):
    passed: bool
    rows_failing: int
    values_failing: int


def check_tolerance(reference: ChunkSource, prediction: ChunkSource, atol: float, rtol: float) -> ToleranceResult:
    """Whether |a - b| <= atol + rtol · |a| for all values, a being the reference's, in float64.

    NaN equals NaN at the same place, and an infinity the same one; texts must be equal, and count as one value a row.
    Raises InputError when a tolerance is negative or NaN, when the numbers of rows differ, or when there are none.
    """
    if not (atol >= 0 and rtol >= 0):
        raise InputError(
            "A tolerance is 0 or more.", received=f"{atol} and {rtol}", cure="Give 0 or a positive number."
        )
    if is_text(first_block(reference), first_block(prediction)):
        other = int(compare_text(reference, prediction).changed.sum())
        return ToleranceResult(not other, other, other)

    def work(dtype: str | None) -> ToleranceResult:
        failing = [_count_failures(block, atol, rtol) for block in aligned_blocks(reference, prediction, dtype)]
        rows, values = (sum(counts) for counts in zip(*failing, strict=True))
        return ToleranceResult(not values, rows, values)

    return with_float64_fallback(work)


def _count_failures(block: Block, atol: float, rtol: float) -> tuple[int, int]:
    """Rows and values of a block that do not pass."""
    limit = np.abs(block.as_float64[0]) * rtol + atol if rtol else atol
    failing = block.abs_diff_float64 > limit
    if block.mismatch is not None:
        failing |= block.mismatch
    return int(np.count_nonzero(failing.any(axis=1))), int(np.count_nonzero(failing))
