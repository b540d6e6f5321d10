"""`KeptJobs`: jobs that a process does itself beside the queue, as a sweep that waits for its parts."""

import contextlib
import threading
import weakref

from core.errors import StorageFailed
from core.library.job_store import Job
from core.queue import job_rows
from core.queue.database import QueueDatabase

BEATS = 6  # within the time after which such a job counts as interrupted


class KeptJobs:
    """Those of this process, whose rows are touched until they end or nobody has this object any more."""

    def __init__(self, database: QueueDatabase, lost_seconds: int):
        self._database, self._pause = database, lost_seconds / BEATS
        self._created: dict[str, str] = {}  # by id: another server may have begun the same again since
        self._lost: set[str] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, job: Job) -> None:
        with self._lock:
            self._created[job.id] = job.created
            self._lost.discard(job.id)
            if self._thread is None:
                self._thread = threading.Thread(target=_keep, args=(weakref.ref(self), self._pause), daemon=True)
                self._thread.start()

    def discard(self, job: Job) -> None:
        """Forget a job that this process has ended."""
        with self._lock:
            if self._created.get(job.id) == job.created:
                del self._created[job.id]
                self._lost.discard(job.id)

    def __contains__(self, id_: str) -> bool:
        with self._lock:
            return id_ in self._created

    def is_lost(self, id_: str) -> bool:
        """Whether others ended a job that this process still does."""
        with self._lock:
            return id_ in self._lost

    def touch(self) -> None:
        """Say that the process of these jobs lives, and note those that are its own no more."""
        with self._lock:
            created = {id_: moment for id_, moment in self._created.items() if id_ not in self._lost}
        if created:
            kept = self._database.run(job_rows.keep, created)
            with self._lock:
                self._lost |= {id_ for id_ in created.keys() - kept if self._created.get(id_) == created[id_]}


def _keep(reference: "weakref.ref[KeptJobs]", pause: float) -> None:
    while _touch_once(reference):
        threading.Event().wait(pause)


def _touch_once(reference: "weakref.ref[KeptJobs]") -> bool:
    """Whether anybody still has the object."""
    if jobs := reference():
        with contextlib.suppress(StorageFailed):  # the next time
            jobs.touch()
    return jobs is not None
