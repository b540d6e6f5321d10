"""The app's side of a model that a child has loaded: predict until it is closed, in requests that its time allows."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from core.arrays import Arrays, select_rows
from core.errors import cleanup_on_error
from core.runtimes.base import BATCH_SIZE, count_rows
from core.worker.child_errors import invalid_reply_error
from core.worker.child_handle import CancelCheck, Child, never_cancelled
from core.worker.protocol import Frame
from core.worker.worker import Worker

SHARE = 0.5  # of the time that is left, which rows may take by what the first one cost
Result = TypeVar("Result")
REQUESTS_AHEAD = 1  # requests that are sent while an earlier one is being done


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


class RemotePredictor:
    """An artifact or a live model, loaded in a child of its own.

    `facts` is the child's reply to the task that loaded it, of "load" a `core.worker.tasks.predict.LoadReply`. Safe to
    use from several threads: predictions are made one after another.
    """

    def __init__(self, child: Child, facts: Any, seconds: float):
        self.facts = facts
        self._child = child
        self._seconds = seconds
        self._lock = threading.Lock()

    def predict(
        self,
        inputs: Arrays,
        *,
        batch: int = BATCH_SIZE,
        cancelled: CancelCheck = never_cancelled,
        seconds: float | None = None,
    ) -> tuple[Arrays, float]:
        """Predict rows.

        Args:
            inputs: {input: (rows, ...)}.
            batch: rows that are computed together.
            seconds: a shorter limit than the child's own.

        Returns {output: (rows, ...)}, and the seconds that the child spent. Raises DoesNotLoad, InputError, ChildDied,
        TimedOut and Cancelled.
        """
        frame = self.request("predict", arrays=inputs, batch=batch, cancelled=cancelled, seconds=seconds)
        return frame.arrays, frame.message["seconds"]

    def request(self, task: str, *, seconds: float | None = None, **request: Any) -> Frame:
        """Do any other task that uses the loaded model; `request` as for `Child.request`. Raises as `predict`."""
        limit = self._seconds if seconds is None else min(seconds, self._seconds)
        with self._lock:
            return self._child.request(task, seconds=limit, reply_mb=self._child.config.reply_mb, **request)

    def predict_chunks(
        self, inputs: Iterable[Arrays], *, batch: int = BATCH_SIZE, cancelled: CancelCheck = never_cancelled
    ) -> Iterator[Arrays]:
        """Yield the predictions of each chunk of rows, in order; the next request is sent while the child computes.

        A chunk is one request, or several where the first row was so slow that its time might not be enough. Raises as
        `predict`; after an error it must be closed.
        """
        waiting: deque[bool] = deque()  # of each request under way, whether it is the last of its chunk
        parts: list[Arrays] = []
        with self._lock:
            for chunk, is_last in self._split_chunks(inputs, batch):
                self._child.send("predict", chunk, reply_mb=self._child.config.reply_mb, batch=batch)
                waiting.append(is_last)
                if len(waiting) > REQUESTS_AHEAD:
                    yield from self._receive_part(waiting.popleft(), parts, cancelled)
            while waiting:
                yield from self._receive_part(waiting.popleft(), parts, cancelled)

    def _split_chunks(self, inputs: Iterable[Arrays], batch: int) -> Iterator[tuple[Arrays, bool]]:
        """The chunks in requests of whole batches, and whether each is the last of its chunk."""
        seconds = self._child.allowance(self._seconds).working_seconds
        row_seconds = self.facts.get("first_seconds") or 0.0
        batches = int(SHARE * seconds / (row_seconds * batch)) if row_seconds else 0
        for chunk in inputs:
            rows = count_rows(chunk)
            step = max(1, batches) * batch if row_seconds else rows
            for start in range(0, rows, step):
                yield select_rows(chunk, slice(start, start + step)), start + step >= rows

    def _receive_part(self, is_last: bool, parts: list[Arrays], cancelled: CancelCheck) -> Iterator[Arrays]:
        """Receive one reply; where it is the last of a chunk, yield the whole."""
        parts.append(self._child.receive(self._seconds, cancelled=cancelled).arrays)
        if is_last:
            yield parts[0] if len(parts) == 1 else _join_predictions(parts)
            parts.clear()

    def close(self) -> None:
        """End the child."""
        self._child.close()

    def __enter__(self) -> "RemotePredictor":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _join_predictions(parts: list[Arrays]) -> Arrays:
    """Predictions that came in several replies. Raises WorkerError where these have not the same names and shapes."""
    try:
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    except (LookupError, ValueError) as error:
        raise invalid_reply_error(detail=type(error).__name__) from error


def load_in_child(
    worker: Worker,
    task: str = "load",
    *,
    seconds: float,
    cancelled: CancelCheck = never_cancelled,
    sandboxed: bool = False,
    child: Child | None = None,
    memory_share: float = 1.0,
    **request: Any,
) -> RemotePredictor:
    """Load a model in a fresh child, a sandboxed one for untrusted files.

    Args:
        task: "load" or "load_imported"; `request` are its arguments (see `core.worker.tasks.predict`).
        seconds: the limit of the load, and of each prediction.
        child: one that is open, to be taken instead.
        memory_share: its part of the memory of a sandboxed child.

    Raises DoesNotLoad, InputError, ChildDied, TimedOut, Cancelled, NotConfined, and WorkerError without a child.
    """
    child = child or worker.open(cancelled, sandboxed)
    child.memory_share = memory_share
    with cleanup_on_error(child.close):
        facts = child.request(task, seconds=seconds, cancelled=cancelled, **request).message
    return RemotePredictor(child, facts, seconds)
