"""Compare the outputs of two sides, or of each with each, pair by pair.

Every number on one output comes from one pass over both sides, and a few more where quantiles do not fit into memory.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import reduce
from itertools import combinations
from typing import Any, NamedTuple, Protocol, TypedDict

import numpy as np

from core.arrays import Arrays, fingerprint_arrays, is_text, to_jsonable
from core.compare.chunks import Block, ChunkSource, aligned_blocks, first_block, single_chunk, with_float64_fallback
from core.compare.classification import ClassificationAccumulator
from core.compare.error_metrics import CosineAndSnr, KlDivergence, RelativeError, UlpError, relative_differences
from core.compare.histograms import DifferenceHistogram, PositionHeatmap
from core.compare.output_differences import DifferenceAccumulator, OutputDifferences, compare_text, difference_metrics
from core.compare.output_matching import OutputMatch, find_surplus_outputs, find_targets, match_outputs
from core.compare.quantiles import complete_quantiles
from core.compare.results import Comparison, OutputMetrics
from core.compare.verdict import decide_verdict
from core.errors import InputError

Sides = tuple[ChunkSource, ChunkSource]  # the reference and the prediction


def compare(
    reference: Arrays,
    predictions: Arrays,
    classes: bool | None = None,
    targets: Arrays | None = None,
    *,
    with_metrics: bool = True,
    reference_std: Mapping[str, float] | None = None,
) -> Comparison:
    """Compare predictions with a reference, output by output.

    NaN equals NaN at the same place, and any other value that is not finite counts as a changed row.

    Args:
        reference, predictions: {output: (rows, …)}.
        classes: Whether the prediction of a row is the largest of its values (True) or the values themselves (False);
            None decides for each output by whether its reference rows are probabilities.
        targets: The right answers, class numbers or one-hot, by the reference's names (see `find_targets`).
        with_metrics: Whether all metrics are computed, and not only the verdict and the rows.
        reference_std: By output of the reference its standard deviation, with which a changed value is compared (see
            `std_by_output`); of other outputs it is that of the rows at hand.

    Raises InputError when no output fits another, when the numbers of rows differ, or when there are none.
    """
    left, right, truth = map(_single_chunks, (reference, predictions, targets or {}))
    return compare_streams(left, right, classes, truth, with_metrics=with_metrics, reference_std=reference_std)


def _single_chunks(arrays: Arrays) -> dict[str, ChunkSource]:
    return {name: single_chunk(array) for name, array in arrays.items()}


def compare_streams(
    reference: dict[str, ChunkSource],
    predictions: dict[str, ChunkSource],
    classes: bool | None = None,
    targets: dict[str, ChunkSource] | None = None,
    *,
    with_metrics: bool = True,
    reference_std: Mapping[str, float] | None = None,
) -> Comparison:
    """As `compare`, for rows that come in chunks; each source is read more than once, and matched by its first rows.

    Memory: a few blocks of 2^16 values, a flag and a distance for each row, and up to 2^20 values for quantiles.
    """
    heads = [{name: first_block(source) for name, source in side.items()} for side in (reference, predictions)]
    matches = match_outputs(*heads)
    outputs = []
    for match in matches:
        sides = reference[match.reference], predictions[match.answer]
        std = (reference_std or {}).get(match.reference)
        if is_text(heads[0][match.reference], heads[1][match.answer]):
            outputs.append(_measure_text(match, sides))
        elif with_metrics:
            truth = find_targets(match.reference, list(reference), targets or {})
            outputs.append(_measure_output(match, sides, classes, truth, std))
        else:
            outputs.append(_measure_differences(sides, classes, std))
    surplus = find_surplus_outputs(predictions, matches)
    return replace(_merge_outputs(matches, outputs, with_metrics), surplus=surplus)


class _Output(NamedTuple):
    """One output: its differences, and its metrics where these are computed."""

    differences: OutputDifferences
    metrics: OutputMetrics | None


class _Metric(Protocol):
    def add(self, block: Block) -> None: ...

    def result(self) -> Mapping[str, Any]: ...


def _measure_text(match: OutputMatch, sides: Sides) -> _Output:
    differences = compare_text(*sides)
    return _Output(differences, _to_metrics(match, differences, {"worst": differences.worst}))


def _measure_differences(sides: Sides, classes: bool | None, std: float | None) -> _Output:
    """Only what the verdict needs."""

    def measure(dtype: str | None) -> _Output:
        differences = DifferenceAccumulator(classes, std)
        for block in aligned_blocks(*sides, dtype):
            differences.add(block)
        return _Output(differences.result(), None)

    return with_float64_fallback(measure)


def _measure_output(
    match: OutputMatch, sides: Sides, classes: bool | None, targets: ChunkSource | None, std: float | None
) -> _Output:
    """Everything. Raises InputError where the numbers of rows differ."""

    def measure(dtype: str | None) -> _Output:
        accumulator, by_class = DifferenceAccumulator(classes, std), ClassificationAccumulator(targets)
        sizes, relative = DifferenceHistogram(), RelativeError()
        metrics: list[_Metric] = [sizes, relative, UlpError(), CosineAndSnr(), KlDivergence(), PositionHeatmap()]
        for block in aligned_blocks(*sides, dtype):
            accumulator.add(block)
            for metric in metrics:
                metric.add(block)
            if accumulator.is_classification is not False:
                by_class.add(block)

        def replay() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            for block in aligned_blocks(*sides, dtype):
                yield block.flatten_finite(block.abs_diff), block.flatten_finite(relative_differences(block))

        complete_quantiles((sizes.quantiles, relative.median), replay)
        differences = accumulator.result()
        numbers: dict[str, Any] = {**difference_metrics(differences)}
        for metric in metrics:
            numbers |= metric.result()
        if differences.is_classification:
            numbers["classes"] = by_class.result(int(differences.changed.sum()))
        return _Output(differences, _to_metrics(match, differences, numbers))

    return with_float64_fallback(measure)


def _to_metrics(match: OutputMatch, differences: OutputDifferences, numbers: dict[str, Any]) -> OutputMetrics:
    rows, changed = len(differences.changed), int(differences.changed.sum())
    counts = rows, differences.values, changed, differences.identical, differences.rounding
    return OutputMetrics(match.reference, match.answer, match.by, *counts, **numbers)


def _merge_outputs(matches: tuple[OutputMatch, ...], outputs: list[_Output], with_metrics: bool) -> Comparison:
    parts = [output.differences for output in outputs]
    counts = {match.reference: len(part.changed) for match, part in zip(matches, parts, strict=True)}
    if len(set(counts.values())) > 1:
        raise InputError(
            "The outputs do not have the same number of rows.",
            received=", ".join(f"{name} {rows:,}" for name, rows in counts.items()),
            cure="Compare answers to the same rows.",
        )
    changed = reduce(np.logical_or, [part.changed for part in parts])
    values = sum(part.values for part in parts)
    return Comparison(
        verdict=decide_verdict(all(part.identical for part in parts), all(part.rounding for part in parts), changed),
        max_abs=max(part.max_abs for part in parts),
        mean_abs=sum(part.sum_abs for part in parts) / values if values else 0.0,
        changed=changed,
        not_finite=sum(part.nonfinite.get(name, 0) for part in parts for name in ("answer_nan", "answer_inf")),
        pairs=matches,
        distance=reduce(np.maximum, [part.distance for part in parts]),
        outputs=tuple(output.metrics for output in outputs if output.metrics) if with_metrics else (),
        mismatches=dict(sum((Counter(part.mismatches) for part in parts), Counter())),
    )


class PairJson(TypedDict):
    """The comparison of one of several with another; the numbers are None where the two do not fit."""

    a: str
    b: str
    verdict: str | None
    max_abs: float | str | None
    changed_rows: int | None
    rows: int | None
    error: dict[str, str] | None


def compare_all(
    predictions: dict[str, Arrays], classes: bool | None = None, reference_std: Mapping[str, float] | None = None
) -> list[PairJson]:
    """Compare each with each: one record for every pair, of which `a` is the reference.

    Where two do not fit, `error` is the InputError as JSON; the other pairs go on. The same bits are compared once.
    """
    contents = {id_: _describe_content(arrays) for id_, arrays in predictions.items()}
    known: dict[tuple[str, str], PairJson] = {}
    for a, b in combinations(predictions, 2):
        key = contents[a], contents[b]
        known[key] = known.get(key) or _compare_pair(a, b, predictions, classes, reference_std)
    return [{**known[contents[a], contents[b]], "a": a, "b": b} for a, b in combinations(predictions, 2)]


def _describe_content(arrays: Arrays) -> str:
    """The same for the same outputs in the same order, bit for bit."""
    return json.dumps(fingerprint_arrays(arrays.items()))


def _compare_pair(
    a: str, b: str, predictions: dict[str, Arrays], classes: bool | None, reference_std: Mapping[str, float] | None
) -> PairJson:
    pair = PairJson(a=a, b=b, verdict=None, max_abs=None, changed_rows=None, rows=None, error=None)
    sides = predictions[a], predictions[b]
    try:
        compared = compare(*sides, classes, with_metrics=False, reference_std=reference_std)
        pair["verdict"], pair["max_abs"] = compared.verdict.value, to_jsonable(compared.max_abs)
        pair["changed_rows"], pair["rows"] = compared.changed_rows, compared.rows
    except InputError as error:
        pair["error"] = error.to_json()
    return pair
