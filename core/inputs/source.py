"""Where inputs come from, however they came: arrays by name, some rows at a time.

NPZ and NPY files of a stranger: no claim is believed unchecked, and rows are read as they are asked for.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from core.arrays import Arrays
from core.errors import InputError
from core.inputs.npy import rows_per_chunk

ROWS_CURE = "Give at least one row, and as many of each input as of every other."


class SourceArray(NamedTuple):
    """One array as its source offers it: `shape` without the rows; `dtype` None where the source is text (CSV, JSON),
    which has no dtype of its own to lose."""

    name: str
    dtype: np.dtype | None
    shape: tuple[int, ...]


@dataclass
class InputSource:
    """`chunks` gives arrays by name with their role ("input:pixels", "target:digit"), the same rows of all at a time.

    `notes` says in words how the source was read.
    """

    inputs: list[SourceArray]
    chunks: Iterator[Arrays]
    targets: list[SourceArray] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def source_from_arrays(inputs: Arrays, targets: Arrays | None = None, has_dtypes: bool = True) -> InputSource:
    """A source over arrays that are in memory already. Raises InputError when they are not as many rows of each."""
    targets = targets or {}
    require_same_rows({name: np.shape(array) for name, array in (inputs | targets).items()})
    return InputSource(
        [SourceArray(name, array.dtype if has_dtypes else None, array.shape[1:]) for name, array in inputs.items()],
        _slice_chunks(add_roles(inputs, targets)),
        [SourceArray(name, array.dtype, array.shape[1:]) for name, array in targets.items()],
    )


def add_roles(inputs: Arrays, targets: Arrays) -> Arrays:
    named = {f"input:{name}": array for name, array in inputs.items()}
    return named | {f"target:{name}": array for name, array in targets.items()}


def _slice_chunks(arrays: Arrays) -> Iterator[Arrays]:
    rows = len(next(iter(arrays.values())))
    step = rows_per_chunk(max(array.nbytes // rows for array in arrays.values()))
    for start in range(0, rows, step):
        yield {name: array[start : start + step] for name, array in arrays.items()}


def require_same_rows(shapes: dict[str, tuple[int, ...]]) -> int:
    """The number of rows that all of these shapes have. Raises InputError when there are none, or not the same."""
    if not shapes:
        raise InputError("There are no inputs in it.", cure=ROWS_CURE)
    if scalars := [name for name, shape in shapes.items() if not shape]:
        raise InputError(f"“{scalars[0]}” is a single value, without an axis of rows.", cure="Put the rows first.")
    counts = {name: shape[0] for name, shape in shapes.items()}
    if len(set(counts.values())) > 1:
        said = ", ".join(f"{name} {count:,}" for name, count in counts.items())
        raise InputError("The arrays do not have the same number of rows.", received=said, cure=ROWS_CURE)
    if not next(iter(counts.values())):
        raise InputError("There are 0 rows in it.", cure=ROWS_CURE)
    return next(iter(counts.values()))


NUMBER_CHARACTERS = 32  # letters that NumPy gives a number among texts


def require_size(count: int, max_bytes: int) -> None:
    """Raises InputError when that many bytes are more than a set of inputs may have."""
    if count > max_bytes:
        raise InputError(
            "These inputs are larger than a set of inputs may be.",
            received=f"{count:,} bytes, of at most {max_bytes:,}",
            cure="Give fewer rows, or raise ROUNDTRIP_INPUTS_MIB.",
        )


def text_bytes(values: Iterable[Any]) -> int:
    """Bytes that an array of these values takes where some are text: each of them as wide as the longest."""
    widths = [len(value) if isinstance(value, str) else -1 for value in values]
    longest, numbers = max(widths, default=-1), -1 in widths
    return 0 if longest < 0 else len(widths) * max(longest, NUMBER_CHARACTERS if numbers else 1) * 4
