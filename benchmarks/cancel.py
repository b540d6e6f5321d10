"""Time from a cancellation until the training has stopped."""

import time

import psutil

from benchmarks.house import house
from benchmarks.measure import Row, Sample, until
from core.jobs import Jobs

REPEATS = 5
EPOCHS = 500  # far more than are reached before the cancel


def measure() -> list[Row]:
    """One row: from the request to cancel until the child has ended and the job is no longer active."""
    with house() as jobs:
        values = tuple(_cancel_once(jobs) for _ in range(REPEATS))
    return [Row("Cancel pressed to training stopped", Sample(values), at_most=1.0)]


def _cancel_once(jobs: Jobs) -> float:
    job = jobs.train("digits-mlp", epochs=EPOCHS)
    until(lambda: jobs.job_store.read(job.id).detail.get("epoch", 0) >= 3, 120, "the training to be under way")
    trainer = busiest_child()
    started = time.perf_counter()
    jobs.cancel(job.id)
    until(lambda: not trainer.is_running() or trainer.status() == psutil.STATUS_ZOMBIE, 30, "the child to end")
    until(lambda: not jobs.job_store.read(job.id).is_active, 30, "the job to end")
    return time.perf_counter() - started


def busiest_child() -> psutil.Process:
    """Return the child of the warm process with the most user CPU time: the one that trains."""
    (warm,) = psutil.Process().children()
    return max(warm.children(), key=lambda process: process.cpu_times().user)
