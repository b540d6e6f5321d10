"""Random local steps around a row of the data.

They never leave the domain that the data shows of each column, nor the row's neighbourhood.
"""

from dataclasses import dataclass, field
from typing import NamedTuple, TypedDict

import numpy as np

from core.arrays import Arrays, select_rows

MIN_REPEATS = 2  # a column whose values stand in this many rows on average is a choice; else it is free text
MAX_VALUES = 10_000  # values of a column that are stored
# No number moves further from the row where the steps began than this share of its column's range, and of a free text
# no larger share of the letters is another: what is found is still a picture of that digit, a bill like that one.
NEIGHBOURHOOD_SHARE = 0.25
DENSE_STEP_SHARE = 0.5  # share of the steps that move every number at once; the others move a few columns


@dataclass
class NumberDomain:
    """Of each column the smallest and the largest finite number, and whether all were whole; shape (columns,)."""

    low: np.ndarray
    high: np.ndarray
    is_integer: np.ndarray

    @classmethod
    def empty(cls, columns: int) -> "NumberDomain":
        return cls(np.full(columns, np.inf), np.full(columns, -np.inf), np.ones(columns, bool))

    @property
    def span(self) -> np.ndarray:
        """How far the data reaches, 0 where nothing can move."""
        return np.where(self.high > self.low, self.high - self.low, 0.0)

    def add(self, rows: np.ndarray) -> None:
        finite = np.isfinite(rows)
        self.low = np.minimum(self.low, np.where(finite, rows, np.inf).min(axis=0))
        self.high = np.maximum(self.high, np.where(finite, rows, -np.inf).max(axis=0))
        self.is_integer &= (~finite | (rows == np.round(rows))).all(axis=0)


@dataclass
class TextDomain:
    """Of one column the texts that were seen, their letters, and the length of the longest."""

    values: set[str] = field(default_factory=set)
    letters: set[str] = field(default_factory=set)
    longest: int = 0
    rows: int = 0

    @property
    def is_choice(self) -> bool:
        return len(self.values) * MIN_REPEATS <= self.rows

    @property
    def is_movable(self) -> bool:
        return len(self.values) > 1 if self.is_choice else bool(self.letters)

    def add(self, column: np.ndarray) -> None:
        self.rows += len(column)
        for word in np.unique(column).tolist():
            if len(self.values) < MAX_VALUES:
                self.values.add(word)
            self.letters.update(word)
            self.longest = max(self.longest, len(word))


class DataDomain:
    """The columns of every input, as far as rows were added; inputs are flattened, row by row."""

    def __init__(self) -> None:
        self.numbers: dict[str, NumberDomain] = {}
        self.texts: dict[str, list[TextDomain]] = {}
        self.rows = 0

    def add(self, inputs: Arrays) -> None:
        """Widen the domain by rows, {input: (rows, ...)}."""
        for name, array in inputs.items():
            rows = array.reshape(len(array), -1)
            if rows.dtype.kind in "SUO":
                columns = self.texts.setdefault(name, [TextDomain() for _ in range(rows.shape[1])])
                for column, values in zip(columns, rows.astype("U").T, strict=True):
                    column.add(values)
            else:
                self.numbers.setdefault(name, NumberDomain.empty(rows.shape[1])).add(rows.astype("float64"))
        self.rows += len(next(iter(inputs.values())))

    def movable_columns(self) -> dict[str, np.ndarray]:
        """By input which of its columns can be another value, (columns,) bool."""
        texts = {name: np.array([column.is_movable for column in columns]) for name, columns in self.texts.items()}
        return {name: domain.span > 0 for name, domain in self.numbers.items()} | texts


@dataclass(frozen=True)
class InputPoint:
    """One row {input: (1, ...)}; the row of the data where it began; and by input of text how many letters of each
    column were changed on the way, (1, columns)."""

    inputs: Arrays
    origin: Arrays
    edits: Arrays = field(default_factory=dict)


class ProposedRows(NamedTuple):
    """Rows {input: (rows, ...)}, with the letters changed so far, (rows, columns) by input of text."""

    inputs: Arrays
    edits: Arrays

    def point_at(self, row: int, origin: Arrays) -> InputPoint:
        inputs, edits = (select_rows(arrays, slice(row, row + 1)) for arrays in self)
        return InputPoint(inputs, origin, edits)


