"""How much two models disagree on each row, as one number that can be climbed.

A person wants the row on which the two say different things, and both mean it. So a changed answer counts above any
unchanged one, and among changed answers the one that both are surest of: the smaller of the two leads with which each
prefers its own class over the other's. An unchanged answer counts by how near it is to changing, because that is the
way on which a search comes to a changed one: d / (d + l), where d is the largest difference between the two and l the
smaller lead of the first class over the second. Where the answer is a value and no class, both cases count by the
largest difference in units of the standard deviation of the reference, and text counts by how many texts are others.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from core.compare import ATOL, MOVED
from core.formats.contract import Arrays

SAME, CHANGED, NOT_A_NUMBER = 0, 1, 2
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

    `level` is 0 for the same answer, 1 for a changed one, 2 where one is no number and the other is; `amount` orders
    rows of one level; `largest` is the largest absolute difference over all outputs, and `output` the number of the
    output that decides.
    """

    level: np.ndarray
    amount: np.ndarray
    largest: np.ndarray
    output: np.ndarray

    @property
    def score(self) -> np.ndarray:
        """The whole order as one number in [0, 3): the level, and within it the amount squeezed into [0, 1)."""
        return self.level + self.amount / (1 + self.amount)


def scales_of(reference: Arrays, labels: int = 0) -> dict[str, Scale]:
    """The scale of each output by what a reference shows; with `labels` classes, an output of so many values is one."""
    return {name: _scale(array, labels) for name, array in reference.items()}


def _scale(array: np.ndarray, labels: int) -> Scale:
    if array.dtype.kind in "SUO":
        return Scale("text")
    values = array.astype("float64")
    if values.ndim == 2 and values.shape[1] > 1 and (values.shape[1] == labels or are_probabilities(values)):
        return Scale("class")
    finite = values[np.isfinite(values)]
    return Scale("value", float(finite.std()) if finite.size else 0.0)


def are_probabilities(rows: np.ndarray) -> bool:
    return bool(np.all(rows >= 0) and np.allclose(rows.sum(axis=-1), 1, atol=1e-3))


def measure(left: Arrays, right: Arrays, scales: Mapping[str, Scale]) -> Measured:
    """Hold the answers of two models to the same rows against each other, batch first, by the same output names.

    NaN equals NaN at the same place, and infinity itself.
    """
    with np.errstate(over="ignore"):
        parts = [_one(left[name], right[name], scale) for name, scale in scales.items()]
    levels, amounts, largest = (np.array([part[at] for part in parts]) for at in range(3))
    output = (levels + amounts / (1 + amounts)).argmax(axis=0)
    rows = np.arange(output.size)
    return Measured(levels[output, rows], amounts[output, rows], largest.max(axis=0), output)


def _one(left: np.ndarray, right: np.ndarray, scale: Scale) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    left, right = left.reshape(len(left), -1), right.reshape(len(right), -1)
    if scale.kind == "text":
        others = (left.astype("U") != right.astype("U")).sum(axis=1)
        return np.minimum(others, 1), others.astype("float64"), np.zeros(len(left))
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
    return np.where(largest > scale.moved, CHANGED, SAME), largest / (scale.spread or 1.0)


def _classes(left: np.ndarray, right: np.ndarray, largest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows in which both have the same number missing count by the others."""
    left, right = (np.where(np.isfinite(rows), rows, np.finfo("float32").min) for rows in (left, right))
    rows, one, two = np.arange(len(left)), left.argmax(axis=1), right.argmax(axis=1)
    sure = np.minimum(left[rows, one] - left[rows, two], right[rows, two] - right[rows, one])
    lead = np.minimum(_lead(left), _lead(right))
    near = np.divide(largest, largest + lead, where=largest > 0, out=np.zeros_like(largest))
    return np.where(one != two, CHANGED, SAME), np.where(one != two, sure, near)


def _lead(rows: np.ndarray) -> np.ndarray:
    """How far the largest value of each row stands above the second."""
    two = np.partition(rows, -2, axis=1)[:, -2:]
    return two[:, 1] - two[:, 0]
