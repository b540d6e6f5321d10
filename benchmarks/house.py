"""A library, a worker and jobs of a benchmark's own, in a folder that is gone afterwards."""

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
    """The job at its end. Raises RuntimeError when that is no good one."""
    end = jobs.wait(job.id)
    if end.state != "done":
        raise RuntimeError(f"The job {end.kind} ended as {end.state}: {end.error}")
    return end


def trained(jobs: Jobs, demo: str = "digits-mlp", epochs: int = 2) -> str:
    """The id of a run of the demo."""
    return finished(jobs, jobs.train(demo, epochs=epochs)).result["run"]


def saved(jobs: Jobs, run: str, *formats: str) -> list[str]:
    """The ids of a run's artifacts, one for each format."""
    rows = finished(jobs, jobs.save(run, formats)).result["rows"]
    return [rows[key]["artifact"] for key in formats]
