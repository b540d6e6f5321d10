"""What a comparison says: the verdict, every number on one output, and the one way in which numbers become JSON."""

from dataclasses import dataclass, field
from typing import Any, NotRequired, TypedDict, cast

import numpy as np

from core.arrays import to_jsonable
from core.compare.classification import ClassificationMetrics
from core.compare.output_matching import OutputMatch
from core.compare.verdict import Verdict


class WorstValue(TypedDict):
    """Where the largest difference sits: its row, its index within the row, and the value on both sides."""

    row: int
    index: list[int]
    reference: Any
    answer: Any


class DifferenceBins(TypedDict):
    """Counts of |a - b| by half decades; `zero` exactly, `below` and `above` the edges."""

    edges: list[float]
    counts: list[int]
    zero: int
    below: int
    above: int
    not_finite: int


class MagnitudeBins(TypedDict):
    """Counts by decade of |a| (rows) and half decade of |a - b| (columns)."""

    reference_edges: list[float]
    difference_edges: list[float]
    counts: list[list[int]]
    reference_zero: list[int]
    difference_zero: list[int]
    both_zero: int


class Heatmap(TypedDict):
    """Mean |a - b| in blocks of rows and groups of positions: `rows` and `columns` are the first of each."""

    rows: list[int]
    columns: list[int]
    mean_abs: list[list[float | None]]


Number = float | str | None  # in JSON: what is not finite is text


class OutputMetricsJson(TypedDict):
    """The fields of `OutputMetrics` in records and replies."""

    output: str
    answer: str
    by: str
    rows: int
    values: int
    changed: int
    identical: bool
    rounding: bool
    max_abs: Number
    mean_abs: Number
    median_abs: Number
    p99_abs: Number
    max_rel: Number
    mean_rel: Number
    median_rel: Number
    max_ulp: int | None
    mean_ulp: Number
    cosine: Number
    snr_db: Number
    kl: Number
    reference_nan: int | None
    answer_nan: int | None
    reference_inf: int | None
    answer_inf: int | None
    worst: WorstValue | None
    atol_needed: Number
    rtol_needed: Number
    histogram: DifferenceBins | None
    by_magnitude: MagnitudeBins | None
    by_column: list[float | None] | None
    heat: Heatmap | None
    classes: dict[str, Any] | None  # `ClassificationMetrics`


@dataclass(frozen=True)
class OutputMetrics:
    """How far one output is from the reference's. None: makes no sense here (texts), or nothing finite was there.

    Unless said otherwise, over the finite pairs of values, of which there are `values`.

    - `output`, `answer`, `by`: the reference's name, the name on the other side, why these two (see `OutputMatch`).
    - `max_abs`, `mean_abs`, `median_abs`, `p99_abs`: |a - b|.
    - `max_rel`, `mean_rel`, `median_rel`: |a - b| / max(|a|, |b|), 0 for 0 / 0, from 0 to 2.
    - `max_ulp`, `mean_ulp`: units in the last place of the coarser dtype; for integers the plain difference.
    - `cosine`: similarity of all values; `snr_db`: 10 · log10(Σ a² / Σ (a - b)²), infinite when equal.
    - `kl`: nats, mean over rows; only where both are probabilities.
    - `atol_needed`, `rtol_needed`: the smallest tolerance that passes when the other is 0.
    - `changed`: rows with a changed prediction; `identical`, `rounding`: whether bit by bit, whether to rounding.
    - `by_column`: mean |a - b| at each position of a row, where a row has at most 256.
    """

    output: str
    answer: str
    by: str
    rows: int
    values: int
    changed: int
    identical: bool
    rounding: bool
    max_abs: float | None = None
    mean_abs: float | None = None
    median_abs: float | None = None
    p99_abs: float | None = None
    max_rel: float | None = None
    mean_rel: float | None = None
    median_rel: float | None = None
    max_ulp: int | None = None
    mean_ulp: float | None = None
    cosine: float | None = None
    snr_db: float | None = None
    kl: float | None = None
    reference_nan: int | None = None
    answer_nan: int | None = None
    reference_inf: int | None = None
    answer_inf: int | None = None
    worst: WorstValue | None = None
    atol_needed: float | None = None
    rtol_needed: float | None = None
    histogram: DifferenceBins | None = None
    by_magnitude: MagnitudeBins | None = None
    by_column: list[float | None] | None = None
    heat: Heatmap | None = None
    classes: ClassificationMetrics | None = None

    def to_json(self) -> OutputMetricsJson:
        return cast(OutputMetricsJson, to_jsonable(self))


class ComparisonJson(TypedDict):
    """A comparison in records and replies: `pairs` of `OutputMatch`, `outputs` not in evidence."""

    verdict: str
    max_abs: float | str
    mean_abs: float | str
    changed_rows: int
    rows: int
    not_finite: int
    mismatched: int
    mismatches: dict[str, int]
    surplus_outputs: list[str]
    pairs: list[dict[str, str]]
    outputs: NotRequired[list[OutputMetricsJson]]


@dataclass(frozen=True)
class Comparison:
    """The comparison of all outputs.

    Attributes:
        max_abs, mean_abs: |a - b| over all outputs and finite values.
        changed: (rows,) bool, rows with a changed prediction.
        not_finite: How many values of the prediction are NaN or infinite.
        mismatches: How many values are not finite on one side and not the same on the other, by what became of what.
        surplus: Outputs of the prediction that have no partner.
        distance: (rows,) float64, the largest absolute difference over all outputs; infinite where a value is not
            finite on one side and not the same on the other; 1 where a text changed.
        outputs: The numbers on each output; empty where only the verdict was asked for.
    """

    verdict: Verdict
    max_abs: float
    mean_abs: float
    changed: np.ndarray
    not_finite: int
    pairs: tuple[OutputMatch, ...]
    distance: np.ndarray
    outputs: tuple[OutputMetrics, ...]
    mismatches: dict[str, int] = field(default_factory=dict)
    surplus: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        return len(self.changed)

    @property
    def changed_rows(self) -> int:
        return int(self.changed.sum())

    @property
    def farthest_output(self) -> str:
        """Name of the output with the largest difference, of several; empty where there is one."""
        farthest = max(self.outputs, key=lambda output: output.max_abs or 0.0, default=None)
        return farthest.output if farthest and len(self.outputs) > 1 else ""

    def to_json(self) -> ComparisonJson:
        return {
            "verdict": self.verdict.value,
            "max_abs": to_jsonable(self.max_abs),
            "mean_abs": to_jsonable(self.mean_abs),
            "changed_rows": self.changed_rows,
            "rows": self.rows,
            "not_finite": self.not_finite,
            "mismatched": sum(self.mismatches.values()),
            "mismatches": self.mismatches,
            "surplus_outputs": list(self.surplus),
            "pairs": [vars(pair) for pair in self.pairs],
            "outputs": [output.to_json() for output in self.outputs],
        }
