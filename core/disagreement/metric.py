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
from core.compare import ATOL, MOVED
from core.compare.accumulators import NEAR_ONE, spread_of

SAME, MOVED_ON, OTHER, NOT_A_NUMBER = 0, 1, 2, 3
MOST = 1e12  # an amount above which nothing is told apart any more


@dataclass(frozen=True)
class Scale:
    """How answers of one output are held against each other: as a "class" (the largest of its values), as a "value"
    in units of `spread` (of 1 where that is 0), or as "text"."""

    kind: str
    spread: float = 0.0

    @property
    def moved(self) -> float:
        """The difference from which a value counts as changed, as in a comparison."""
        return max(MOVED * self.spread, ATOL)


@dataclass(frozen=True)
class Measured:
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


def scales_of(reference: Arrays, labels: int = 0) -> dict[str, Scale]:
    """The scale of each output by what a reference shows; with `labels` classes, an output of so many values is one."""
    return {name: _scale(array, labels) for name, array in reference.items()}


def _scale(array: np.ndarray, labels: int) -> Scale:
    if array.dtype.kind in "SUO":
        return Scale("text")
    values = array.astype("float64")
    if values.ndim == 2 and values.shape[1] > 1 and (values.shape[1] == labels or _are_probabilities(values)):
        return Scale("class")
    return Scale("value", spread_of(values))


def _are_probabilities(rows: np.ndarray) -> bool:
    return bool(np.all(rows >= 0) and np.allclose(rows.sum(axis=-1), 1, atol=NEAR_ONE))


def measure(left: Arrays, right: Arrays, scales: Mapping[str, Scale]) -> Measured:
    """Hold the answers of two models to the same rows against each other, batch first, by the same output names.

    NaN equals NaN at the same place, and infinity itself.
    """
    with np.errstate(over="ignore"):
        parts = [_one(left[name], right[name], scale) for name, scale in scales.items()]
    levels, amounts, largest = (np.array([part[at] for part in parts]) for at in range(3))
    squeezed = amounts / (1 + amounts)
    output = (levels + squeezed).argmax(axis=0)
    rows = np.arange(output.size)
    score = levels.max(axis=0) + squeezed.mean(axis=0)
    return Measured(levels[output, rows], amounts[output, rows], largest.max(axis=0), output, score)


def _one(left: np.ndarray, right: np.ndarray, scale: Scale) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    left, right = left.reshape(len(left), -1), right.reshape(len(right), -1)
    if scale.kind == "text":
        others = (left.astype("U") != right.astype("U")).sum(axis=1)
        return np.where(others > 0, OTHER, SAME), others.astype("float64"), np.zeros(len(left))
    left, right = left.astype("float64"), right.astype("float64")
    finite = np.isfinite(left) & np.isfinite(right)
    with np.errstate(invalid="ignore"):
        apart = np.where(finite, np.abs(left - right), 0.0)
    strange = ~(finite | (np.isnan(left) & np.isnan(right)) | (left == right))
    largest = apart.max(axis=1, initial=0.0)
    level, amount = _classes(left, right, largest) if scale.kind == "class" else _values(largest, scale)
    odd = strange.any(axis=1)
    amount = np.nan_to_num(np.minimum(amount, MOST), nan=MOST)
    return np.where(odd, NOT_A_NUMBER, level), np.where(odd, strange.sum(axis=1), amount), largest


def _values(largest: np.ndarray, scale: Scale) -> tuple[np.ndarray, np.ndarray]:
    return np.where(largest > scale.moved, MOVED_ON, SAME), largest / (scale.spread or 1.0)


def _classes(left: np.ndarray, right: np.ndarray, largest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows in which both have the same number missing count by the others."""
    left, right = (np.where(np.isfinite(rows), rows, np.finfo("float32").min) for rows in (left, right))
    rows, one, two = np.arange(len(left)), left.argmax(axis=1), right.argmax(axis=1)
    sure = np.minimum(left[rows, one] - left[rows, two], right[rows, two] - right[rows, one])
    lead = np.minimum(_lead(left), _lead(right))
    near = np.divide(largest, largest + lead, where=largest > 0, out=np.zeros_like(largest))
    return np.where(one != two, OTHER, SAME), np.where(one != two, sure, near)


def _lead(rows: np.ndarray) -> np.ndarray:
    """How far the largest value of each row stands above the second."""
    two = np.partition(rows, -2, axis=1)[:, -2:]
    return two[:, 1] - two[:, 0]
