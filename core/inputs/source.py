"""`InputSource`: named arrays in chunks of rows, whatever they are read from; and the limits of every source."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from core.arrays import Arrays
from core.errors import InputError
from core.inputs.npy import rows_per_chunk

ROWS_CURE = "Give at least one row, and as many of each input as of every other."
NUMBER_CHARACTERS = 32  # characters that NumPy reserves for a number among texts


class SourceArray(NamedTuple):
    """One array of a source: `shape` without the rows; `dtype` None where it is read from text (CSV, JSON)."""

    name: str
    dtype: np.dtype | None
    shape: tuple[int, ...]


@dataclass
class InputSource:
    """Inputs and targets that are read chunk by chunk.

    Attributes:
        inputs: The arrays that a model takes.
        chunks: Arrays by role and name ("input:pixels", "target:digit"), each chunk the same rows of all.
        targets: The arrays of true values; empty where they are not known.
        notes: How the source was read, in sentences.
    """

    inputs: list[SourceArray]
    chunks: Iterator[Arrays]
    targets: list[SourceArray] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def source_from_arrays(inputs: Arrays, targets: Arrays | None = None, has_dtypes: bool = True) -> InputSource:
    """Return a source over arrays in memory. Raises InputError when they have no rows, or not the same number."""
    targets = targets or {}
    require_same_rows({name: np.shape(array) for name, array in (inputs | targets).items()})
    arrays = {f"input:{name}": array for name, array in inputs.items()}
    arrays |= {f"target:{name}": array for name, array in targets.items()}
    return InputSource(
        [SourceArray(name, array.dtype if has_dtypes else None, array.shape[1:]) for name, array in inputs.items()],
        _slice_chunks(arrays),
        [SourceArray(name, array.dtype, array.shape[1:]) for name, array in targets.items()],
    )


def _slice_chunks(arrays: Arrays) -> Iterator[Arrays]:
    rows = len(next(iter(arrays.values())))
    step = rows_per_chunk(max(array.nbytes // rows for array in arrays.values()))
    for start in range(0, rows, step):
        yield {name: array[start : start + step] for name, array in arrays.items()}


def require_same_rows(shapes: dict[str, tuple[int, ...]]) -> None:
    """Raise InputError unless all of these shapes have the same number of rows, and at least one."""
    if not shapes:
        raise InputError("There are no inputs in it.", cure=ROWS_CURE)
    if scalars := [name for name, shape in shapes.items() if not shape]:
        raise InputError(f"“{scalars[0]}” is a single value, without an axis of rows.", cure="Put the rows first.")
    counts = {name: shape[0] for name, shape in shapes.items()}
    if len(set(counts.values())) > 1:
        received = ", ".join(f"{name} {count:,}" for name, count in counts.items())
        raise InputError("The arrays do not have the same number of rows.", received=received, cure=ROWS_CURE)
    if 0 in counts.values():
        raise no_rows_error(cure=ROWS_CURE)


def no_rows_error(addition: str = "", cure: str = "Give at least one row.") -> InputError:
    return InputError(f"There are 0 rows in it{addition}.", cure=cure)


def require_row_request(rows: int | None, seed: int | None, participle: str) -> None:
    """Raise InputError unless `rows` is at least 1 and NumPy takes the seed; `participle` says what is done to rows."""
    if rows is not None and rows < 1:
        raise InputError(f"At least one row must be {participle}.", received=rows, cure="Choose 1 row or more.")
    if seed is not None and seed < 0:
        raise InputError("A seed is a whole number from 0 on.", received=seed, cure="Choose another seed.")


def require_size(count: int, max_bytes: int) -> None:
    """Raise InputError when that many bytes are more than an input set may have."""
    if count > max_bytes:
        sentence = "These inputs are larger than a set of inputs may be."
        cure = "Give fewer rows, or raise ROUNDTRIP_INPUTS_MB."
        raise InputError(sentence, received=f"{count:,} bytes, of at most {max_bytes:,}", cure=cure)


def text_bytes(values: Iterable[Any]) -> int:
    """Return the bytes of an array of these values where some are text: each is as wide as the longest."""
    widths = [len(value) if isinstance(value, str) else -1 for value in values]
    longest, has_numbers = max(widths, default=-1), -1 in widths
    return 0 if longest < 0 else len(widths) * max(longest, NUMBER_CHARACTERS if has_numbers else 1) * 4
