"""Make arrays fit what a model takes: match names, lay rows out in its shapes, cast values to its dtypes.

What is changed on the way, and what is odd about the values, is noted in sentences and never hidden.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from core.arrays import Arrays
from core.errors import InputError
from core.inputs.npy import normalize_array
from core.inputs.source import SourceArray
from core.runtimes.specs import InputSpec, fixed_row_shape

MAX_LISTED_NAMES = 12


InputSpecs = Sequence[InputSpec]


def numpy_dtype(name: str) -> np.dtype:
    """Return the NumPy dtype for a spec's: "object" is text; bfloat16, which NumPy has not, is float32."""
    return np.dtype({"object": "U", "bfloat16": "float32"}.get(name, name))


@dataclass
class CastTally:
    """Counts of odd values in one input so far."""

    nan: int = 0
    infinite: int = 0
    too_large: int = 0
    dtype: str = ""

    def notes(self, name: str) -> list[str]:
        counts = (
            (self.nan, f"of the numbers in “{name}” are NaN."),
            (self.infinite, f"of the numbers in “{name}” are infinite."),
            (self.too_large, f"of the numbers in “{name}” are too large for {self.dtype} and became infinite."),
        )
        return [f"{count:,} {text}" for count, text in counts if count]


def cast_values(array: np.ndarray, dtype: np.dtype | None, name: str, start: int, tally: CastTally) -> np.ndarray:
    """Return the same values in `dtype`.

    Args:
        array: Rows of the input `name`.
        dtype: None for the array's own.
        start: Number of the first row, for error messages.
        tally: Counts NaN, infinity, and numbers that became infinite.

    Raises:
        InputError: For text in the place of numbers and the reverse, for fractions where whole numbers are taken, and
            for numbers out of range.
    """
    dtype = dtype or array.dtype
    if (array.dtype.kind == "U") != (dtype.kind == "U"):
        received, takes = ("text" if kind.kind == "U" else f"numbers ({kind.name})" for kind in (array.dtype, dtype))
        raise InputError(f"“{name}” takes {takes}.", received=received, cure="Give values of that kind.")
    if dtype.kind == "U":
        return array
    if dtype.kind in "iu":
        return _cast_integers(array, dtype, name, start)
    return _cast_booleans(array, name, start) if dtype.kind == "b" else _cast_floats(array, dtype, tally)


def _cast_floats(array: np.ndarray, dtype: np.dtype, tally: CastTally) -> np.ndarray:
    with np.errstate(over="ignore", invalid="ignore"):
        values = array.astype(dtype, copy=False)
    infinite_before = int(np.isinf(array).sum()) if array.dtype.kind == "f" else 0
    tally.nan += int(np.isnan(values).sum())
    tally.infinite += infinite_before
    tally.too_large += int(np.isinf(values).sum()) - infinite_before
    tally.dtype = dtype.name
    return values


def _cast_integers(array: np.ndarray, dtype: np.dtype, name: str, start: int) -> np.ndarray:
    if array.dtype.kind == "b":
        return array.astype(dtype)
    bounds = np.iinfo(dtype)
    if array.dtype.kind == "f":
        is_whole = np.isfinite(array) & (np.floor(array) == array)
        _require_all(is_whole, array, name, start, f"whole numbers ({dtype.name})")
        is_inside = (array >= float(bounds.min)) & (array < float(bounds.max + 1))
    else:
        is_inside = (array >= bounds.min) & (array <= bounds.max)
    _require_all(is_inside, array, name, start, f"numbers from {bounds.min:,} to {bounds.max:,} ({dtype.name})")
    return array.astype(dtype, copy=False)


def _cast_booleans(array: np.ndarray, name: str, start: int) -> np.ndarray:
    if array.dtype.kind != "b":
        _require_all((array == 0) | (array == 1), array, name, start, "true and false, or 1 and 0")
    return array.astype(bool, copy=False)


def _require_all(is_valid: np.ndarray, array: np.ndarray, name: str, start: int, takes: str) -> None:
    if not is_valid.all():
        place = tuple(np.argwhere(~is_valid)[0])
        raise wrong_value_error(name, takes, start + int(place[0]), array[place])


def wrong_value_error(name: str, takes: str, row: int, value: object) -> InputError:
    """Return the error for one value that an input does not take; rows count from 0."""
    received = str(value)[:60] or "an empty cell"
    return InputError(f"“{name}” takes {takes}.", received=f"{received} in row {row:,}", cure="Correct that value.")


class InputFitter:
    """Makes arrays fit a model chunk by chunk; without specs (a model that does not say what it takes) nothing changes.

    Raises InputError when a name, a number of inputs, a shape or a dtype does not fit.
    """

    def __init__(self, arrays: Sequence[SourceArray], specs: InputSpecs):
        matches, self._notes = match_arrays(arrays, specs) if specs else ([(array, None) for array in arrays], [])
        self._fits = [_InputFit(array, spec) for array, spec in matches]

    def fit_chunks(self, chunks: Iterable[Arrays]) -> Iterator[Arrays]:
        """Yield the same chunks, with inputs by the model's names; targets as they are."""
        start = 0
        for chunk in chunks:
            inputs = {f"input:{fit.name}": fit.fit(chunk[f"input:{fit.source.name}"], start) for fit in self._fits}
            start += len(next(iter(inputs.values())))
            targets = {name: array for name, array in chunk.items() if name.startswith("target:")}
            yield inputs | {name: normalize_array(array) for name, array in targets.items()}

    def notes(self) -> list[str]:
        """Return what was changed, and what is odd about the values so far, in sentences."""
        return self._notes + [note for fit in self._fits for note in fit.notes()]


