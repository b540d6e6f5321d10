"""Predictions and right answers in words: the class with the largest value, or the values."""

from collections.abc import Sequence

import numpy as np

from core.arrays import NUMERIC_KINDS, as_text, is_text


def format_values(values: np.ndarray) -> str:
    """Format up to four values as text."""
    flat = np.asarray(values).reshape(-1)
    shown = as_text(flat[:4]) if is_text(flat) else [f"{value:.5g}" for value in flat[:4]]
    return ", ".join(shown) + (" …" if flat.size > 4 else "")


class PredictionLabeler:
    """Format predictions of one output: the class with the largest value, or the values."""

    def __init__(self, labels: Sequence[str]):
        self._labels = labels

    @classmethod
    def for_output(cls, labels: Sequence[str], predictions: np.ndarray) -> "PredictionLabeler":
        """Make the labeler of an output (rows, ...): by class if it has one value for each label."""
        return cls(labels if predictions.ndim == 2 and predictions.shape[1] == len(labels) else ())

    def label_prediction(self, values: np.ndarray) -> str:
        if not self._labels:
            return format_values(values)
        if np.ndim(values) and np.size(values) > 1:
            return self._labels[int(values.argmax())] if np.isfinite(values).all() else "not a number"
        return self.label_target(values)

    def label_target(self, target: np.ndarray) -> str:
        """Format the right answer: a class by its number or one-hot, or values."""
        flat = np.asarray(target).reshape(-1)
        if not self._labels or flat.dtype.kind not in NUMERIC_KINDS:
            return format_values(target)
        number = int(flat.argmax()) if flat.size > 1 else int(flat[0])
        return self._labels[number] if 0 <= number < len(self._labels) else str(number)
