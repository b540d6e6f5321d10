"""How many rows are asked in one request: as many as its time is enough for, by the cost of the first."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from core.runtimes.base import BATCH_SIZE

SHARE = 0.5  # of the time that is left, which rows may take by what the first one cost
Result = TypeVar("Result")


class RowBudget:
    """The time of one request, from now on.

    Args:
        seconds: what the request may take; None without a limit.
    """

    def __init__(self, seconds: float | None):
        self._deadline = None if seconds is None else time.monotonic() + seconds
        self.row_seconds = 0.0  # what one row costs, by the latest measurement

    def measure(self, ask_row: Callable[[], Result]) -> Result:
        """Ask for one row, and keep what it cost."""
        started = time.monotonic()
        result = ask_row()
        self.row_seconds = time.monotonic() - started
        return result

    def affordable_rows(self, ask_row: Callable[[], object], rows: int) -> int:
        """How many of `rows` rows may be asked now that the first was measured; whole batches, where it is one or more.

        What only the first call does (tracing, say) is not counted against the others: where it would leave out rows,
        one row is asked again.
        """
        if self._rows_in_time(rows) < rows:
            self.measure(ask_row)
        count = self._rows_in_time(rows)
        return count if count in (rows, 1) or count < BATCH_SIZE else count // BATCH_SIZE * BATCH_SIZE

    def _rows_in_time(self, rows: int) -> int:
        if self._deadline is None or not self.row_seconds:
            return rows
        left = self._deadline - time.monotonic()
        return min(rows, max(1, int(SHARE * left / self.row_seconds)))


@dataclass
class RowCap:
    """How many rows may be asked at once, and how many were: where memory runs out, half of those are next."""

    rows: int = BATCH_SIZE
    asked: int = 0

    def halve(self) -> bool:
        """Ask half of the rows from now on; False where it was one already, or none was asked."""
        self.rows = self.asked = self.asked // 2
        return self.rows > 0
