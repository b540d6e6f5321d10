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
from core.inputs.npy import normalize_arrays
from core.inputs.source import SourceArray


@dataclass
class CastTally:
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


def numpy_dtype(name: str) -> np.dtype:
    """The NumPy dtype for what a model says it takes: "object" is text; bfloat16, which NumPy has not, is float32."""
    return np.dtype({"object": "U", "bfloat16": "float32"}.get(name, name))


def cast_values(array: np.ndarray, dtype: np.dtype | None, name: str, start: int, tally: CastTally) -> np.ndarray:
    """The same values in `dtype` (None: in their own). `start` is the number of the first row, for the message.

    Raises InputError for text in the place of numbers and the reverse, for fractions where whole numbers are taken, and
    for numbers out of range. NaN, infinity, and numbers that became infinite are counted in `tally`.
    """
    dtype = dtype or array.dtype
    if (array.dtype.kind == "U") != (dtype.kind == "U"):
        raise _kind_error(array, dtype, name)
    if dtype.kind == "U":
        return array
    if dtype.kind in "iu":
        return _cast_integers(array, dtype, name, start)
    return _cast_booleans(array, name, start) if dtype.kind == "b" else _cast_floats(array, dtype, tally)


def _kind_error(array: np.ndarray, dtype: np.dtype, name: str) -> InputError:
    takes = "text" if dtype.kind == "U" else f"numbers ({dtype.name})"
    got = "text" if array.dtype.kind == "U" else f"numbers ({array.dtype.name})"
    return InputError(f"“{name}” takes {takes}.", received=got, cure="Give values of that kind.")


def _cast_floats(array: np.ndarray, dtype: np.dtype, tally: CastTally) -> np.ndarray:
    with np.errstate(over="ignore", invalid="ignore"):
        fitting = array.astype(dtype, copy=False)
    endless = np.isinf(fitting)
    given = int(np.isinf(array).sum()) if array.dtype.kind == "f" else 0
    tally.nan += int(np.isnan(fitting).sum())
    tally.infinite += given
    tally.too_large += int(endless.sum()) - given
    tally.dtype = dtype.name
    return fitting


def _cast_integers(array: np.ndarray, dtype: np.dtype, name: str, start: int) -> np.ndarray:
    bounds = np.iinfo(dtype)
    if array.dtype.kind == "f":
        _require_all(
            np.isfinite(array) & (np.floor(array) == array), array, name, start, f"whole numbers ({dtype.name})"
        )
        inside = (array >= float(bounds.min)) & (array < float(bounds.max + 1))
    elif array.dtype.kind == "b":
        return array.astype(dtype)
    else:
        inside = (array >= bounds.min) & (array <= bounds.max)
    _require_all(inside, array, name, start, f"numbers from {bounds.min:,} to {bounds.max:,} ({dtype.name})")
    return array.astype(dtype, copy=False)


def _cast_booleans(array: np.ndarray, name: str, start: int) -> np.ndarray:
    if array.dtype.kind != "b":
        _require_all((array == 0) | (array == 1), array, name, start, "true and false, or 1 and 0")
    return array.astype(bool, copy=False)


def _require_all(is_valid: np.ndarray, array: np.ndarray, name: str, start: int, takes: str) -> None:
    if not is_valid.all():
        where = tuple(np.argwhere(~is_valid)[0])
        raise wrong_value_error(name, takes, start + int(where[0]), array[where])


def wrong_value_error(name: str, takes: str, row: int, value: object) -> InputError:
    """The error for one value that an input does not take; rows are counted from 0, as everywhere."""
    received = str(value)[:60] or "an empty cell"
    return InputError(f"“{name}” takes {takes}.", received=f"{received} in row {row:,}", cure="Correct that value.")


InputSpecs = Sequence[dict[str, Any]]


class InputFitter:
    """Arrays made to fit a model, chunk by chunk. With no specs (a model that does not say what it takes), they are
    left as they are. Raises InputError when a name, a number of inputs, a shape or a dtype does not fit."""

    def __init__(self, arrays: Sequence[SourceArray], specs: InputSpecs):
        pairs, self._notes = pair_inputs(arrays, specs) if specs else ([(one, None) for one in arrays], [])
        self._columns = [_InputFit(one, spec) for one, spec in pairs]

    def fit_chunks(self, chunks: Iterable[Arrays]) -> Iterator[Arrays]:
        """The same chunks, with inputs by the model's names; targets as they are."""
        start = 0
        for chunk in chunks:
            fitting = {
                f"input:{one.name}": one.fit(chunk[f"input:{one.source_array.name}"], start) for one in self._columns
            }
            start += len(next(iter(fitting.values())))
            yield fitting | normalize_arrays(
                {name: array for name, array in chunk.items() if name.startswith("target:")}
            )

    def notes(self) -> list[str]:
        """What was changed, and what is odd about the values so far, in sentences."""
        return self._notes + [note for one in self._columns for note in one.notes()]


