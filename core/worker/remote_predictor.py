"""The app's side of a model that a child has loaded: predict until it is closed."""

import threading
from collections.abc import Iterable, Iterator
from typing import Any

from core.arrays import Arrays
from core.errors import cleanup_on_error
from core.runtimes.reference import BATCH_SIZE
from core.worker.child_handle import CancelCheck, Child, never_cancelled
from core.worker.protocol import Frame
from core.worker.worker import Worker

CHUNKS_AHEAD = 1  # chunks that are sent while an earlier one is being predicted


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
            return self._child.request(task, seconds=limit, reply_mib=self._child.config.reply_mib, **request)

    def predict_chunks(
        self, inputs: Iterable[Arrays], *, batch: int = BATCH_SIZE, cancelled: CancelCheck = never_cancelled
    ) -> Iterator[Arrays]:
        """Yield the predictions of each chunk of rows, in order; the next chunk is sent while the child computes.

        Raises as `predict`; after an error it must be closed.
        """
        waiting = 0
        with self._lock:
            for chunk in inputs:
                self._child.send("predict", chunk, reply_mib=self._child.config.reply_mib, batch=batch)
                waiting += 1
                if waiting > CHUNKS_AHEAD:
                    waiting -= 1
                    yield self._child.receive(self._seconds, cancelled=cancelled).arrays
            for _ in range(waiting):
                yield self._child.receive(self._seconds, cancelled=cancelled).arrays

    def close(self) -> None:
        """End the child."""
        self._child.close()

    def __enter__(self) -> "RemotePredictor":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def load_in_child(
    worker: Worker,
    task: str = "load",
    *,
    seconds: float,
    cancelled: CancelCheck = never_cancelled,
    sandboxed: bool = False,
    **request: Any,
) -> RemotePredictor:
    """Load a model in a fresh child, a sandboxed one for untrusted files.

    Args:
        task: "load" or "load_imported"; `request` are its arguments (see `core.worker.tasks.predict`).
        seconds: the limit of the load, and of each prediction.

    Raises DoesNotLoad, InputError, ChildDied, TimedOut, Cancelled, NotConfined, and WorkerError without a child.
    """
    child = worker.open(cancelled, sandboxed)
    with cleanup_on_error(child.close):
        facts = child.request(task, seconds=seconds, cancelled=cancelled, **request).message
    return RemotePredictor(child, facts, seconds)
