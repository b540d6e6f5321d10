"""Where inputs come from, however they came: arrays by name, some rows at a time."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from core.arrays import Arrays
from core.errors import InputError
from core.inputs.npy import rows_in_piece

CURE = "Give at least one row, and as many of each input as of every other."


class Given(NamedTuple):
    """One array as its source offers it: `shape` without the rows; `dtype` None where the source is text (CSV, JSON),
    which has no dtype of its own to lose."""

    name: str
    dtype: np.dtype | None
    shape: tuple[int, ...]


@dataclass
class Source:
    """`chunks` gives arrays by name with their role ("input:pixels", "target:digit"), the same rows of all at a time.

    `notes` says in words how the source was read.
    """

    inputs: list[Given]
    chunks: Iterator[Arrays]
    targets: list[Given] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def of_arrays(inputs: Arrays, targets: Arrays | None = None, typed: bool = True) -> Source:
    """A source over arrays that are in memory already. Raises InputError when they are not as many rows of each."""
    targets = targets or {}
    same_rows({name: np.shape(array) for name, array in (inputs | targets).items()})
    return Source(
        [Given(name, array.dtype if typed else None, array.shape[1:]) for name, array in inputs.items()],
        _slices(with_roles(inputs, targets)),
        [Given(name, array.dtype, array.shape[1:]) for name, array in targets.items()],
    )


def with_roles(inputs: Arrays, targets: Arrays) -> Arrays:
    named = {f"input:{name}": array for name, array in inputs.items()}
    return named | {f"target:{name}": array for name, array in targets.items()}


def _slices(arrays: Arrays) -> Iterator[Arrays]:
    rows = len(next(iter(arrays.values())))
    step = rows_in_piece(max(array.nbytes // rows for array in arrays.values()))
    for start in range(0, rows, step):
        yield {name: array[start : start + step] for name, array in arrays.items()}


def same_rows(shapes: dict[str, tuple[int, ...]]) -> int:
    """The number of rows that all of these shapes have. Raises InputError when there are none, or not the same."""
    if not shapes:
        raise InputError("There are no inputs in it.", cure=CURE)
    if scalars := [name for name, shape in shapes.items() if not shape]:
        raise InputError(f"“{scalars[0]}” is a single value, without an axis of rows.", cure="Put the rows first.")
    counts = {name: shape[0] for name, shape in shapes.items()}
    if len(set(counts.values())) > 1:
        said = ", ".join(f"{name} {count:,}" for name, count in counts.items())
        raise InputError("The arrays do not have the same number of rows.", received=said, cure=CURE)
    if not next(iter(counts.values())):
        raise InputError("There are 0 rows in it.", cure=CURE)
    return next(iter(counts.values()))
