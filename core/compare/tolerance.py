"""Pass or fail for a tolerance that a person sets."""

from typing import NamedTuple

import numpy as np

from core.compare.blocks import Block, blocks, with_room
from core.compare.judging import judge_text
from core.compare.rows import Source, head, is_text
from core.errors import InputError


class Passed(NamedTuple):
    passed: bool
    rows_failing: int
    values_failing: int


def passes(reference: Source, answer: Source, atol: float, rtol: float) -> Passed:
    """Whether |a - b| <= atol + rtol · |a| for all values, a being the reference's, in float64.

    NaN equals NaN at the same place, and an infinity the same one; texts must be equal, and count as one value a row.
    Raises InputError when a tolerance is negative or NaN, when the numbers of rows differ, or when there are none.
    """
    if not (atol >= 0 and rtol >= 0):
        raise InputError(
            "A tolerance is 0 or more.", received=f"{atol} and {rtol}", cure="Give 0 or a positive number."
        )
    if is_text(head(reference), head(answer)):
        other = int(judge_text(reference, answer).changed.sum())
        return Passed(not other, other, other)

    def work(dtype: str | None) -> Passed:
        failing = [_failing(block, atol, rtol) for block in blocks(reference, answer, dtype)]
        rows, values = (sum(counts) for counts in zip(*failing, strict=True))
        return Passed(not values, rows, values)

    return with_room(work)


def _failing(block: Block, atol: float, rtol: float) -> tuple[int, int]:
    """Rows and values of a block that do not pass."""
    limit = np.abs(block.exact[0]) * rtol + atol if rtol else atol
    failing = block.apart > limit
    if block.unlike is not None:
        failing |= block.unlike
    return int(np.count_nonzero(failing.any(axis=1))), int(np.count_nonzero(failing))
