"""What the verdict on one output needs: the largest difference, what is not finite, and which rows changed."""

import math
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from core.arrays import as_text
from core.compare.arithmetic import RunningStd
from core.compare.chunks import Block, ChunkSource, read_aligned
from core.compare.results import WorstValue
from core.compare.value_changes import choose_allowed_distance, has_whole_numbers, may_be_scores, measure_last_places
from core.compare.verdict import ATOL, RTOL

PROBABILITY_SUM_TOLERANCE = 1e-3  # how far from 1 the values of a row of probabilities may add up
NONFINITE_COUNTS = ("reference_nan", "reference_inf", "answer_nan", "answer_inf")


@dataclass
class OutputDifferences:
    """How far one output is from the reference's, over all finite pairs of values.

    Attributes:
        identical: Whether all bits are the same.
        rounding: Whether all values differ by rounding at most.
        changed: (rows,) bool, rows with a changed prediction.
        distance: (rows,) float64, the largest difference; infinite where a pair is not finite and not the same.
        values: How many pairs are finite.
        max_abs: The largest difference, in the dtype of the work; `atol_needed` is the same in float64.
        nonfinite: Values by NONFINITE_COUNTS; empty for texts.
        mismatches: How many values that are not finite on one side and not the same on the other, by what became of
            what: "NaN became -∞".
        worst: The place of the largest finite difference, or where there is none of the first other one; None where
            the sides are the same.
        is_classification: Whether the prediction of a row is the largest of its values.
    """

    identical: bool = True
    rounding: bool = True
    changed: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))
    distance: np.ndarray = field(default_factory=lambda: np.zeros(0))
    values: int = 0
    sum_abs: float = 0.0
    max_abs: float = 0.0
    atol_needed: float = 0.0
    nonfinite: dict[str, int] = field(default_factory=dict)
    mismatches: dict[str, int] = field(default_factory=dict)
    worst: WorstValue | None = None
    is_classification: bool = False


class DifferenceAccumulator:
    """Finds the differences of one output block by block.

    Args:
        is_classification: Whether the prediction of a row is the largest of its values; None means as long as the rows
            of the reference are probabilities, which is known for sure only when the last has been seen. Whole numbers
            are no classes' scores.
        reference_std: The deviation with which a changed value is compared; None is that of the reference's own rows.
    """

    def __init__(self, is_classification: bool | None, reference_std: float | None = None):
        self.is_classification = is_classification
        self._reference_std = reference_std
        self._running_std = RunningStd()
        self._total = OutputDifferences()
        self._head = np.zeros((0, 0))  # of the reference's rows, for their dtype and shape
        self._nonfinite = np.zeros((2, 2), "int64")  # side by NaN, infinite
        self._mismatches: Counter[str] = Counter()
        self._row_differences: list[np.ndarray] = []
        self._row_moves: list[np.ndarray] = []  # the same without what the coarse dtype of the reference rounds
        self._row_mismatches: list[np.ndarray] = []
        self._label_changes: list[np.ndarray] = []

    def add(self, block: Block) -> None:
        total, self._head = self._total, block.raw[0][:0]
        total.values += block.finite_count
        total.sum_abs += float(block.as_float64[2].sum())
        total.identical = total.identical and not block.max_abs_diff and _has_same_bits(*block.raw)
        total.rounding = total.rounding and _is_within_rounding(block)
        # Rounding keeps the order: no other pair is further apart than those that are so when rounded.
        if block.max_abs_diff and block.max_abs_diff >= total.max_abs:
            total.atol_needed = max(total.atol_needed, float(block.abs_diff_float64.max()))
        self._update_worst(block)
        if block.finite is not None:
            self._nonfinite += [[np.isnan(side).sum(), np.isinf(side).sum()] for side in block.matrices]
        self._mismatches.update(_count_mismatches(block))
        self._row_differences.append(block.row_max_diff)
        self._row_moves.append(measure_row_moves(block))
        self._row_mismatches.append(block.row_mismatch)
        self._update_changed(block)

    def _update_worst(self, block: Block) -> None:
        total = self._total
        if block.max_abs_diff > total.max_abs:
            row = int(block.row_max_diff.argmax())
            total.worst = _locate_value(block, row, int(block.abs_diff[row].argmax()))
            total.max_abs = block.max_abs_diff
        elif total.worst is None and block.mismatch is not None and block.mismatch.any():
            row = int(block.row_mismatch.argmax())
            total.worst = _locate_value(block, row, int(block.mismatch[row].argmax()))

    def _update_changed(self, block: Block) -> None:
        if self.is_classification is not False:
            has_classes = may_be_scores(block.raw[0])
            is_sure = self.is_classification or (None if has_probabilities(block) else False)
            self.is_classification = has_classes and is_sure
        if self.is_classification is not False:
            left, right = block.argmax_labels
            self._label_changes.append(left != right)
        if self.is_classification is not True and self._reference_std is None:
            self._running_std.add(block)

    def result(self) -> OutputDifferences:
        """The differences, after the last block."""
        total = self._total
        total.is_classification = self.is_classification is not False
        total.nonfinite = dict(zip(NONFINITE_COUNTS, self._nonfinite.ravel().tolist(), strict=True))
        total.mismatches = dict(self._mismatches.most_common())
        total.distance = np.concatenate(self._row_differences, dtype="float64")
        if total.is_classification:
            total.changed = np.concatenate(self._label_changes)
        else:
            total.changed = np.concatenate(self._row_moves, dtype="float64") > self._allowed_distance()
        mismatch = np.concatenate(self._row_mismatches)
        total.changed = total.changed | mismatch
        total.distance[mismatch] = np.inf
        return total

    def _allowed_distance(self) -> float:
        std = self._running_std.std if self._reference_std is None else self._reference_std
        return choose_allowed_distance(self._head, std)


