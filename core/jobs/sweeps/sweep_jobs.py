"""The ordinary jobs of which a sweep is made, each waited for, and deleted when its result was taken."""

import contextlib
from collections.abc import Callable
from typing import Any

from core.errors import RoundtripError, StorageFailed, WorkerError, error_from_json
from core.jobs.execution.job_handle import JobHandle
from core.jobs.service import Jobs
from core.library.job_store import Job
from core.worker.child_errors import cancelled_error


class SweepJobs:
    """Starts jobs of a sweep. They stop with it, and leave no records: thousands would push out those of people."""

    def __init__(self, jobs: Jobs, handle: JobHandle):
        self.jobs, self._handle = jobs.in_bulk(), handle
        self.since = handle.job.created

    def run(self, start: Callable[[], Job]) -> dict[str, Any]:
        """Start a job and return its result.

        Raises Cancelled where the sweep is stopped, and the error with which the job ended.
        """
        if self._handle.is_cancelled():
            raise cancelled_error()
        job = start()
        try:
            ended = self.jobs.wait(job.id, self._stop_with_sweep)
        finally:
            with contextlib.suppress(RoundtripError):
                self.jobs.job_store.delete(job.id)
        if ended.state == "cancelled" and not self._handle.is_cancelled():
            raise WorkerError("Somebody stopped this part of the sweep.", cure="Sweep again: it goes on from there.")
        if ended.error:
            raise error_from_json(ended.error)
        if ended.state != "done":
            raise WorkerError("Its process is gone, so this ended half way.", cure="Sweep again.")
        return ended.result

    def _stop_with_sweep(self, job: Job) -> None:
        if self._handle.is_cancelled():
            with contextlib.suppress(StorageFailed):  # it is called again soon
                self.jobs.cancel(job.id)
