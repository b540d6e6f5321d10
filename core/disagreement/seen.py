"""What the data shows of each column: within this a made input must stay."""

from dataclasses import dataclass, field

import numpy as np

from core.formats.contract import Arrays

REPEATED = 2  # a column whose values stand in this many rows on average is a choice; else it is free text
MOST_WORDS = 10_000  # values of a column that are remembered


@dataclass
class Numbers:
    """Of each column the smallest and the largest finite number, and whether all were whole; shape (columns,)."""

    low: np.ndarray
    high: np.ndarray
    whole: np.ndarray

    @property
    def span(self) -> np.ndarray:
        """How far the data reaches, 0 where nothing can move."""
        return np.where(self.high > self.low, self.high - self.low, 0.0)

    def add(self, rows: np.ndarray) -> None:
        finite = np.isfinite(rows)
        self.low = np.minimum(self.low, np.where(finite, rows, np.inf).min(axis=0))
        self.high = np.maximum(self.high, np.where(finite, rows, -np.inf).max(axis=0))
        self.whole &= (~finite | (rows == np.round(rows))).all(axis=0)


@dataclass
class Words:
    """Of one column the texts that were seen, their letters, and the length of the longest."""

    values: set[str] = field(default_factory=set)
    letters: set[str] = field(default_factory=set)
    longest: int = 0
    rows: int = 0

    @property
    def is_choice(self) -> bool:
        return len(self.values) * REPEATED <= self.rows

    @property
    def movable(self) -> bool:
        return len(self.values) > 1 if self.is_choice else bool(self.letters)

    def add(self, column: np.ndarray) -> None:
        self.rows += len(column)
        for word in np.unique(column).tolist():
            if len(self.values) < MOST_WORDS:
                self.values.add(word)
            self.letters.update(word)
            self.longest = max(self.longest, len(word))


class Seen:
    """The columns of every input, as far as rows were shown; inputs are laid flat, row by row."""

    def __init__(self) -> None:
        self.numbers: dict[str, Numbers] = {}
        self.words: dict[str, list[Words]] = {}
        self.rows = 0

    def add(self, inputs: Arrays) -> None:
        """Take in rows, batch first."""
        for name, array in inputs.items():
            rows = array.reshape(len(array), -1)
            if rows.dtype.kind in "SUO":
                columns = self.words.setdefault(name, [Words() for _ in range(rows.shape[1])])
                for column, values in zip(columns, rows.astype("U").T, strict=True):
                    column.add(values)
            else:
                self.numbers.setdefault(name, _nothing(rows.shape[1])).add(rows.astype("float64"))
        self.rows += len(next(iter(inputs.values())))

    def movable(self) -> dict[str, np.ndarray]:
        """By input which of its columns can be another value, (columns,) bool."""
        texts = {name: np.array([one.movable for one in columns]) for name, columns in self.words.items()}
        return {name: one.span > 0 for name, one in self.numbers.items()} | texts


def _nothing(columns: int) -> Numbers:
    return Numbers(np.full(columns, np.inf), np.full(columns, -np.inf), np.ones(columns, bool))
