"""How much two models disagree on each row, as one number that can be climbed.

A person wants the row on which the two say different things, and both mean it. So a changed prediction counts above
any unchanged one, and among changed ones the one that both are surest of: the smaller of the two margins with which
each prefers its own class over the other's. An unchanged prediction counts by how near it is to changing, because that
is the way on which a search comes to a changed one: d / (d + m), where d is the largest difference between the two and
m the smaller margin of the first class over the second. Where the prediction is a value and no class, both cases count
by the largest difference in units of the standard deviation of the reference, and text counts by how many texts are
others. Another class or another text counts above a value that moved; of several outputs the highest level counts, and
then the mean of what all of them show.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from core.arrays import Arrays
from core.compare.arithmetic import finite_std
from core.compare.chunks import Block
from core.compare.output_differences import PROBABILITY_SUM_TOLERANCE, measure_row_moves
from core.compare.value_changes import choose_allowed_distance, may_be_ids, may_be_scores

SAME, VALUE_MOVED, CLASS_OR_TEXT_CHANGED, NON_FINITE = 0, 1, 2, 3
MAX_AMOUNT = 1e12  # an amount above which nothing is told apart any more


@dataclass(frozen=True)
class OutputScale:
    """How predictions of one output are compared: as a "class" (the largest of its values), as a "value" in units of
    `spread` (of 1 where that is 0), as whole numbers that may be an "id", likewise, or as "text"."""

    kind: str
    spread: float = 0.0


@dataclass(frozen=True)
class RowDisagreement:
    """One entry for each row, all of shape (rows,).

    `level` is 0 for the same prediction, 1 for a value that moved, 2 for another class or text, 3 where one is finite
    and the other is not. `output` is the number of the output that decides, `amount` what it shows, which orders rows
    of one level; `largest` is the largest absolute difference over all outputs. `score` is the whole order as one
    number in [0, 4): the level, and within it the mean over the outputs of their amounts, each squeezed into [0, 1).
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
    """Choose the scale of each output of a reference; with `labels` classes, an output of so many values is one."""
    return {name: _output_scale(array, labels) for name, array in reference.items()}


def _output_scale(array: np.ndarray, labels: int) -> OutputScale:
    if array.dtype.kind in "SUO":
        return OutputScale("text")
    if may_be_scores(array) and (array.shape[1] == labels or _is_probability_rows(array.astype("float64"))):
        return OutputScale("class")
    return OutputScale("id" if may_be_ids(array) else "value", finite_std(array))


def _is_probability_rows(rows: np.ndarray) -> bool:
    return bool(np.all(rows >= 0) and np.allclose(rows.sum(axis=-1), 1, atol=PROBABILITY_SUM_TOLERANCE))


def measure_disagreement(left: Arrays, right: Arrays, scales: Mapping[str, OutputScale]) -> RowDisagreement:
    """Measure how far the predictions of two models for the same rows are apart, {output: (rows, ...)} of each.

    NaN equals NaN at the same place, and infinity itself.
    """
    with np.errstate(over="ignore"):
        parts = [_measure_output(left[name], right[name], scale) for name, scale in scales.items()]
    levels, amounts, largest = map(np.array, zip(*parts, strict=True))
    squeezed = amounts / (1 + amounts)
    output = (levels + squeezed).argmax(axis=0)
    rows = np.arange(output.size)
    score = levels.max(axis=0) + squeezed.mean(axis=0)
    return RowDisagreement(levels[output, rows], amounts[output, rows], largest.max(axis=0), output, score)


def _measure_output(
    left: np.ndarray, right: np.ndarray, scale: OutputScale
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if scale.kind == "text":
        left, right = left.reshape(len(left), -1), right.reshape(len(right), -1)
        changed = (left.astype("U") != right.astype("U")).sum(axis=1)
        return np.where(changed > 0, CLASS_OR_TEXT_CHANGED, SAME), changed.astype("float64"), np.zeros(len(left))
    with np.errstate(invalid="ignore"):
        block = Block(0, left, right, "float64")
    non_finite = np.zeros(len(left), int) if block.mismatch is None else block.mismatch.sum(axis=1)
    level, amount = _score_classes(block) if scale.kind == "class" else _score_values(block, scale)
    amount = np.nan_to_num(np.minimum(amount, MAX_AMOUNT), nan=MAX_AMOUNT)
    return np.where(non_finite, NON_FINITE, level), np.where(non_finite, non_finite, amount), block.row_max_diff


def _score_values(block: Block, scale: OutputScale) -> tuple[np.ndarray, np.ndarray]:
    is_moved = measure_row_moves(block) > choose_allowed_distance(block.raw[0], scale.spread)
    return np.where(is_moved, VALUE_MOVED, SAME), block.row_max_diff / (scale.spread or 1.0)


def _score_classes(block: Block) -> tuple[np.ndarray, np.ndarray]:
    """Rows in which both have the same number missing count by the others."""
    left, right = (np.where(np.isfinite(rows), rows, np.finfo("float32").min) for rows in block.matrices)
    largest = block.row_max_diff
    rows, a, b = np.arange(len(left)), left.argmax(axis=1), right.argmax(axis=1)
    certainty = np.minimum(left[rows, a] - left[rows, b], right[rows, b] - right[rows, a])
    margin = np.minimum(_top_margin(left), _top_margin(right))
    nearness = np.divide(largest, largest + margin, where=largest > 0, out=np.zeros_like(largest))
    return np.where(a != b, CLASS_OR_TEXT_CHANGED, SAME), np.where(a != b, certainty, nearness)


def _top_margin(rows: np.ndarray) -> np.ndarray:
    """How far the largest value of each row stands above the second."""
    second, first = np.partition(rows, -2, axis=1)[:, -2:].T
    return first - second
