"""`Verdict`, `OutputMetrics`, JSON encoding.

The verdict: what a person is told first, and where one verdict ends and the next begins.

Every number on one output, and the one way in which numbers become JSON.
"""

import math
from dataclasses import dataclass, is_dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from core.compare.classification import ClassificationMetrics

# Two correct float32 implementations of one model differ by no more than this: |a - b| <= ATOL + RTOL · |reference|.
ATOL = 1e-5
RTOL = 1e-4
# A continuous answer counts as changed when it moves by more than this share of the spread of the reference.
CHANGED_STD_SHARE = 0.01
# From this share of changed rows on, the answers are not the same model's.
DIFFERENT_ROW_SHARE = 0.5


class Verdict(StrEnum):
    """What a person is told first; in order, best first."""

    BIT_IDENTICAL = "bit-identical"
    ROUNDING = "rounding"
    SAME_ANSWERS = "same-answers"
    SOME_CHANGED = "some-changed"
    DIFFERENT = "different"
    NOT_COMPARABLE = "not-comparable"
    DOES_NOT_LOAD = "does-not-load"
    NOT_RUN = "not-run"

    @property
    def label(self) -> str:
        return _LABELS[self]

    @property
    def rank(self) -> int:
        """0 for the best."""
        return list(Verdict).index(self)


_LABELS = {
    Verdict.BIT_IDENTICAL: "Bit-identical",
    Verdict.ROUNDING: "Same to rounding",
    Verdict.SAME_ANSWERS: "Same answers",
    Verdict.SOME_CHANGED: "Some answers changed",
    Verdict.DIFFERENT: "Different answers",
    Verdict.NOT_COMPARABLE: "Cannot be compared",
    Verdict.DOES_NOT_LOAD: "Does not load",
    Verdict.NOT_RUN: "Not run",
}


def decide_verdict(identical: bool, rounding: bool, changed: np.ndarray) -> Verdict:
    """The verdict on all outputs together; `changed` has one flag a row."""
    if identical:
        return Verdict.BIT_IDENTICAL
    if changed.any():
        return Verdict.DIFFERENT if changed.mean() > DIFFERENT_ROW_SHARE else Verdict.SOME_CHANGED
    return Verdict.ROUNDING if rounding else Verdict.SAME_ANSWERS


def to_jsonable(value: Any) -> Any:
    """Plain JSON of numbers, arrays and what holds them; what is not finite becomes "nan", "inf" or "-inf"."""
    if isinstance(value, int | str) or value is None:
        return value
    if isinstance(value, float) and not isinstance(value, np.generic):
        return value if math.isfinite(value) else str(value)
    if is_dataclass(value):
        return to_jsonable(vars(value))
    if isinstance(value, dict):
        return {str(name): to_jsonable(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_jsonable(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return to_jsonable(value.tolist())
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value


@dataclass(frozen=True)
class OutputMetrics:
    """How far one output is from the reference's. None: makes no sense here (texts), or nothing finite was there.

    Unless said otherwise, over the finite pairs of values, of which there are `values`.

    - `output`, `answer`, `by`: the reference's name, the name on the other side, why these two (see `Pair`).
    - `max_abs`, `mean_abs`, `median_abs`, `p99_abs`: |a - b|.
    - `max_rel`, `mean_rel`, `median_rel`: |a - b| / max(|a|, |b|), 0 for 0 / 0, from 0 to 2.
    - `max_ulp`, `mean_ulp`: units in the last place of the coarser dtype; for integers the plain difference.
    - `cosine`: similarity of all values; `snr_db`: 10 · log10(Σ a² / Σ (a - b)²), infinite when equal.
    - `kl`: nats, mean over rows; only where both are probabilities.
    - `worst`: row, index, and both values where the largest difference sits.
    - `atol_needed`, `rtol_needed`: the smallest tolerance that passes when the other is 0.
    - `changed`: rows with a changed answer; `identical`, `rounding`: whether bit by bit, whether to rounding.
    - `histogram`: counts of |a - b| by half decades; `zero` exactly, `below` and `above` the edges.
    - `by_magnitude`: counts by decade of |a| (rows) and half decade of |a - b| (columns).
    - `by_column`: mean |a - b| at each position of a row, where a row has at most 256.
    - `heat`: mean |a - b| in blocks of rows and groups of positions: `rows` and `columns` give the first of each.
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
    worst: dict[str, Any] | None = None
    atol_needed: float | None = None
    rtol_needed: float | None = None
    histogram: dict[str, Any] | None = None
    by_magnitude: dict[str, Any] | None = None
    by_column: list[float | None] | None = None
    heat: dict[str, Any] | None = None
    classes: ClassificationMetrics | None = None

    def to_json(self) -> dict[str, Any]:
        return to_jsonable(self)