def _count_mismatches(block: Block) -> Counter[str]:
    """The pairs of a block that are not finite and not the same, by what became of what."""
    if block.mismatch is None:
        return Counter()
    before, now = (_value_kinds(side[block.mismatch]) for side in block.matrices)
    return Counter(f"{was} became {is_}" for was, is_ in zip(before, now, strict=True))


def _value_kinds(values: np.ndarray) -> list[str]:
    """What each value is: "NaN", "∞", "-∞" or "a number"."""
    kinds = [np.isnan(values), np.isposinf(values), np.isneginf(values)]
    return list(np.select(kinds, ["NaN", "∞", "-∞"], "a number"))


def has_probabilities(block: Block, side: int = 0, tolerance: float = PROBABILITY_SUM_TOLERANCE) -> bool:
    """Whether every row of the reference (side 0) or the prediction (1) is of probabilities: none negative, sum 1."""
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
    if block.max_abs_diff <= ATOL:
        return True
    explained = np.abs(block.left) * (0 if has_whole_numbers(block.raw[0]) else RTOL)
    if (places := measure_last_places(block.raw[0])) is not None:
        explained = np.maximum(explained, places.reshape(explained.shape))
    return bool(np.all(block.abs_diff <= ATOL + explained))


def measure_row_moves(block: Block) -> np.ndarray:
    """The largest difference of each row that the last places of a coarse dtype do not explain, (rows,)."""
    places = measure_last_places(block.raw[0])
    if places is None:
        return block.row_max_diff
    explained = block.abs_diff <= places.reshape(block.abs_diff.shape)
    return np.asarray(np.where(explained, 0, block.abs_diff).max(axis=1, initial=0))


def _locate_value(block: Block, row: int, value: int) -> WorstValue:
    index = [int(axis) for axis in np.unravel_index(value, block.raw[0].shape[1:])]
    reference, answer = (side[(row, *index)].item() for side in block.raw)
    return WorstValue(row=block.first_row + row, index=index, reference=reference, answer=answer)


def compare_text(reference: ChunkSource, prediction: ChunkSource) -> OutputDifferences:
    """The differences of texts, which are the same or not."""
    parts: list[np.ndarray] = []
    worst: WorstValue | None = None
    first = 0
    for sides in read_aligned(reference, prediction):
        left, right = (as_text(side) for side in sides)
        differs = left != right
        parts.append(differs.reshape(len(differs), -1).any(axis=1) if differs.size else np.zeros(len(differs), bool))
        if worst is None and differs.any():
            row, *index = (int(axis) for axis in np.argwhere(differs)[0])
            values = (str(side[(row, *index)]) for side in (left, right))
            worst = WorstValue(row=first + row, index=index, reference=next(values), answer=next(values))
        first += len(differs)
    changed = np.concatenate(parts)
    same = not changed.any()
    return OutputDifferences(same, same, changed, changed.astype("float64"), worst=worst)


def difference_metrics(differences: OutputDifferences) -> dict[str, float | WorstValue | None]:
    has_mismatch, values = bool(np.isinf(differences.distance).any()), differences.values
    return {
        "max_abs": differences.max_abs if values else None,
        "mean_abs": differences.sum_abs / values if values else None,
        "atol_needed": math.inf if has_mismatch else differences.atol_needed,
        "worst": differences.worst,
        **differences.nonfinite,
    }
