"""Whether inputs can tell one model from another: how far the answers to them are apart."""

from typing import NamedTuple

import numpy as np

from core.arrays import Arrays, is_text
from core.compare.verdict import ATOL

MAX_COLUMNS = 2**12  # values of a row by which the spread is measured; of more, these evenly


class AnswerSpread(NamedTuple):
    """How many rows there are, how many of their answers are different ones, and how far these are apart.

    `share` is the largest standard deviation over the rows, as a share of the largest value of that output; the largest
    of all outputs. Texts that differ spread by 1.
    """

    rows: int
    distinct: int
    share: float


def measure_spread(predictions: Arrays) -> AnswerSpread:
    """Measure predictions by output, (rows, ...)."""
    flat = [np.ascontiguousarray(array).reshape(len(array), -1) for array in predictions.values()]
    rows = len(flat[0]) if flat else 0
    distinct = {tuple(hash(array[row].tobytes()) for array in flat) for row in range(rows)}
    return AnswerSpread(rows, len(distinct), max(map(_spread_of_output, flat), default=0.0))


def _spread_of_output(values: np.ndarray) -> float:
    values = values[:, :: max(values.shape[1] // MAX_COLUMNS, 1)]
    if is_text(values):
        return float(bool((values != values[:1]).any()))
    if values.dtype.kind == "c":
        values = np.abs(values)
    numbers = np.where(np.isfinite(values), values, 0).astype("float64")
    if not numbers.size:
        return 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        deviation, size = numbers.std(axis=0).max(), np.abs(numbers).max()
    if not np.isfinite(deviation):  # beyond the largest number
        return 1.0
    return float(deviation / size) if size > ATOL else 0.0