class _InputFit:
    """One input: how its rows are laid out, and the odd values in them."""

    def __init__(self, source: SourceArray, spec: InputSpec | None):
        self.source = source
        self.name = spec["name"] if spec else source.name
        self._dtype = numpy_dtype(spec["dtype"]) if spec else None
        self._shape = fit_row_shape(source, spec) if spec else source.shape
        self._tally = CastTally()
        if source.dtype is not None and source.dtype.kind not in "biufUST":
            sentence = f"“{self.name}” takes no values of the dtype {source.dtype}."
            raise InputError(sentence, cure="Give numbers or text.")

    def fit(self, array: np.ndarray, start: int) -> np.ndarray:
        array = normalize_array(array).reshape(len(array), *self._shape)
        return cast_values(array, self._dtype, self.name, start, self._tally)

    def notes(self) -> list[str]:
        notes = []
        old = self.source.dtype
        if old is not None and self._shape != self.source.shape:
            came, laid = describe_shape(self.source.shape), describe_shape(self._shape)
            notes.append(f"Each row of “{self.name}” came as {came} and was laid out as {laid}.")
        # Of text, and where only the byte order is another, no value could have changed.
        if old and self._dtype and old.kind not in "UST" and old.newbyteorder("=") != self._dtype:
            notes.append(f"“{self.name}” came as {old.name} and was turned into {self._dtype.name}.")
        return notes + self._tally.notes(self.name)


def match_arrays(
    arrays: Sequence[SourceArray], specs: InputSpecs
) -> tuple[Sequence[tuple[SourceArray, InputSpec | None]], list[str]]:
    """Match each input of a model with an array, by name; a single array goes to a single input whatever its name.

    Returns (array, spec) for each input, and notes on arrays that no input takes. Raises InputError.
    """
    by_name = {array.name: array for array in arrays}
    if len(specs) == len(arrays) == 1:
        return [(arrays[0], specs[0])], []
    names = [spec["name"] for spec in specs]
    if missing := [name for name in names if name not in by_name]:
        are_missing = f"{_quote_names(missing)} {'is' if len(missing) == 1 else 'are'} missing"
        sentence = f"The model takes {_quote_names(names)}, and {are_missing}."
        cure = "Give one array for each input, by its name."
        raise InputError(sentence, received=_quote_names(list(by_name)), cure=cure)
    return [(by_name[spec["name"]], spec) for spec in specs], ignored_note([n for n in by_name if n not in names])


def ignored_note(names: Sequence[str]) -> list[str]:
    """Return a note on what no input takes; none where nothing is left over."""
    return [f"Passed over, because no input asks for it: {_quote_names(names)}."] if names else []


def _quote_names(names: Sequence[str]) -> str:
    quoted = ", ".join(f"“{name}”" for name in names[:MAX_LISTED_NAMES])
    return quoted + (f" and {len(names) - MAX_LISTED_NAMES} more" if len(names) > MAX_LISTED_NAMES else "")


def fit_row_shape(array: SourceArray, spec: InputSpec) -> tuple[int, ...]:
    """Return the shape in which a row is laid out: its own, or the model's where only axes of one or a flat row differ.

    Raises InputError when the row does not fit.
    """
    if spec["shape"] is None:
        return array.shape
    target = tuple(spec["shape"][1:])
    if len(target) == len(array.shape) and all(a in (None, b) for a, b in zip(target, array.shape, strict=True)):
        return array.shape
    fixed = fixed_row_shape(spec)
    if fixed is not None and math.prod(fixed) == math.prod(array.shape):
        without_ones = [tuple(size for size in shape if size != 1) for shape in (fixed, array.shape)]
        if len(array.shape) <= 1 or without_ones[0] == without_ones[1]:
            return fixed
    sentence = f"Each row of “{spec['name']}” must be {describe_shape(target)}."
    cure = "Lay the rows out so, with the axis of rows first: a single row is a batch of one."
    raise InputError(sentence, received=f"rows of {describe_shape(array.shape)}", cure=cure)


def describe_axes(shape: Sequence[int | None] | None) -> str:
    """Return all axes of a shape, the batch too: "? × 8 × 8", "any shape", "a single value"."""
    if shape is None:
        return "any shape"
    return " × ".join("?" if size is None else str(size) for size in shape) or "a single value"


def describe_shape(shape: Sequence[int | None]) -> str:
    """Return a row's shape for people: "8 × 8 × 1", "64 values", "a single value"."""
    if not shape:
        return "a single value"
    sizes = ["any number of" if size is None else f"{size:,}" for size in shape]
    return f"{sizes[0]} value{'' if shape[0] == 1 else 's'}" if len(sizes) == 1 else " × ".join(sizes)
