"""Which parameters every run meets: each value of two of them, or a part that a seed draws; the long run meets all."""

import os
from collections.abc import Sequence
from typing import Any

import pytest

SEED = int(os.environ.get("ROUNDTRIP_TESTS_SEED", "0"))  # of what every run draws: another one draws others


def is_drawn(at: int, parts: int) -> bool:
    """Whether every run meets the value at this place, which is one of so many parts of all values."""
    return (at + SEED) % parts == 0


def drawn_values(values: Sequence[Any], parts: int) -> list[Any]:
    """Parameter sets of all values; those outside of the drawn part are marked long."""
    return [
        pytest.param(value, marks=() if is_drawn(at, parts) else pytest.mark.long) for at, value in enumerate(values)
    ]


def pairs_covering_each(rows: Sequence[Any], columns: Sequence[Any], long_rows: Sequence[Any] = ()) -> list[Any]:
    """Parameter sets of all pairs of a row and a column, in the order of the columns.

    Every run has as few of them as meet each row and each column once; `long_rows` and all other pairs are marked long.
    """
    covered = {(rows[at % len(rows)], columns[at % len(columns)]) for at in range(max(len(rows), len(columns)))}
    return [
        pytest.param(row, column, marks=() if (row, column) in covered else pytest.mark.long)
        for column in columns
        for row in (*rows, *long_rows)
    ]
