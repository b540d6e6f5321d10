"""What the verdict on one output needs: the largest difference, what is not finite, and which rows changed."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from core.arrays import as_text
from core.compare.chunks import Arrays, Block, Source, dot, is_text, read_together
from core.compare.results import ATOL, MOVED, RTOL

NEAR_ONE = 1e-3  # how far from 1 the values of a row of probabilities may add up


@dataclass(frozen=True)
class Judged:
    """One output: `changed` (rows,) bool and `distance` (rows,) float64, infinite where a pair is not finite and not
    the same; the rest over all finite pairs. `worst` is {"row", "index", "reference", "answer"}, or None where the
    sides are the same: the place of the largest finite difference, or where there is none of the first other one.
    `atol_needed` is the largest difference in float64, where `max_abs` is in the dtype of the work.
    """

    identical: bool
    rounding: bool
    changed: np.ndarray
    distance: np.ndarray
    values: int = 0
    sum_abs: float = 0.0
    max_abs: float = 0.0
    atol_needed: float = 0.0
    reference_nan: int = 0
    answer_nan: int = 0
    reference_inf: int = 0
    answer_inf: int = 0
    worst: dict[str, Any] | None = None
    by_class: bool = False


@dataclass
class Judge:
    """Judges one output block by block.

    `by_class` says whether the answer of a row is the largest of its values; None means as long as the rows of the
    reference are probabilities, which is known for sure only when the last has been seen. A changed value is judged
    against `spread`; None is that of the rows of the reference themselves.
    """

    by_class: bool | None
    spread: float | None = None
    _identical: bool = True
    _rounding: bool = True
    _values: int = 0
    _sum: float = 0.0
    _most: float = 0.0
    _needed: float = 0.0
    _worst: dict[str, Any] | None = None
    _counts: np.ndarray = field(default_factory=lambda: np.zeros((2, 2), "int64"))
    _away: list[np.ndarray] = field(default_factory=list)
    _unlike: list[np.ndarray] = field(default_factory=list)
    _other_label: list[np.ndarray] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._spread = Spread()

    def add(self, block: Block) -> None:
        self._values += block.count
        self._sum += float(block.exact[2].sum())
        self._away.append(block.row_away)
        self._unlike.append(block.row_unlike)
        self._identical = self._identical and not block.most and _same_bits(*block.raw)
        self._rounding = self._rounding and _within_rounding(block)
        # Rounding keeps the order: no other pair is further apart than those that are so when rounded.
        if block.most and block.most >= self._most:
            self._needed = max(self._needed, float(block.apart.max()))
        self._note_worst(block)
        if block.finite is not None:
            self._counts += [[np.isnan(side).sum(), np.isinf(side).sum()] for side in block.given]
        self._note_answers(block)

    def _note_worst(self, block: Block) -> None:
        if block.most > self._most:
            row = int(block.row_away.argmax())
            self._worst = _place(block, row, int(block.away[row].argmax()))
            self._most = block.most
        elif self._worst is None and block.unlike is not None and block.unlike.any():
            row = int(block.row_unlike.argmax())
            self._worst = _place(block, row, int(block.unlike[row].argmax()))

    def _note_answers(self, block: Block) -> None:
        has_classes = block.raw[0].ndim == 2 and block.raw[0].shape[1] > 1
        if self.by_class is not False:
            self.by_class = has_classes and (self.by_class or (None if are_probabilities(block) else False))
        if self.by_class is not False:
            left, right = block.labels
            self._other_label.append(left != right)
        if self.by_class is not True and self.spread is None:
            self._spread.add(block)

    def end(self) -> Judged:
        """The judgement, after the last block."""
        by_class = self.by_class is not False
        spread = self._spread.std if self.spread is None else self.spread
        away, unlike = np.concatenate(self._away, dtype="float64"), np.concatenate(self._unlike)
        moved = np.concatenate(self._other_label) if by_class else away > max(MOVED * spread, ATOL)
        away[unlike] = np.inf
        (reference_nan, reference_inf), (answer_nan, answer_inf) = self._counts.tolist()
        return Judged(
            identical=self._identical,
            rounding=self._rounding,
            changed=unlike | moved,
            distance=away,
            values=self._values,
            sum_abs=self._sum,
            max_abs=self._most,
            atol_needed=self._needed,
            reference_nan=reference_nan,
            answer_nan=answer_nan,
            reference_inf=reference_inf,
            answer_inf=answer_inf,
            worst=self._worst,
            by_class=by_class,
        )


class Spread:
    """The standard deviation of the finite values of the reference, merged block by block.

    Source: Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances" (1979).
    """

    def __init__(self) -> None:
        self._count, self._mean, self._squares = 0, 0.0, 0.0

    def add(self, block: Block) -> None:
        values = block.exact[0].ravel(order="K")
        if block.finite is not None:
            values = block.given[0][np.isfinite(block.given[0])].astype("float64")
        if not values.size:
            return
        mean = float(values.mean())
        away = values - mean
        count, step = self._count + values.size, mean - self._mean
        self._squares += dot(away, away) + step * step * self._count * values.size / count
        self._mean += step * values.size / count
        self._count = count

    @property
    def std(self) -> float:
        return (self._squares / self._count) ** 0.5 if self._count else 0.0


def spread_of(answers: np.ndarray) -> float:
    """The standard deviation of the finite values; 0 where there are none."""
    values = answers.view(answers.real.dtype) if answers.dtype.kind == "c" else answers
    values = values.astype("float64")
    finite = values[np.isfinite(values)]
    with np.errstate(over="ignore", invalid="ignore"):
        return float(finite.std()) if finite.size else 0.0


def spreads(answers: Arrays) -> dict[str, float]:
    """By output how far its values spread, texts left out: known answers tell it where only a few rows are compared."""
    return {name: spread_of(array) for name, array in answers.items() if not is_text(array)}


def are_probabilities(block: Block, side: int = 0, near: float = NEAR_ONE) -> bool:
    """Whether every row of the reference (side 0) or of the answer (1) is of probabilities: none negative, sum 1."""
    sums = block.row_sums[side]
    return bool(np.all(np.abs(sums - 1) <= near) and block.given[side].min(initial=0) >= 0)


def _same_bits(left: np.ndarray, right: np.ndarray) -> bool:
    if left.dtype != right.dtype:
        return False
    left, right = (np.ascontiguousarray(side).reshape(-1).view("uint8") for side in (left, right))
    return np.array_equal(left, right)


def _within_rounding(block: Block) -> bool:
    if block.unlike is not None and block.unlike.any():
        return False
    return block.most <= ATOL or bool(np.all(block.away <= ATOL + RTOL * np.abs(block.left)))


def _place(block: Block, row: int, value: int) -> dict[str, Any]:
    index = np.unravel_index(value, block.raw[0].shape[1:])
    reference, answer = (side[(row, *index)].item() for side in block.raw)
    return {"row": block.first + row, "index": [int(one) for one in index], "reference": reference, "answer": answer}


def judge_text(reference: Source, answer: Source) -> Judged:
    """Texts are the same or they are not."""
    changed, worst, first = [], None, 0
    for sides in read_together(reference, answer):
        left, right = (as_text(side) for side in sides)
        other = left != right
        changed.append(other.reshape(len(other), -1).any(axis=1) if other.size else np.zeros(len(other), bool))
        if worst is None and other.any():
            row, *index = (int(one) for one in np.argwhere(other)[0])
            place = (row, *index)
            worst = {"row": first + row, "index": index, "reference": str(left[place]), "answer": str(right[place])}
        first += len(other)
    changed = np.concatenate(changed)
    same = not changed.any()
    return Judged(same, same, changed, changed.astype("float64"), worst=worst)
