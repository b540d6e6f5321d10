"""`KeptJobs`: jobs that a process does itself beside the queue, as a sweep that waits for its parts."""

import contextlib
import threading
import weakref

from sqlalchemy import text
from sqlalchemy.engine import Connection

from core.errors import StorageFailed
from core.queue.database import QueueDatabase

BEATS = 6  # within the time after which such a job counts as interrupted
KEEP = text(
    "UPDATE jobs_1 SET claimed = now() WHERE id = ANY(:ids) AND queue = '' AND state IN ('queued', 'running') "
    "RETURNING id"
)


class KeptJobs:
    """Those of this process, whose rows are touched until they end or nobody has this object any more."""

    def __init__(self, database: QueueDatabase, lost_seconds: int):
        self._database, self._pause = database, lost_seconds / BEATS
        self._ids: set[str] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, ids: list[str]) -> None:
        with self._lock:
            self._ids.update(ids)
            if self._thread is None:
                self._thread = threading.Thread(target=_keep, args=(weakref.ref(self), self._pause), daemon=True)
                self._thread.start()

    def __contains__(self, id_: str) -> bool:
        with self._lock:
            return id_ in self._ids

    def touch(self) -> None:
        """Say that the process of these jobs lives, and forget those that have ended."""
        with self._lock:
            ids = set(self._ids)
        if ids:
            kept = self._database.run(_touch, sorted(ids))
            with self._lock:
                self._ids -= ids - kept


def _touch(connection: Connection, ids: list[str]) -> set[str]:
    return set(connection.execute(KEEP, {"ids": ids}).scalars())


def _keep(reference: "weakref.ref[KeptJobs]", pause: float) -> None:
    while _touch_once(reference):
        threading.Event().wait(pause)


def _touch_once(reference: "weakref.ref[KeptJobs]") -> bool:
    """Whether anybody still has the object."""
    if jobs := reference():
        with contextlib.suppress(StorageFailed):  # the next time
            jobs.touch()
    return jobs is not None
