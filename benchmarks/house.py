"""A library, a worker and jobs for a benchmark, in a temporary folder."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from core.jobs import Jobs
from core.library import Library
from core.library.job_store import Job
from core.settings import Settings
from core.worker import Worker


@contextlib.contextmanager
def house() -> Iterator[Jobs]:
    """Jobs over an empty library and a warm worker."""
    with tempfile.TemporaryDirectory(prefix="roundtrip-bench-") as folder:
        config = Settings(home=Path(folder))
        worker = Worker(config)
        try:
            yield Jobs(Library(config.home), worker, config)
        finally:
            worker.close()


def finished(jobs: Jobs, job: Job) -> Job:
    """Wait for a job, and return it. Raises RuntimeError unless it ended as done."""
    end = jobs.wait(job.id)
    if end.state != "done":
        raise RuntimeError(f"The job {end.kind} ended as {end.state}: {end.error}")
    return end


def trained(jobs: Jobs, demo: str = "digits-mlp", epochs: int = 2) -> str:
    """Train a demo; returns the id of the run."""
    return finished(jobs, jobs.train(demo, epochs=epochs)).result["run"]


def saved(jobs: Jobs, run: str, *formats: str) -> list[str]:
    """Save a run; returns the ids of its artifacts, one for each format."""
    rows = finished(jobs, jobs.save(run, formats)).result["rows"]
    return [rows[key]["artifact"] for key in formats]
