"""Given arrays held against what a model takes: names, shapes and dtypes; what is changed on the way is said."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from core.errors import InputError
from core.formats.contract import Arrays
from core.inputs.casting import Tally, cast, dtype_of
from core.inputs.npy import whole
from core.inputs.sources import Given

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
