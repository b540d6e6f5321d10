"""The range of numbers that a model asks of an input, by what it does with them first.

What rescales its input says where the numbers come from: a layer that divides by 255 wants bytes. Nothing is run.
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

Range = tuple[float, float]  # the lowest and the highest number
PASS = "pass"  # moves numbers, and changes none
ADD, SUBTRACT, MULTIPLY, DIVIDE = "add", "subtract", "multiply", "divide"
STANDARDIZE = "standardize"  # by two constants: the mean and the variance of what is expected
LOOK_UP = "look up"  # takes rows of its constant
DEVIATIONS = 2.0  # on each side of a mean
DIGITS = 6  # that the constants of float32 are good for
MAX_CONSTANT = 4096  # numbers: what rescales has one for each column at most
MAX_STEPS = 64


class Step(NamedTuple):
    """One operation: what it does (`PASS` …; anything else ends the search), and its inputs and outputs by key."""

    operation: str
    inputs: tuple[Hashable, ...]
    outputs: tuple[Hashable, ...]


class FirstSteps(NamedTuple):
    """The operations of a model, and the constants among their inputs; of one that is looked up, how many rows."""

    steps: Sequence[Step]
    constants: Mapping[Hashable, np.ndarray]
    rows: Mapping[Hashable, int]


class _Scaled(NamedTuple):
    """What became of an input x: x · scale + shift, with numbers for each column or for all."""

    scale: np.ndarray
    shift: np.ndarray
    is_standard: bool = False  # around 0, with a deviation of 1

    def after(self, step: Step, key: Hashable, constants: Mapping[Hashable, np.ndarray]) -> "_Scaled | None":
        """What is left after a step; None where it is no change of scale by constants."""
        others = [constants.get(other) for other in step.inputs if other is not key and other != key]
        if step.operation == PASS:
            return self
        if any(other is None or not np.isfinite(other).all() for other in others) or not others:
            return None
        values = [np.ravel(np.asarray(other, "float64")) for other in others if other is not None]
        if any(len(value) not in (1, len(self.scale)) and len(self.scale) != 1 for value in values):
            return None
        return self._changed(step.operation, step.inputs[0] == key, values)

    def _changed(self, operation: str, comes_first: bool, values: list[np.ndarray]) -> "_Scaled | None":
        value = values[0]
        if operation == ADD:
            return self._by(1.0, value)
        if operation == SUBTRACT:
            return self._by(1.0, -value) if comes_first else self._by(-1.0, value)
        if operation == MULTIPLY:
            return self._by(value, 0.0)
        if operation == DIVIDE and comes_first and value.all():
            return self._by(1 / value, 0.0)
        if operation == STANDARDIZE and len(values) == 2 and (values[1] > 0).all():
            deviation = np.sqrt(values[1])
            return self._by(1 / deviation, -value / deviation)._replace(is_standard=True)
        return None

    def _by(self, scale: float | np.ndarray, shift: float | np.ndarray) -> "_Scaled":
        new_scale, new_shift = np.broadcast_arrays(self.scale * scale, self.shift * scale + shift)
        return _Scaled(new_scale, new_shift, self.is_standard)

    def asked_range(self) -> Range | None:
        """The inputs that give numbers of about one; None where nothing was changed.

        What has a mean is asked for two deviations on each side of it; numbers that are divided alone, from zero on;
        others around the centre that comes out as zero, and no further than to zero. Moved up alone they say nothing.
        """
        scale, shift = self.scale, self.shift
        if not scale.all() or (np.all(scale == 1) and np.all(shift == 0) and not self.is_standard):
            return None
        if np.all(shift == 0) and not self.is_standard:
            return _to_range(np.zeros(1), 1 / scale)
        centre, width = -shift / scale, DEVIATIONS / np.abs(scale)
        if not self.is_standard:
            reach = np.where(centre == 0, 1 / np.abs(scale), np.abs(centre))
            if np.all(np.abs(scale) == 1):
                return _to_range(centre - reach, centre + reach) if np.all(centre > 0) else None
            width = np.minimum(width, reach)
        return _to_range(centre - width, centre + width)


def _to_range(*ends: np.ndarray) -> Range | None:
    numbers = np.concatenate([np.ravel(end) for end in ends])
    low, high = (float(f"{number:.{DIGITS}g}") for number in (numbers.min(), numbers.max()))
    return (low, high) if np.isfinite(high - low) and low < high else None


def find_range(first: FirstSteps, key: Hashable) -> Range | None:
    """The range that a model asks of the input `key`; None where its first operations say nothing of it.

    Of a table in which rows are looked up, whole numbers below their count.
    """
    takers: dict[Hashable, list[Step]] = {}
    for step in first.steps:
        for taken in dict.fromkeys(step.inputs):
            takers.setdefault(taken, []).append(step)
    tables, ranges = _search(first, takers, key)
    return next(iter(tables + ranges), None)


def _search(first: FirstSteps, takers: Mapping[Hashable, list[Step]], key: Hashable) -> tuple[list[Range], list[Range]]:
    """The ranges of the tables in which an input is looked up, and those by what it is changed to, in order."""
    tables: list[Range] = []
    ranges: list[Range] = []
    seen: set[tuple[Hashable, bool]] = set()  # tensors, and whether they are an input as it came

    def follow(at: Hashable, scaled: _Scaled, depth: int) -> bool:
        """Whether anything further on says a range."""
        is_said, is_plain = False, bool(np.all(scaled.scale == 1) and np.all(scaled.shift == 0))
        if (at, is_plain) in seen or depth > MAX_STEPS:
            return False
        seen.add((at, is_plain))
        for step in takers.get(at, ()):
            table = next((first.rows[other] for other in step.inputs if other in first.rows), 0)
            if step.operation == LOOK_UP and table > 1 and is_plain:
                tables.append((0.0, float(table)))
                is_said = True
            after = scaled.after(step, at, first.constants)
            if after is None:
                continue
            for output in step.outputs:
                is_said = follow(output, after, depth + 1) or is_said
        if not is_said and (asked := scaled.asked_range()):
            ranges.append(asked)
            is_said = True
        return is_said

    follow(key, _Scaled(np.ones(1), np.zeros(1)), 0)
    return tables, ranges
