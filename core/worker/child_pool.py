"""Children of one job that are given one task after another, because what they hold need not be made again."""

import threading
from types import TracebackType
from typing import Any, Self

from core.errors import ChildDied, FormatError
from core.worker.child_handle import Child
from core.worker.protocol import Frame
from core.worker.worker import Worker


class ChildPool:
    """Children that have done a task well and wait for the next; all end with the pool.

    What fails in such a child is done once more in a fresh one, so nothing that came before it can be its cause.
    """

    def __init__(self, worker: Worker):
        self._worker = worker
        self._waiting: list[Child] = []
        self._lock = threading.Lock()

    def run(self, task: str, **request: Any) -> Frame:
        """Do one task. Raises as `Worker.run`."""
        if child := self._take():
            try:
                return self._worker.act_in(child, lambda child: child.request(task, **request), self._waiting.append)
            except (FormatError, ChildDied):
                pass
        return self._worker.run(task, keep=self._waiting.append, **request)

    def _take(self) -> Child | None:
        with self._lock:
            return self._waiting.pop() if self._waiting else None

    def close(self) -> None:
        while child := self._take():
            child.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()
