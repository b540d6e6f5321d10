"""What every job works with: the library, the worker, the input sets, the settings and the records of jobs."""

import copy
from typing import Self

from core.inputs import Inputs
from core.library import Library
from core.library.job_store import JobStore
from core.library.permissions import Viewer
from core.library.prediction_store import PredictionStore
from core.settings import Settings, get_settings
from core.worker import Worker


class AppContext:
    """One library and one worker, and what is read and written beside them."""

    def __init__(self, library: Library | None = None, worker: Worker | None = None, config: Settings | None = None):
        self.config = config or get_settings()
        self.library = library or Library(self.config.home)
        self.worker = worker or Worker(self.config)
        self.job_store = JobStore(self.library.home / "jobs", self.config.keep_jobs)
        self.inputs = Inputs(self.library.home, self.config)

    def for_viewer(self, viewer: Viewer) -> Self:
        """Return the same for one user: entries that are neither theirs nor shared are absent, new ones are theirs.

        The worker, its job slots and its loaded children are shared with all users.
        """
        seen = copy.copy(self)
        seen.library = self.library.for_viewer(viewer)
        seen.job_store = self.job_store.with_access(seen.library.access)
        seen.inputs = self.inputs.for_viewer(seen.library.access)
        return seen

    def predictions(self, job_id: str) -> PredictionStore:
        """The answers that a comparison kept."""
        return PredictionStore(self.job_store.folder(job_id) / "answers")
