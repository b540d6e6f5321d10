"""Values turned into the dtype that an input takes, if they fit it; what is odd about them is counted, not hidden."""

from dataclasses import dataclass

import numpy as np

from core.errors import InputError


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