class _InputFit:
    """One input: how its rows are laid out, and what was seen in them."""

    def __init__(self, source_array: SourceArray, spec: dict[str, Any] | None):
        self.source_array = source_array
        self.name = spec["name"] if spec else source_array.name
        self._dtype = numpy_dtype(spec["dtype"]) if spec else None
        self._shape = fit_row_shape(source_array, spec) if spec else source_array.shape
        self._tally = CastTally()
        if source_array.dtype is not None and source_array.dtype.kind not in "biufUST":
            raise InputError(
                f"“{self.name}” takes no values of the dtype {source_array.dtype}.", cure="Give numbers or text."
            )

    def fit(self, array: np.ndarray, start: int) -> np.ndarray:
        array = normalize_arrays({"": array})[""].reshape(len(array), *self._shape)
        return cast_values(array, self._dtype, self.name, start, self._tally)

    def notes(self) -> list[str]:
        said = self._tally.notes(self.name, self._dtype_note())
        if self._shape != self.source_array.shape and self.source_array.dtype is not None:
            came, laid = describe_shape(self.source_array.shape), describe_shape(self._shape)
            said.insert(0, f"Each row of “{self.name}” came as {came} and was laid out as {laid}.")
        return said

    def _dtype_note(self) -> str:
        """The dtype that it was turned from, where that could have changed a value."""
        came = self.source_array.dtype
        if came is None or self._dtype is None or came.kind in "UST" or came.newbyteorder("=") == self._dtype:
            return ""
        return f"“{self.name}” came as {came.name} and was turned into {self._dtype.name}."


def pair_inputs(
    arrays: Sequence[SourceArray], specs: InputSpecs
) -> tuple[list[tuple[SourceArray, dict[str, Any]]], list[str]]:
    """Each of a model's inputs with what was given for it, and what was passed over, in words.

    By name; a single array is taken for a single input whatever its name. Raises InputError.
    """
    by_name = {one.name: one for one in arrays}
    if len(specs) == len(arrays) == 1:
        return [(arrays[0], specs[0])], []
    wanted = [spec["name"] for spec in specs]
    if missing := [name for name in wanted if name not in by_name]:
        lack = f"{_quote_names(missing)} {'is' if len(missing) == 1 else 'are'} missing"
        raise InputError(
            f"The model takes {_quote_names(wanted)}, and {lack}.",
            received=_quote_names(list(by_name)),
            cure="Give one array for each input, by its name.",
        )
    return [(by_name[spec["name"]], spec) for spec in specs], ignored_note([n for n in by_name if n not in wanted])


def ignored_note(names: Sequence[str]) -> list[str]:
    """A note on what no input asks for."""
    return [f"Passed over, because no input asks for it: {_quote_names(list(names))}."] if names else []


def _quote_names(names: Sequence[str], most: int = 12) -> str:
    quoted = [f"“{name}”" for name in names[:most]]
    return ", ".join(quoted) + (f" and {len(names) - most} more" if len(names) > most else "")


def fit_row_shape(array: SourceArray, spec: dict[str, Any]) -> tuple[int, ...]:
    """The shape in which a row is laid out: as it is; or anew where only axes of one, or a flat row, stand between.

    Raises InputError when the row does not fit.
    """
    if spec["shape"] is None:
        return array.shape
    want = tuple(spec["shape"][1:])
    if len(want) == len(array.shape) and all(a in (None, b) for a, b in zip(want, array.shape, strict=True)):
        return array.shape
    if None not in want and math.prod(want) == math.prod(array.shape):
        apart = [tuple(axis for axis in shape if axis != 1) for shape in (want, array.shape)]
        if len(array.shape) <= 1 or apart[0] == apart[1]:
            return want
    raise InputError(
        f"Each row of “{spec['name']}” must be {describe_shape(want)}.",
        received=f"rows of {describe_shape(array.shape)}",
        cure="Lay the rows out so, with the axis of rows first: a single row is a batch of one.",
    )


def describe_axes(shape: Sequence[int | None] | None) -> str:
    """All axes of a shape, the batch too: "? × 8 × 8", "any shape", "a single value"."""
    if shape is None:
        return "any shape"
    return " × ".join("?" if size is None else str(size) for size in shape) or "a single value"


def describe_shape(shape: Sequence[int | None]) -> str:
    """A shape for people: "8 × 8 × 1", "64 values", "a single value"."""
    if not shape:
        return "a single value"
    sizes = ["any number of" if size is None else f"{size:,}" for size in shape]
    return f"{sizes[0]} value{'' if shape[0] == 1 else 's'}" if len(sizes) == 1 else " × ".join(sizes)
