"""How much two models disagree on each row, as one number that can be climbed.

A person wants the row on which the two say different things, and both mean it. So a changed answer counts above any
unchanged one, and among changed answers the one that both are surest of: the smaller of the two leads with which each
prefers its own class over the other's. An unchanged answer counts by how near it is to changing, because that is the
way on which a search comes to a changed one: d / (d + l), where d is the largest difference between the two and l the
smaller lead of the first class over the second. Where the answer is a value and no class, both cases count by the
largest difference in units of the standard deviation of the reference, and text counts by how many texts are others.
Another class or another text counts above a value that moved; of several outputs the highest level counts, and then
the mean of what all of them show.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from core.arrays import Arrays
from core.compare import ATOL, CHANGED_STD_SHARE
from core.compare.accumulators import PROBABILITY_SUM_TOLERANCE, finite_std

SAME, VALUE_MOVED, CLASS_OR_TEXT_CHANGED, NON_FINITE = 0, 1, 2, 3
MAX_AMOUNT = 1e12  # an amount above which nothing is told apart any more


@dataclass(frozen=True)
class OutputScale:
    """How answers of one output are held against each other: as a "class" (the largest of its values), as a "value"
    in units of `spread` (of 1 where that is 0), or as "text"."""

    kind: str
    spread: float = 0.0

    @property
    def change_threshold(self) -> float:
        """The difference from which a value counts as changed, as in a comparison."""
        return max(CHANGED_STD_SHARE * self.spread, ATOL)


@dataclass(frozen=True)
class RowDisagreement:
    """One entry for each row, all of shape (rows,).

    `level` is 0 for the same answer, 1 for a value that moved, 2 for another class or text, 3 where one is no number
    and the other is. `output` is the number of the output that decides, `amount` what it shows, which orders rows of
    one level; `largest` is the largest absolute difference over all outputs. `score` is the whole order as one number
    in [0, 4): the level, and within it the mean over the outputs of their amounts, each squeezed into [0, 1).
    """

    level: np.ndarray
    amount: np.ndarray
    largest: np.ndarray
    output: np.ndarray
    score: np.ndarray

    @property
    def changed(self) -> np.ndarray:
        return self.level > SAME


def output_scales(reference: Arrays, labels: int = 0) -> dict[str, OutputScale]:
    """The scale of each output by what a reference shows; with `labels` classes, an output of so many values is one."""
    return {name: _output_scale(array, labels) for name, array in reference.items()}


def _output_scale(array: np.ndarray, labels: int) -> OutputScale:
    if array.dtype.kind in "SUO":
        return OutputScale("text")
    values = array.astype("float64")
    if values.ndim == 2 and values.shape[1] > 1 and (values.shape[1] == labels or _is_probability_rows(values)):
        return OutputScale("class")
    return OutputScale("value", finite_std(values))


def _is_probability_rows(rows: np.ndarray) -> bool:
    return bool(np.all(rows >= 0) and np.allclose(rows.sum(axis=-1), 1, atol=PROBABILITY_SUM_TOLERANCE))


def measure_disagreement(left: Arrays, right: Arrays, scales: Mapping[str, OutputScale]) -> RowDisagreement:
    """Hold the answers of two models to the same rows against each other, batch first, by the same output names.

    NaN equals NaN at the same place, and infinity itself.
    """
    with np.errstate(over="ignore"):
        parts = [_measure_output(left[name], right[name], scale) for name, scale in scales.items()]
    levels, amounts, largest = (np.array([part[at] for part in parts]) for at in range(3))
    squeezed = amounts / (1 + amounts)
    output = (levels + squeezed).argmax(axis=0)
    rows = np.arange(output.size)
    score = levels.max(axis=0) + squeezed.mean(axis=0)
    return RowDisagreement(levels[output, rows], amounts[output, rows], largest.max(axis=0), output, score)


def _measure_output(
    left: np.ndarray, right: np.ndarray, scale: OutputScale
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    left, right = left.reshape(len(left), -1), right.reshape(len(right), -1)
    if scale.kind == "text":
        others = (left.astype("U") != right.astype("U")).sum(axis=1)
        return np.where(others > 0, CLASS_OR_TEXT_CHANGED, SAME), others.astype("float64"), np.zeros(len(left))
    left, right = left.astype("float64"), right.astype("float64")
    finite = np.isfinite(left) & np.isfinite(right)
    with np.errstate(invalid="ignore"):
        apart = np.where(finite, np.abs(left - right), 0.0)
    strange = ~(finite | (np.isnan(left) & np.isnan(right)) | (left == right))
    largest = apart.max(axis=1, initial=0.0)
    level, amount = _score_classes(left, right, largest) if scale.kind == "class" else _score_values(largest, scale)
    odd = strange.any(axis=1)
    amount = np.nan_to_num(np.minimum(amount, MAX_AMOUNT), nan=MAX_AMOUNT)
    return np.where(odd, NON_FINITE, level), np.where(odd, strange.sum(axis=1), amount), largest


def _score_values(largest: np.ndarray, scale: OutputScale) -> tuple[np.ndarray, np.ndarray]:
    return np.where(largest > scale.change_threshold, VALUE_MOVED, SAME), largest / (scale.spread or 1.0)


def _score_classes(left: np.ndarray, right: np.ndarray, largest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows in which both have the same number missing count by the others."""
    left, right = (np.where(np.isfinite(rows), rows, np.finfo("float32").min) for rows in (left, right))
    rows, one, two = np.arange(len(left)), left.argmax(axis=1), right.argmax(axis=1)
    sure = np.minimum(left[rows, one] - left[rows, two], right[rows, two] - right[rows, one])
    lead = np.minimum(_top_margin(left), _top_margin(right))
    near = np.divide(largest, largest + lead, where=largest > 0, out=np.zeros_like(largest))
    return np.where(one != two, CLASS_OR_TEXT_CHANGED, SAME), np.where(one != two, sure, near)


def _top_margin(rows: np.ndarray) -> np.ndarray:
    """How far the largest value of each row stands above the second."""
    two = np.partition(rows, -2, axis=1)[:, -2:]
    return two[:, 1] - two[:, 0]
