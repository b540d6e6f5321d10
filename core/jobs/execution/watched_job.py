"""A job as whoever runs the server watches it: its span from click to end, its log lines, its metrics."""

import contextlib
import logging
import time
from collections.abc import Iterator

from core.library.job_store import Job
from core.telemetry import job_context, measure, start_span

log = logging.getLogger("roundtrip")


class WatchedJob:
    """One job, from the moment in which it was asked for: so many seconds ago."""

    def __init__(self, job: Job, waited: float):
        self._kind, self.state = job.kind, job.state
        self.created_ns = time.time_ns() - int(waited * 1e9)
        self._created = time.monotonic() - waited
        self._started: float | None = None

    def start(self) -> None:
        """Note that the job has its slot."""
        self._started = time.monotonic()
        with start_span("wait for a slot", start_ns=self.created_ns):
            measure("job_wait_seconds", self._started - self._created, kind=self._kind)
        log.info("%s began", self._kind)

    def end(self, job: Job) -> None:
        """Note how the job ended."""
        self.state = job.state
        seconds = time.monotonic() - (self._started or time.monotonic())
        code = (job.error or {}).get("code", "")
        if self._started is not None:
            measure("job_seconds", seconds, kind=job.kind, state=job.state)
        if code:
            measure("errors", where="job", code=code)
        log.info("%s ended: %s in %.2f s%s", job.kind, job.state, seconds, f" ({code})" if code else "")


@contextlib.contextmanager
def watch_job(job: Job, waited: float = 0.0) -> Iterator[WatchedJob]:
    """While this lasts, what this thread does is part of that job's trace, and what it logs carries the job's id.

    `waited` are the seconds since it was asked for, where another process did that.
    """
    watched = WatchedJob(job, waited)
    name = f"job {job.kind}"
    with job_context(job.id, job.kind), start_span(name, start_ns=watched.created_ns, job=job.id) as span:
        yield watched
        if span:
            span.set_attribute("roundtrip.state", watched.state)
