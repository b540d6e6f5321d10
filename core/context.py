"""`AppContext`: what every job works with, from the library to the worker and the settings."""

import copy
from pathlib import Path
from typing import Self

from core.environments.pool import WarmProcesses
from core.inputs import Inputs
from core.library import Library
from core.library.job_store import JobStore
from core.library.permissions import Viewer
from core.library.prediction_store import PredictionStore
from core.object_store.team_library import open_library
from core.settings import Settings, get_settings
from core.uploads import open_uploads
from core.worker import Worker


class AppContext:
    """One library and one worker, with their settings, input sets, job records, and processes of environments."""

    def __init__(self, library: Library | None = None, worker: Worker | None = None, config: Settings | None = None):
        self.config = config or get_settings()
        self.library = library or open_library(self.config)
        self.worker = worker or Worker(self.config)
        self.job_store = open_job_store(self.library.home, self.config)
        self.inputs = Inputs(self.library.home, self.config, self.library.entries)
        self.uploads = open_uploads(self.library.home, self.config)
        self.environment_processes = WarmProcesses(self.config)

    def for_viewer(self, viewer: Viewer) -> Self:
        """Return the same as one user sees it.

        Entries that are neither theirs nor shared are absent, and new ones are theirs. The worker, its job slots and
        its loaded children are shared with all users.
        """
        context = copy.copy(self)
        context.library = self.library.for_viewer(viewer)
        context.job_store = self.job_store.with_access(context.library.access)
        context.inputs = self.inputs.for_viewer(context.library.access)
        context.uploads = self.uploads.for_viewer(viewer)
        return context

    def predictions(self, job_id: str) -> PredictionStore:
        """Return the predictions that a comparison stored."""
        return PredictionStore(self.job_store.folder(job_id) / "answers")


def open_job_store(home: Path, config: Settings) -> JobStore:
    """Open the records of jobs: in a team installation those of all machines, else those in the library's home."""
    if not config.is_team:
        return JobStore(home / "jobs", config.keep_jobs)
    from core.queue import open_database_job_store  # which an installation on one machine need not import

    return open_database_job_store(home / "jobs", config)
