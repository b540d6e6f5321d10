"""`JobHandle`: a running job as its own work sees it, and what the work of several kinds shares."""

import contextlib
import contextvars
import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NotRequired, TypedDict, TypeVar

from pydantic import BaseModel

from core.context import AppContext
from core.error_translation import translate
from core.errors import Cancelled, RoundtripError, WorkerError
from core.jobs.execution.given_files import GivenFiles
from core.library.job_store import Job
from core.record import now
from core.worker.child_handle import CancelCheck

PROGRESS_WRITE_SECONDS = 0.1  # seconds between two records of a job's progress
POLL_SECONDS = 0.1  # seconds that a job waits for something until it looks again, also whether it is to stop

Result = TypeVar("Result")


class ChildLimits(TypedDict):
    """Limits of one request to a child: wall clock in seconds, and the check that ends it early."""

    seconds: float
    cancelled: CancelCheck


class SourcedRequest(TypedDict):
    """What the requests of jobs over artifacts share: by id the key of a `CodeSource`, and damaged files."""

    sources: dict[str, str]
    damage: NotRequired[dict[str, str]]


class JobHandle:
    """A running job as its own work sees it: what it works with, how far it is, and whether to stop."""

    def __init__(self, context: AppContext, job: Job, files: GivenFiles | None = None):
        self.job, self.request = job, job.request
        self.files = files or GivenFiles()
        self.context, self.config, self.library, self.worker = context, context.config, context.library, context.worker
        self.limits: ChildLimits = {"seconds": self.config.child_seconds, "cancelled": self.is_cancelled}
        self._lock = threading.Lock()
        self._last_write = 0.0
        self._last_look = -math.inf
        self._is_cancelled = False

    def code_source(self, id_: str) -> str:
        """The key of the `CodeSource` that was chosen for a participant."""
        source: str = self.request["sources"].get(id_, "none")
        return source

    def report_progress(
        self, progress: float | None = None, note: str | None = None, write_now: bool = False, **detail: Any
    ) -> None:
        """Record how far the work is; of small steps in quick succession only some are, unless `write_now`."""
        with self._lock:
            self.job.progress = self.job.progress if progress is None else progress
            self.job.note = self.job.note if note is None else note
            self.job.detail |= detail
            if write_now or time.monotonic() - self._last_write >= PROGRESS_WRITE_SECONDS:
                with contextlib.suppress(OSError):  # progress that finds no room must not end the work itself
                    self.context.job_store.write(self.job)
                self._last_write = time.monotonic()

    def is_cancelled(self) -> bool:
        """Whether a person asked to stop the job: for good once they did, and else as of the last look."""
        store = self.context.job_store
        if not self._is_cancelled and time.monotonic() - self._last_look >= store.look_seconds:
            self._last_look = time.monotonic()
            self._is_cancelled = store.is_cancel_requested(self.job.id)
        return self._is_cancelled

    def finish(self, **end: Any) -> None:
        with self._lock:
            self.job = self.job.model_copy(update={"finished": now(), **end})
            self.context.job_store.finish(self.job)


Work = Callable[[JobHandle], Mapping[str, Any] | BaseModel]  # gives the result of the job, for JSON


def attempt(action: Callable[[], Result]) -> Result | RoundtripError:
    """Do a part of a job of which a failure is that part's result and the others go on. Raises Cancelled."""
    try:
        return action()
    except Cancelled:
        raise
    except Exception as error:  # noqa: BLE001  see above
        return translate(error, WorkerError)


def map_parallel(function: Callable[[str], Result], ids: Iterable[str], workers: int) -> dict[str, Result]:
    """Call a function for each id, some at the same time; returns the results by id. Raises what a call raises."""
    ids = list(ids)
    contexts = [contextvars.copy_context() for _ in ids]  # what is logged and traced there belongs to the same job
    with ThreadPoolExecutor(max_workers=workers) as pool:
        results = pool.map(lambda context, id_: context.run(function, id_), contexts, ids)
        return dict(zip(ids, results, strict=True))
