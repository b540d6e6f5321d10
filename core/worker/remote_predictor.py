"""The app's side of a predictor that a child holds: opened once, it answers until it is closed."""

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from core.arrays import Arrays
from core.errors import cleanup_on_error
from core.runtimes.reference import BATCH_SIZE
from core.worker.child_handle import Child
from core.worker.protocol import Frame
from core.worker.worker import Worker

CHUNKS_AHEAD = 1  # chunks that are sent while an earlier one is being answered


class RemotePredictor:
    """One copy, or one live model, in a child of its own.

    `facts` are what `core.worker.tasks.predict.load_predictor` gives. Safe to ask from several threads: one is
    answered after another.
    """

    def __init__(self, child: Child, facts: dict[str, Any], seconds: float):
        self.facts = facts
        self._child = child
        self._seconds = seconds
        self._lock = threading.Lock()

    def predict(
        self,
        inputs: Arrays,
        *,
        batch: int = BATCH_SIZE,
        cancelled: Callable[[], bool] = lambda: False,
        seconds: float | None = None,
    ) -> tuple[Arrays, float]:
        """Answers by name, batch first, and the seconds that the child spent on them. It may take `seconds`, where
        these are less than it ever may.

        Raises DoesNotLoad, InputError, ChildDied, TimedOut and Cancelled.
        """
        frame = self.request("answer", arrays=inputs, batch=batch, cancelled=cancelled, seconds=seconds)
        return frame.arrays, frame.message["seconds"]

    def request(self, task: str, *, seconds: float | None = None, **request: Any) -> Frame:
        """Any other task that uses what is held; `request` is what `Child.ask` takes. Raises what `answer` raises."""
        most = self._seconds if seconds is None else min(seconds, self._seconds)
        with self._lock:
            return self._child.request(task, seconds=most, reply_mib=self._child.config.reply_mib, **request)

    def predict_chunks(
        self, inputs: Iterable[Arrays], *, batch: int = BATCH_SIZE, cancelled: Callable[[], bool] = lambda: False
    ) -> Iterator[Arrays]:
        """The answers to each of many chunks of rows, in order: while the child answers one, the next is on its way.

        Raises as `answer`; after an error it must be closed.
        """
        waiting = 0
        limits = {"seconds": self._seconds, "cancelled": cancelled}
        with self._lock:
            for chunk in inputs:
                self._child.send("answer", chunk, reply_mib=self._child.config.reply_mib, batch=batch)
                waiting += 1
                if waiting > CHUNKS_AHEAD:
                    waiting -= 1
                    yield self._child.receive(**limits).arrays
            for _ in range(waiting):
                yield self._child.receive(**limits).arrays

    def close(self) -> None:
        """End the child."""
        self._child.close()

    def __enter__(self) -> "RemotePredictor":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_remote_predictor(
    worker: Worker,
    task: str,
    *,
    seconds: float,
    cancelled: Callable[[], bool] = lambda: False,
    confined: bool = False,
    **request: Any,
) -> RemotePredictor:
    """Open a child, a `confined` one for a stranger's files, and have it hold something: `task` is "hold" or
    "hold_live", `request` its arguments.

    Raises DoesNotLoad, InputError, ChildDied, TimedOut, Cancelled, NotConfined, and WorkerError when no child can be
    had.
    """
    child = worker.open(cancelled, confined)
    with cleanup_on_error(child.close):
        facts = child.request(task, seconds=seconds, cancelled=cancelled, **request).message
    return RemotePredictor(child, facts, seconds)
