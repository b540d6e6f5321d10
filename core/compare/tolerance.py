"""Pass or fail for a tolerance that a person sets."""

from typing import NamedTuple, TypedDict

import numpy as np

from core.arrays import is_text
from core.compare.chunks import Block, ChunkSource, aligned_blocks, first_block, with_float64_fallback
from core.compare.output_differences import compare_text
from core.errors import InputError


class ToleranceJson(TypedDict):
    passed: bool
    rows_failing: int
    values_failing: int


class ToleranceResult(NamedTuple):
    passed: bool
    rows_failing: int
    values_failing: int

    def to_json(self) -> ToleranceJson:
        return {"passed": self.passed, "rows_failing": self.rows_failing, "values_failing": self.values_failing}


def check_tolerance(reference: ChunkSource, prediction: ChunkSource, atol: float, rtol: float) -> ToleranceResult:
    """Whether |a - b| <= atol + rtol · |a| for all values, a being the reference's, in float64.

    NaN equals NaN at the same place, and an infinity the same one; texts must be equal, and count as one value a row.
    Raises InputError when a tolerance is negative or NaN, when the numbers of rows differ, or when there are none.
    """
    if not (atol >= 0 and rtol >= 0):
        cure = "Give 0 or a positive number."
        raise InputError("A tolerance is 0 or more.", received=f"{atol} and {rtol}", cure=cure)
    if is_text(first_block(reference), first_block(prediction)):
        changed = int(compare_text(reference, prediction).changed.sum())
        return ToleranceResult(not changed, changed, changed)

    def check(dtype: str | None) -> ToleranceResult:
        failing = [_count_failures(block, atol, rtol) for block in aligned_blocks(reference, prediction, dtype)]
        rows, values = (sum(counts) for counts in zip(*failing, strict=True))
        return ToleranceResult(not values, rows, values)

    return with_float64_fallback(check)


def _count_failures(block: Block, atol: float, rtol: float) -> tuple[int, int]:
    """Rows and values of a block that do not pass."""
    limit = np.abs(block.as_float64[0]) * rtol + atol if rtol else atol
    failing = block.abs_diff_float64 > limit
    if block.mismatch is not None:
        failing |= block.mismatch
    return int(np.count_nonzero(failing.any(axis=1))), int(np.count_nonzero(failing))
