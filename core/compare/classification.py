"""Predictions among classes: who predicts what, the order of the first five, and how many are right.

How many are right says nothing of which: two sides of the same accuracy may differ in every row that one has wrong.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from core.compare.arithmetic import to_ordered_integers
from core.compare.chunks import Block, ChunkSource, read_blocks
from core.errors import InputError

MAX_CONFUSION_CLASSES = 100  # up to which the table of agreement is made
TOP_K = 5
MAX_SORTED_CLASSES = 32  # classes up to which sorting all is faster than finding the largest five times
Z95 = 1.959963984540054  # the 97.5 % point of the normal distribution


@dataclass(frozen=True)
class Accuracy:
    """The share of rows with the right class, with a 95 % interval."""

    value: float
    low: float
    high: float
    rows: int


@dataclass(frozen=True)
class ClassificationMetrics:
    """Numbers of two sides that predict classes.

    Attributes:
        changed: Rows with a changed prediction, as the verdict counts them.
        agreement: `agreement[i][j]`, rows of which the reference predicts class i and the other side class j; rows with
            a NaN predict nothing and are not in it; None above 100 classes.
        top5_changed: Rows whose order of the first five classes differs; of equal values the lower class is first.
        top5_rank_change: By how many ranks the reference's first five classes move on average, over all rows
            (Spearman's footrule over those five, divided by five; with fewer classes all of them).
        reference_accuracy, answer_accuracy: None where there are no targets that are classes, as the rest; a row with a
            NaN is never right.
        broken: Rows that only the reference has right.
        fixed: Rows that only the other side has right.
        astray: Rows that neither has right, and of which they predict different classes.
    """

    classes: int
    changed: int
    agreement: list[list[int]] | None
    top5_changed: int
    top5_rank_change: float
    reference_accuracy: Accuracy | None = None
    answer_accuracy: Accuracy | None = None
    broken: int | None = None
    fixed: int | None = None
    astray: int | None = None


class ClassificationAccumulator:
    """Counts predictions among classes, and the right ones where `targets` are given."""

    def __init__(self, targets: ChunkSource | None):
        self._targets = targets
        self._stream: Iterator[np.ndarray] | None = None
        self._rows = self._classes = self._reordered = 0
        self._rank_changes = 0.0
        self._confusion: np.ndarray | None = None
        self._correct = np.zeros(2, "int64")
        self._flips = np.zeros(3, "int64")

    def add(self, block: Block) -> None:
        self._classes = block.raw[0].shape[1]
        self._rows += block.rows
        left, right = block.argmax_labels
        if block.finite is not None:
            left, right = map(_mask_nan_labels, block.matrices, block.argmax_labels)
        self._update_confusion(left, right)
        self._update_top_classes(block)
        targets = self._next_targets(block.rows)
        if targets is not None:
            self._count_correct(left, right, targets)

    def _count_correct(self, left: np.ndarray, right: np.ndarray, targets: np.ndarray) -> None:
        before, after = left == targets, right == targets
        self._correct += [np.count_nonzero(before), np.count_nonzero(after)]
        astray = (left != right) & ~(before | after)
        self._flips += [np.count_nonzero(rows) for rows in (before & ~after, after & ~before, astray)]

    def _next_targets(self, rows: int) -> np.ndarray | None:
        """Targets of the next rows as class numbers; None where there are none that are classes."""
        if self._targets is None:
            return None
        self._stream = self._stream or read_blocks(self._targets, rows)
        targets = next(self._stream, np.empty(0))
        if len(targets) != rows:
            raise _target_count_error(self._rows, self._rows - rows + len(targets))
        classes = target_classes(targets, self._classes)
        self._targets = None if classes is None else self._targets
        return classes

    def _update_confusion(self, left: np.ndarray, right: np.ndarray) -> None:
        if self._classes > MAX_CONFUSION_CLASSES:
            return
        known = (left >= 0) & (right >= 0)
        if not known.all():
            left, right = left[known], right[known]
        counts = np.bincount(left * self._classes + right, minlength=self._classes**2)
        self._confusion = counts if self._confusion is None else self._confusion + counts

    def _update_top_classes(self, block: Block) -> None:
        rows = np.flatnonzero((block.row_max_diff > 0) | block.row_mismatch)
        if not len(rows):
            return
        left, right = (side[rows] if len(rows) < block.rows else side for side in block.matrices)
        reference = top_classes(left)
        differ = np.flatnonzero((reference != top_classes(right)).any(axis=1))
        self._reordered += len(differ)
        if len(differ):
            ranks = _rank_classes(right[differ], reference[differ])
            self._rank_changes += float(np.abs(ranks - np.arange(reference.shape[1])).sum())

    def result(self, changed: int) -> ClassificationMetrics:
        """The numbers after the last block. Raises InputError where there are more targets than rows."""
        confusion = None if self._confusion is None else self._confusion.reshape(self._classes, -1).tolist()
        rank_change = self._rank_changes / (self._rows * min(TOP_K, self._classes))
        metrics = ClassificationMetrics(self._classes, changed, confusion, self._reordered, rank_change)
        if self._targets is None:
            return metrics
        if more := len(next(self._stream or iter(()), ())):
            raise _target_count_error(self._rows, self._rows + more)
        left, right = (wilson_interval(int(correct), self._rows) for correct in self._correct)
        flips = dict(zip(("broken", "fixed", "astray"), self._flips.tolist(), strict=True))
        return replace(metrics, reference_accuracy=left, answer_accuracy=right, **flips)


def _target_count_error(rows: int, targets: int) -> InputError:
    more, fewer = f"{rows:,} rows with at least {targets:,}", f"at least {rows:,} rows with {targets:,}"
    received = f"{more if targets > rows else fewer} right answers"
    cure = "Give the right answers to the same rows."
    return InputError("There are not as many right answers as rows.", received=received, cure=cure)


def _mask_nan_labels(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """-1 in rows with a NaN: the index of the largest value is then that of a NaN."""
    return np.where(np.isnan(values[np.arange(len(labels)), labels]), -1, labels)


def top_classes(values: np.ndarray) -> np.ndarray:
    """The indices of the (up to) five largest values of each row in order, (rows, 5); NaN counts as the smallest."""
    if values.dtype == "float32" and values.shape[1] <= MAX_SORTED_CLASSES:
        return _top_classes_by_sort(values)
    left = _replace_nan(values)
    rows = np.arange(len(left))
    columns = []
    for _ in range(min(TOP_K, values.shape[1])):
        columns.append(left.argmax(axis=1))
        left[rows, columns[-1]] = -np.inf
    return np.stack(columns, axis=1)


def _top_classes_by_sort(values: np.ndarray) -> np.ndarray:
    """The same for float32: value and index in one integer, whose order is that of the values, then of the indices."""
    last = values.shape[1] - 1
    keys = to_ordered_integers(_replace_nan(values)).astype("int64") << 32
    keys |= last - np.arange(last + 1)
    keys.sort(axis=1)
    return np.asarray(last - (keys[:, : -TOP_K - 1 : -1] & (2**32 - 1)))


def _replace_nan(values: np.ndarray) -> np.ndarray:
    """A copy without NaN, in which -infinity is free to mark what is taken."""
    return np.asarray(np.fmax(values, np.finfo(values.dtype).min))


def _rank_classes(values: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """The rank (0 for the largest) of each of `classes` (rows, n) among `values` (rows, all)."""
    values = _replace_nan(values)
    indices = np.arange(values.shape[1])
    ranks = []
    for column in classes.T:
        own = np.take_along_axis(values, column[:, None], axis=1)
        ahead = (values > own) | ((values == own) & (indices < column[:, None]))
        ranks.append(ahead.sum(axis=1))
    return np.stack(ranks, axis=1)


def target_classes(targets: np.ndarray, class_count: int) -> np.ndarray | None:
    """Targets as class numbers, (rows,): given as such, or one-hot. None where they are neither."""
    if targets.dtype.kind not in "biuf":
        return None
    if targets.ndim == 2 and targets.shape[1] == class_count:
        return np.asarray(targets.argmax(axis=1))
    numbers = targets.reshape(len(targets), -1)
    if numbers.shape[1] != 1 or not np.all(numbers == np.rint(numbers)):
        return None
    return numbers[:, 0]


def wilson_interval(correct: int, rows: int) -> Accuracy:
    """The share of `correct` in `rows` with its 95 % score interval.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference" (1927). Written out because
    importing SciPy's statistics costs a server about a second and 50 MB.
    """
    share, square = correct / rows, Z95**2
    middle = (share + square / (2 * rows)) / (1 + square / rows)
    half = Z95 / (1 + square / rows) * math.sqrt(share * (1 - share) / rows + square / (4 * rows**2))
    low = 0.0 if correct == 0 else max(0.0, middle - half)
    high = 1.0 if correct == rows else min(1.0, middle + half)
    return Accuracy(share, low, high, rows)
