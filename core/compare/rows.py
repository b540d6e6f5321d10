"""Rows of one output as a stream, cut anew into blocks that fit the cache, whatever the chunks they come in.

Because the blocks are always the same, every number is the same to the last bit for any chunking.
"""

import math
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from core.errors import InputError

Arrays = dict[str, np.ndarray]
# Gives the rows of one output again from the first, in chunks, batch first.
Source = Callable[[], Iterable[np.ndarray]]

VALUES = 2**16  # in a block: some ten arrays of so many numbers stay in the cache of one core
TEXT = frozenset("SUOT")


def is_text(*arrays: np.ndarray) -> bool:
    """Whether any of the arrays holds texts."""
    return any(array.dtype.kind in TEXT for array in arrays)


def whole(array: np.ndarray) -> Source:
    """An array that is there as a stream of one chunk."""
    return lambda: (array,)


def read(source: Source, rows: int | None = None) -> Iterator[np.ndarray]:
    """The rows of a source in blocks of `rows` (the last may be shorter); None takes as many as hold VALUES numbers.

    Raises InputError when a chunk has no batch, or another shape or dtype than the first.
    """
    waiting: list[np.ndarray] = []
    held = 0
    for chunk in _chunks(source):
        rows = rows or max(1, VALUES // max(1, math.prod(chunk.shape[1:])))
        start = 0
        while held + len(chunk) - start >= rows:
            end = start + rows - held
            yield np.concatenate([*waiting, chunk[start:end]]) if waiting else chunk[start:end]
            waiting, held, start = [], 0, end
        if start < len(chunk):
            # A copy: whoever gives the chunks may fill the same buffer again.
            waiting.append(chunk[start:].copy())
            held += len(chunk) - start
    if waiting:
        yield np.concatenate(waiting)


def _chunks(source: Source) -> Iterator[np.ndarray]:
    first = None
    for given in source():
        chunk = np.asarray(given)
        if chunk.ndim == 0:
            raise InputError("An answer has no rows.", received="a single value", cure="Give arrays, batch first.")
        first = chunk if first is None else first
        if chunk.shape[1:] != first.shape[1:] or (chunk.dtype != first.dtype and not is_text(chunk)):
            raise InputError(
                "The parts of one output do not fit each other.",
                received=f"{first.dtype} {first.shape}, then {chunk.dtype} {chunk.shape}",
                cure="Give every part the same dtype and the same shape after the batch.",
            )
        if len(chunk):
            yield chunk


def read_together(*sources: Source) -> Iterator[tuple[np.ndarray, ...]]:
    """The blocks of several sources side by side, cut as those of the first.

    Raises InputError when one has fewer rows than another, or when there are none at all.
    """
    rows, seen = None, 0
    streams = [read(sources[0])]
    for first in streams[0]:
        if rows is None:
            rows = len(first)
            streams += [read(source, rows) for source in sources[1:]]
        blocks = [first, *(next(stream, first[:0]) for stream in streams[1:])]
        _require_same_rows(blocks, seen)
        seen += len(first)
        yield tuple(blocks)
    if not seen:
        raise no_rows()
    _require_same_rows([next(stream, np.empty(0)) for stream in streams], seen)


def _require_same_rows(blocks: list[np.ndarray], seen: int) -> None:
    counts = [len(block) for block in blocks]
    if len(set(counts)) > 1:
        raise InputError(
            "The two sides do not have the same number of rows.",
            received=" and ".join(f"{'at least ' if count else ''}{seen + count:,}" for count in counts),
            cure="Compare answers to the same rows.",
        )


def no_rows() -> InputError:
    return InputError("There are no rows to compare.", received="0 rows", cure="Choose at least one row.")


def head(source: Source) -> np.ndarray:
    """The first block. Raises InputError where there are no rows."""
    for block in read(source):
        return block
    raise no_rows()
