"""Pairs of two parameters: every run meets each value of both, and the long run every pair."""

from collections.abc import Sequence
from typing import Any

import pytest


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
