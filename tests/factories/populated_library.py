"""Real runs and copies in a home of a test's own, without a second training or save."""

import shutil
from pathlib import Path

from core.jobs import Jobs
from core.library import Library
from core.worker import Worker


def populate_library(home: Path, jobs: Jobs, *ids: str) -> Path:
    """The home itself, with copies of these runs and artifacts of another library in it."""
    Library(home)._catalog._engine.dispose()  # which would hold a file open on a disk that is to become read-only
    for id_ in ids:
        shutil.copytree(jobs.library.folder(id_), home / ("runs" if id_.startswith("r") else "artifacts") / id_)
    return home


def make_jobs(home: Path, worker: Worker) -> Jobs:
    """Jobs over a home of the test's own, and the session's worker."""
    return Jobs(Library(home), worker, worker.config.model_copy(update={"home": home}))
