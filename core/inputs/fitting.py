"""Match names and shapes, cast dtypes.

Values turned into the dtype that an input takes, if they fit it; what is odd about them is counted, not hidden.

Given arrays held against what a model takes: names, shapes and dtypes; what is changed on the way is said.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.arrays import Arrays
from core.errors import InputError
from core.inputs.npy import whole
from core.inputs.source import Given


@dataclass
class Tally:
    """What was seen in the values of one input so far."""

    nan: int = 0
    infinite: int = 0
    too_large: int = 0
    dtype: str = ""

    def notes(self, name: str, changed: str) -> list[str]:
        counted = (
            (self.nan, f"of the numbers in “{name}” are NaN."),
            (self.infinite, f"of the numbers in “{name}” are infinite."),
            (self.too_large, f"of the numbers in “{name}” are too large for {self.dtype} and became infinite."),
        )
        return [changed] * bool(changed) + [f"{count:,} {words}" for count, words in counted if count]


def dtype_of(name: str) -> np.dtype:
    """The NumPy dtype for what a model says it takes: "object" is text; bfloat16, which NumPy has not, is float32."""
    return np.dtype({"object": "U", "bfloat16": "float32"}.get(name, name))


def cast(array: np.ndarray, dtype: np.dtype | None, name: str, start: int, tally: Tally) -> np.ndarray:
    """The same values in `dtype` (None: in their own). `start` is the number of the first row, for the message.

    Raises InputError for text in the place of numbers and the reverse, for fractions where whole numbers are taken, and
    for numbers out of range. NaN, infinity, and numbers that became infinite are counted in `tally`.
    """
    dtype = dtype or array.dtype
    if (array.dtype.kind == "U") != (dtype.kind == "U"):
        raise _other_kind(array, dtype, name)
    if dtype.kind == "U":
        return array
    if dtype.kind in "iu":
        return _whole_numbers(array, dtype, name, start)
    return _truths(array, name, start) if dtype.kind == "b" else _floats(array, dtype, tally)


def _other_kind(array: np.ndarray, dtype: np.dtype, name: str) -> InputError:
    takes = "text" if dtype.kind == "U" else f"numbers ({dtype.name})"
    got = "text" if array.dtype.kind == "U" else f"numbers ({array.dtype.name})"
    return InputError(f"“{name}” takes {takes}.", received=got, cure="Give values of that kind.")


def _floats(array: np.ndarray, dtype: np.dtype, tally: Tally) -> np.ndarray:
    with np.errstate(over="ignore", invalid="ignore"):
        fitting = array.astype(dtype, copy=False)
    endless = np.isinf(fitting)
    given = int(np.isinf(array).sum()) if array.dtype.kind == "f" else 0
    tally.nan += int(np.isnan(fitting).sum())
    tally.infinite += given
    tally.too_large += int(endless.sum()) - given
    tally.dtype = dtype.name
    return fitting


def _whole_numbers(array: np.ndarray, dtype: np.dtype, name: str, start: int) -> np.ndarray:
    bounds = np.iinfo(dtype)
    if array.dtype.kind == "f":
        _require(np.isfinite(array) & (np.floor(array) == array), array, name, start, f"whole numbers ({dtype.name})")
        inside = (array >= float(bounds.min)) & (array < float(bounds.max + 1))
    elif array.dtype.kind == "b":
        return array.astype(dtype)
    else:
        inside = (array >= bounds.min) & (array <= bounds.max)
    _require(inside, array, name, start, f"numbers from {bounds.min:,} to {bounds.max:,} ({dtype.name})")
    return array.astype(dtype, copy=False)


def _truths(array: np.ndarray, name: str, start: int) -> np.ndarray:
    if array.dtype.kind != "b":
        _require((array == 0) | (array == 1), array, name, start, "true and false, or 1 and 0")
    return array.astype(bool, copy=False)


def _require(good: np.ndarray, array: np.ndarray, name: str, start: int, takes: str) -> None:
    if not good.all():
        where = tuple(np.argwhere(~good)[0])
        raise wrong_value(name, takes, start + int(where[0]), array[where])


def wrong_value(name: str, takes: str, row: int, value: object) -> InputError:
    """The error for one value that an input does not take; rows are counted from 0, as everywhere."""
    received = str(value)[:60] or "an empty cell"
    return InputError(f"“{name}” takes {takes}.", received=f"{received} in row {row:,}", cure="Correct that value.")


Specs = Sequence[dict[str, Any]]


class Fit:
    """Arrays made to fit a model, chunk by chunk. With no specs (a model that does not say what it takes), they are
    left as they are. Raises InputError when a name, a number of inputs, a shape or a dtype does not fit."""

    def __init__(self, given: Sequence[Given], specs: Specs):
        pairs, self._notes = pair(given, specs) if specs else ([(one, None) for one in given], [])
        self._columns = [_Column(one, spec) for one, spec in pairs]

    def through(self, chunks: Iterable[Arrays]) -> Iterator[Arrays]:
        """The same chunks, with inputs by the model's names; targets as they are."""
        start = 0
        for chunk in chunks:
            fitting = {f"input:{one.name}": one.fit(chunk[f"input:{one.given.name}"], start) for one in self._columns}
            start += len(next(iter(fitting.values())))
            yield fitting | whole({name: array for name, array in chunk.items() if name.startswith("target:")})

    def notes(self) -> list[str]:
        """What was changed, and what is odd about the values so far, in sentences."""
        return self._notes + [note for one in self._columns for note in one.notes()]