class StepGenerator:
    """Makes steps of any size within the domain; the same random numbers give the same steps."""

    def __init__(self, domain: DataDomain, random: np.random.Generator):
        self._domain = domain
        self._random = random
        self._movable = domain.movable_columns()
        self._text_mutators = {name: list(map(_TextMutator, columns)) for name, columns in domain.texts.items()}

    @property
    def can_move(self) -> bool:
        return any(columns.any() for columns in self._movable.values())

    def propose(self, point: InputPoint, count: int, size: float) -> ProposedRows:
        """Make `count` rows one step away from a point.

        `size` is the standard deviation of a number's step, as a share of its column's range. A choice becomes another
        one of the domain; of a free text one letter is changed, inserted or deleted.
        """
        chosen = self._choose_columns(count)
        inputs, edits = {}, {}
        for name, array in point.inputs.items():
            if name in self._domain.numbers:
                moved = self._step_numbers(self._domain.numbers[name], array, point.origin[name], chosen[name], size)
            else:
                moved, edits[name] = self._step_texts(name, point, chosen[name])
            inputs[name] = moved.reshape(count, *array.shape[1:])
        return ProposedRows(inputs, edits)

    def _choose_columns(self, count: int) -> dict[str, np.ndarray]:
        """Which columns each step moves, (count, columns) bool by input: all numbers, or a few columns of any kind."""
        flat = np.concatenate(list(self._movable.values()))
        free = np.flatnonzero(flat)
        few = np.minimum(self._random.geometric(1 / np.sqrt(free.size), size=count), free.size)
        sparse = np.zeros((count, flat.size), bool)
        sparse[:, free] = self._random.random((count, free.size)) < (few / free.size)[:, None]
        sparse[np.arange(count), self._random.choice(free, size=count)] = True
        dense = self._random.random((count, 1)) < DENSE_STEP_SHARE
        ends = np.cumsum([columns.size for columns in self._movable.values()])[:-1]
        by_input = dict(zip(self._movable, np.split(sparse, ends, axis=1), strict=True))
        return {
            name: (mask | dense) & self._movable[name] if name in self._domain.numbers else mask
            for name, mask in by_input.items()
        }

    def _step_numbers(
        self, domain: NumberDomain, row: np.ndarray, origin: np.ndarray, chosen: np.ndarray, size: float
    ) -> np.ndarray:
        """Return (count, columns) in the dtype of the row; what is not chosen stays as it is, to the last bit."""
        low, high = _column_bounds(domain, origin.reshape(-1).astype("float64"))
        now = row.reshape(-1).astype("float64")
        step = self._random.normal(size=chosen.shape) * size * domain.span
        step = np.where(domain.is_integer, np.sign(step) * np.maximum(np.round(np.abs(step)), 1), step)
        with np.errstate(invalid="ignore"):
            moved = np.clip(now + step, low, high)
        rows = np.repeat(row.reshape(1, -1), len(chosen), axis=0)
        chosen = chosen & np.isfinite(now)
        rows[chosen] = moved[chosen].astype(row.dtype)
        return rows

    def _step_texts(self, name: str, point: InputPoint, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        texts = np.repeat(point.inputs[name].reshape(1, -1), len(chosen), axis=0).astype("O")
        edits = np.repeat(point.edits.get(name, np.zeros((1, chosen.shape[1]), int)), len(chosen), axis=0)
        origin = point.origin[name].reshape(-1)
        for row, column in np.argwhere(chosen):
            mutator, text = self._text_mutators[name][column], str(texts[row, column])
            mutated = mutator.mutate(text, str(origin[column]), int(edits[row, column]), self._random)
            texts[row, column], edits[row, column] = mutated
        return texts.astype("U"), edits


def _column_bounds(domain: NumberDomain, origin: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The range of the data, cut to the neighbourhood of one row; a whole number may always move by one."""
    reach = NEIGHBOURHOOD_SHARE * domain.span
    reach = np.where(domain.is_integer, np.maximum(np.floor(reach), 1), reach)
    return np.fmax(domain.low, origin - reach), np.fmin(domain.high, origin + reach)


class _TextMutator:
    """What a column of text may become."""

    def __init__(self, domain: TextDomain):
        self._values = sorted(domain.values)
        self._letters = sorted(domain.letters)
        self._domain = domain

    def mutate(self, text: str, origin: str, edits: int, random: np.random.Generator) -> tuple[str, int]:
        """Return another text, and how many letters were changed since the row of the data."""
        if self._domain.is_choice:
            others = [value for value in self._values if value != text]
            return others[random.integers(len(others))], 0
        limit, times = max(1, round(NEIGHBOURHOOD_SHARE * len(origin))), 1
        if edits >= limit:  # as far as it may go: begin again at the row
            text, edits, times = origin, 0, int(random.integers(1, limit + 1))
        for _ in range(times):
            text = self._edit_once(text, random)
        return text, edits + times

    def _edit_once(self, text: str, random: np.random.Generator) -> str:
        """Change, insert or delete one letter; never empty, and never longer than the longest of the domain."""
        edits = ["change"] * bool(text) + ["insert"] * (len(text) < self._domain.longest) + ["delete"] * (len(text) > 1)
        edit, place = edits[random.integers(len(edits))], int(random.integers(max(len(text), 1)))
        letter = "" if edit == "delete" else self._letters[random.integers(len(self._letters))]
        return text[:place] + letter + text[place + (edit != "insert") :]


class OriginDistance(TypedDict):
    """How far a point is from its row of the data."""

    columns: int  # that have another value
    of: int  # all columns
    largest: float  # the furthest that a number moved, as a share of its column's range


def distance_from_origin(point: InputPoint, domain: DataDomain) -> OriginDistance:
    """Measure how far a point is from its row of the data."""
    distance: OriginDistance = {"columns": 0, "of": 0, "largest": 0.0}
    for name, array in point.inputs.items():
        values, origin = array.reshape(-1), point.origin[name].reshape(-1)
        moved = ~((values == origin) | ((values != values) & (origin != origin)))
        distance["columns"] += int(moved.sum())
        distance["of"] += values.size
        if name in domain.numbers and moved.any():
            steps = np.abs(values.astype("float64") - origin.astype("float64"))[moved]
            shares = steps / domain.numbers[name].span[moved]
            distance["largest"] = max(distance["largest"], float(shares.max()))
    return distance
