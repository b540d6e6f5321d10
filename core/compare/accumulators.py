"""What the verdict on one output needs: the largest difference, what is not finite, and which rows changed."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from core.arrays import Arrays, as_text, is_text
from core.compare.chunks import Block, ChunkSource, dot_product, read_aligned
from core.compare.results import ATOL, CHANGED_STD_SHARE, RTOL

PROBABILITY_SUM_TOLERANCE = 1e-3  # how far from 1 the values of a row of probabilities may add up


@dataclass(frozen=True)
class OutputDifferences:
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
    is_classification: bool = False


@dataclass
class DifferenceAccumulator:
    """Judges one output block by block.

    `by_class` says whether the answer of a row is the largest of its values; None means as long as the rows of the
    reference are probabilities, which is known for sure only when the last has been seen. A changed value is judged
    against `spread`; None is that of the rows of the reference themselves.
    """

    is_classification: bool | None
    reference_std: float | None = None
    _identical: bool = True
    _rounding: bool = True
    _values: int = 0
    _sum: float = 0.0
    _max_abs: float = 0.0
    _atol_needed: float = 0.0
    _worst: dict[str, Any] | None = None
    _counts: np.ndarray = field(default_factory=lambda: np.zeros((2, 2), "int64"))
    _row_differences: list[np.ndarray] = field(default_factory=list)
    _row_mismatches: list[np.ndarray] = field(default_factory=list)
    _label_changes: list[np.ndarray] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._running_std = RunningStd()

    def add(self, block: Block) -> None:
        self._values += block.finite_count
        self._sum += float(block.as_float64[2].sum())
        self._row_differences.append(block.row_max_diff)
        self._row_mismatches.append(block.row_mismatch)
        self._identical = self._identical and not block.max_abs_diff and _has_same_bits(*block.raw)
        self._rounding = self._rounding and _is_within_rounding(block)
        # Rounding keeps the order: no other pair is further apart than those that are so when rounded.
        if block.max_abs_diff and block.max_abs_diff >= self._max_abs:
            self._atol_needed = max(self._atol_needed, float(block.abs_diff_float64.max()))
        self._update_worst(block)
        if block.finite is not None:
            self._counts += [[np.isnan(side).sum(), np.isinf(side).sum()] for side in block.matrices]
        self._update_changed(block)

    def _update_worst(self, block: Block) -> None:
        if block.max_abs_diff > self._max_abs:
            row = int(block.row_max_diff.argmax())
            self._worst = _locate_value(block, row, int(block.abs_diff[row].argmax()))
            self._max_abs = block.max_abs_diff
        elif self._worst is None and block.mismatch is not None and block.mismatch.any():
            row = int(block.row_mismatch.argmax())
            self._worst = _locate_value(block, row, int(block.mismatch[row].argmax()))

    def _update_changed(self, block: Block) -> None:
        has_classes = block.raw[0].ndim == 2 and block.raw[0].shape[1] > 1
        if self.is_classification is not False:
            self.is_classification = has_classes and (
                self.is_classification or (None if has_probabilities(block) else False)
            )
        if self.is_classification is not False:
            left, right = block.argmax_labels
            self._label_changes.append(left != right)
        if self.is_classification is not True and self.reference_std is None:
            self._running_std.add(block)

    def result(self) -> OutputDifferences:
        """The judgement, after the last block."""
        by_class = self.is_classification is not False
        spread = self._running_std.std if self.reference_std is None else self.reference_std
        away, unlike = np.concatenate(self._row_differences, dtype="float64"), np.concatenate(self._row_mismatches)
        moved = np.concatenate(self._label_changes) if by_class else away > max(CHANGED_STD_SHARE * spread, ATOL)
        away[unlike] = np.inf
        (reference_nan, reference_inf), (answer_nan, answer_inf) = self._counts.tolist()
        return OutputDifferences(
            identical=self._identical,
            rounding=self._rounding,
            changed=unlike | moved,
            distance=away,
            values=self._values,
            sum_abs=self._sum,
            max_abs=self._max_abs,
            atol_needed=self._atol_needed,
            reference_nan=reference_nan,
            answer_nan=answer_nan,
            reference_inf=reference_inf,
            answer_inf=answer_inf,
            worst=self._worst,
            is_classification=by_class,
        )


class RunningStd:
    """The standard deviation of the finite values of the reference, merged block by block.

    Source: Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances" (1979).
    """

    def __init__(self) -> None:
        self._count, self._mean, self._squares = 0, 0.0, 0.0

    def add(self, block: Block) -> None:
        values = block.as_float64[0].ravel(order="K")
        if block.finite is not None:
            values = block.matrices[0][np.isfinite(block.matrices[0])].astype("float64")
        if not values.size:
            return
        mean = float(values.mean())
        away = values - mean
        count, step = self._count + values.size, mean - self._mean
        self._squares += dot_product(away, away) + step * step * self._count * values.size / count
        self._mean += step * values.size / count
        self._count = count

    @property
    def std(self) -> float:
        return (self._squares / self._count) ** 0.5 if self._count else 0.0


def finite_std(predictions: np.ndarray) -> float:
    """The standard deviation of the finite values; 0 where there are none."""
    values = predictions.view(predictions.real.dtype) if predictions.dtype.kind == "c" else predictions
    values = values.astype("float64")
    finite = values[np.isfinite(values)]
    with np.errstate(over="ignore", invalid="ignore"):
        return float(finite.std()) if finite.size else 0.0


def std_by_output(predictions: Arrays) -> dict[str, float]:
    """By output how far its values spread, texts left out: known answers tell it where only a few rows are compared."""
    return {name: finite_std(array) for name, array in predictions.items() if not is_text(array)}


def has_probabilities(block: Block, side: int = 0, tolerance: float = PROBABILITY_SUM_TOLERANCE) -> bool:
    """Whether every row of the reference (side 0) or of the answer (1) is of probabilities: none negative, sum 1."""
    sums = block.row_sums[side]
    return bool(np.all(np.abs(sums - 1) <= tolerance) and block.matrices[side].min(initial=0) >= 0)


def _has_same_bits(left: np.ndarray, right: np.ndarray) -> bool:
    if left.dtype != right.dtype:
        return False
    left, right = (np.ascontiguousarray(side).reshape(-1).view("uint8") for side in (left, right))
    return np.array_equal(left, right)


def _is_within_rounding(block: Block) -> bool:
    if block.mismatch is not None and block.mismatch.any():
        return False
    return block.max_abs_diff <= ATOL or bool(np.all(block.abs_diff <= ATOL + RTOL * np.abs(block.left)))


def _locate_value(block: Block, row: int, value: int) -> dict[str, Any]:
    index = np.unravel_index(value, block.raw[0].shape[1:])
    reference, answer = (side[(row, *index)].item() for side in block.raw)
    return {
        "row": block.first_row + row,
        "index": [int(one) for one in index],
        "reference": reference,
        "answer": answer,
    }


def compare_text(reference: ChunkSource, prediction: ChunkSource) -> OutputDifferences:
    """Texts are the same or they are not."""
    changed, worst, first = [], None, 0
    for sides in read_aligned(reference, prediction):
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
    return OutputDifferences(same, same, changed, changed.astype("float64"), worst=worst)
