"""Answers in words: a class by its name, or the values themselves."""

from collections.abc import Sequence

import numpy as np


def values_in_words(values: np.ndarray) -> str:
    """Up to four values as text."""
    flat = np.asarray(values).reshape(-1)
    more = " …" if flat.size > 4 else ""
    if flat.dtype.kind in "SUO":
        return ", ".join(item.decode() if isinstance(item, bytes) else str(item) for item in flat[:4]) + more
    return ", ".join(f"{value:.5g}" for value in flat[:4]) + more


class Sayer:
    """Says answers of one output: the class with the largest value, or the values themselves."""

    def __init__(self, labels: Sequence[str]):
        self._labels = labels

    @classmethod
    def of(cls, labels: Sequence[str], answers: np.ndarray) -> "Sayer":
        """Who says answers (rows, ...) of an output, where a model has these labels: by class if there are as many."""
        return cls(labels if answers.ndim == 2 and answers.shape[1] == len(labels) else ())

    def answer(self, values: np.ndarray) -> str:
        if not self._labels:
            return values_in_words(values)
        if np.ndim(values) and np.size(values) > 1:
            return self._labels[int(values.argmax())] if np.isfinite(values).all() else "not a number"
        return self.truth(values)

    def truth(self, target: np.ndarray) -> str:
        """The right answer: a class by its number or one-hot, or values."""
        flat = np.asarray(target).reshape(-1)
        if not self._labels or flat.dtype.kind not in "biuf":
            return values_in_words(target)
        number = int(flat.argmax()) if flat.size > 1 else int(flat[0])
        return self._labels[number] if 0 <= number < len(self._labels) else str(number)