class _Column:
    """One input: how its rows are laid out, and what was seen in them."""

    def __init__(self, given: Given, spec: dict[str, Any] | None):
        self.given = given
        self.name = spec["name"] if spec else given.name
        self._dtype = dtype_of(spec["dtype"]) if spec else None
        self._shape = row_shape(given, spec) if spec else given.shape
        self._tally = Tally()
        if given.dtype is not None and given.dtype.kind not in "biufUST":
            raise InputError(f"“{self.name}” takes no values of the dtype {given.dtype}.", cure="Give numbers or text.")

    def fit(self, array: np.ndarray, start: int) -> np.ndarray:
        array = whole({"": array})[""].reshape(len(array), *self._shape)
        return cast(array, self._dtype, self.name, start, self._tally)

    def notes(self) -> list[str]:
        said = self._tally.notes(self.name, self._came_as())
        if self._shape != self.given.shape and self.given.dtype is not None:
            came, laid = shape_words(self.given.shape), shape_words(self._shape)
            said.insert(0, f"Each row of “{self.name}” came as {came} and was laid out as {laid}.")
        return said

    def _came_as(self) -> str:
        """The dtype that it was turned from, where that could have changed a value."""
        came = self.given.dtype
        if came is None or self._dtype is None or came.kind in "UST" or came.newbyteorder("=") == self._dtype:
            return ""
        return f"“{self.name}” came as {came.name} and was turned into {self._dtype.name}."


def pair(given: Sequence[Given], specs: Specs) -> tuple[list[tuple[Given, dict[str, Any]]], list[str]]:
    """Each of a model's inputs with what was given for it, and what was passed over, in words.

    By name; a single array is taken for a single input whatever its name. Raises InputError.
    """
    by_name = {one.name: one for one in given}
    if len(specs) == len(given) == 1:
        return [(given[0], specs[0])], []
    wanted = [spec["name"] for spec in specs]
    if missing := [name for name in wanted if name not in by_name]:
        lack = f"{_listed(missing)} {'is' if len(missing) == 1 else 'are'} missing"
        raise InputError(
            f"The model takes {_listed(wanted)}, and {lack}.",
            received=_listed(list(by_name)),
            cure="Give one array for each input, by its name.",
        )
    return [(by_name[spec["name"]], spec) for spec in specs], passed_over([n for n in by_name if n not in wanted])


def passed_over(names: Sequence[str]) -> list[str]:
    """A note on what no input asks for."""
    return [f"Passed over, because no input asks for it: {_listed(list(names))}."] if names else []


def _listed(names: Sequence[str], most: int = 12) -> str:
    quoted = [f"“{name}”" for name in names[:most]]
    return ", ".join(quoted) + (f" and {len(names) - most} more" if len(names) > most else "")


def row_shape(given: Given, spec: dict[str, Any]) -> tuple[int, ...]:
    """The shape in which a row is laid out: as it is; or anew where only axes of one, or a flat row, stand between.

    Raises InputError when the row does not fit.
    """
    if spec["shape"] is None:
        return given.shape
    want = tuple(spec["shape"][1:])
    if len(want) == len(given.shape) and all(a in (None, b) for a, b in zip(want, given.shape, strict=True)):
        return given.shape
    if None not in want and math.prod(want) == math.prod(given.shape):
        apart = [tuple(axis for axis in shape if axis != 1) for shape in (want, given.shape)]
        if len(given.shape) <= 1 or apart[0] == apart[1]:
            return want
    raise InputError(
        f"Each row of “{spec['name']}” must be {shape_words(want)}.",
        received=f"rows of {shape_words(given.shape)}",
        cure="Lay the rows out so, with the axis of rows first: a single row is a batch of one.",
    )


def axes_words(shape: Sequence[int | None] | None) -> str:
    """All axes of a shape, the batch too: "? × 8 × 8", "any shape", "a single value"."""
    if shape is None:
        return "any shape"
    return " × ".join("?" if size is None else str(size) for size in shape) or "a single value"


def shape_words(shape: Sequence[int | None]) -> str:
    """A shape for people: "8 × 8 × 1", "64 values", "a single value"."""
    if not shape:
        return "a single value"
    sizes = ["any number of" if size is None else f"{size:,}" for size in shape]
    return f"{sizes[0]} value{'' if shape[0] == 1 else 's'}" if len(sizes) == 1 else " × ".join(sizes)
