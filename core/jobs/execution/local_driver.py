"""`LocalDriver`: jobs in threads of this process, a few side by side."""

import threading
import time
import weakref
from collections.abc import Mapping

from core.context import AppContext
from core.errors import cleanup_on_error
from core.jobs.execution.driver import JobKind, cancel_before_start, do_job
from core.jobs.execution.given_files import GivenFiles
from core.jobs.execution.job_handle import POLL_SECONDS, JobHandle
from core.jobs.execution.watched_job import watch_job
from core.library.job_store import Job


class JobSlots:
    """Slots for `max_jobs` jobs side by side, or for one that is timed, alone. Safe to use from several threads."""

    def __init__(self, max_jobs: int):
        self._max_jobs = max_jobs
        self._running_jobs = 0
        self._is_exclusive = False
        self._condition = threading.Condition()

    def acquire(self, is_exclusive: bool, timeout: float) -> bool:
        """Take a slot; whether there was one within `timeout` seconds.

        An exclusive job waits until all others have ended, and keeps none from starting before that.
        """
        with self._condition:
            if not self._condition.wait_for(lambda: self._has_free_slot(is_exclusive), timeout):
                return False
            self._running_jobs += 1
            self._is_exclusive = is_exclusive
            return True

    def _has_free_slot(self, is_exclusive: bool) -> bool:
        if is_exclusive:
            return self._running_jobs == 0
        return self._running_jobs < self._max_jobs and not self._is_exclusive

    def release(self) -> None:
        with self._condition:
            self._running_jobs -= 1
            self._is_exclusive = False
            self._condition.notify_all()


class LocalDriver:
    """Does each job in a thread of this process; those that wait for a slot can be cancelled."""

    def __init__(self, kinds: Mapping[str, JobKind], max_jobs: int):
        self.slots = JobSlots(max_jobs)
        self._kinds = kinds
        self._threads: weakref.WeakValueDictionary[str, threading.Thread] = weakref.WeakValueDictionary()

    def submit(self, context: AppContext, job: Job, files: GivenFiles) -> None:
        """See `JobDriver.submit`."""
        with cleanup_on_error(files.discard):
            context.job_store.create(job)
            with cleanup_on_error(lambda: context.job_store.delete(job.id)):
                handle = JobHandle(context, job.model_copy(deep=True), files)
                thread = threading.Thread(target=self._run, args=(handle,), daemon=True)
                thread.start()
                self._threads[job.id] = thread

    def _run(self, handle: JobHandle) -> None:
        kind = self._kinds[handle.job.kind]
        with watch_job(handle.job) as watched:
            if not self._wait_for_slot(handle, kind):
                cancel_before_start(handle)
            else:
                try:
                    do_job(handle, kind, watched)
                finally:
                    self.slots.release()
            watched.end(handle.job)

    def _wait_for_slot(self, handle: JobHandle, kind: JobKind) -> bool:
        """Take a slot; False where the job was cancelled before there was one."""
        while not self.slots.acquire(kind.is_exclusive, POLL_SECONDS):
            if handle.is_cancelled():
                return False
        return True

    def wait_for_change(self, job_id: str, seconds: float) -> None:
        """See `JobDriver.wait_for_change`."""
        thread = self._threads.get(job_id)
        thread.join(seconds) if thread and thread.is_alive() else time.sleep(seconds)

    def join(self, job_id: str) -> None:
        """Wait until the thread of a job has ended, without a call to the disk."""
        if thread := self._threads.get(job_id):  # which is gone where it has ended already
            thread.join()
