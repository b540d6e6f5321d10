"""Run jobs: a thread each, progress and end on record, cancelled on request, done once where the same was done."""

import contextlib
import contextvars
import hashlib
import json
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NotRequired, TypedDict, TypeVar

from pydantic import BaseModel

from core.context import AppContext
from core.environments.pool import WarmProcesses
from core.error_translation import translate
from core.errors import Cancelled, LibraryError, RoundtripError, WorkerError, cleanup_on_error, is_transient
from core.jobs.session_limiter import SessionLimiter
from core.jobs.watched_job import WatchedJob, watch_job
from core.library import Library
from core.library.ids import new_id
from core.library.job_store import Job
from core.library.records import BUILT_IN_SOURCES
from core.record import now
from core.settings import Settings
from core.worker import Worker
from core.worker.child_handle import CancelCheck

PROGRESS_WRITE_SECONDS = 0.1  # seconds between two records of a job's progress
POLL_SECONDS = 0.1  # seconds between two looks at whether a person asked to cancel

Result = TypeVar("Result")


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

    def __init__(self, context: AppContext, job: Job):
        self.job, self.request = job, job.request
        self.context, self.config, self.library, self.worker = context, context.config, context.library, context.worker
        self.limits: ChildLimits = {"seconds": self.config.child_seconds, "cancelled": self.is_cancelled}
        self._lock = threading.Lock()
        self._last_write = 0.0
        self._last_cancel_check = 0.0
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
        if not self._is_cancelled and time.monotonic() - self._last_cancel_check >= POLL_SECONDS:
            self._last_cancel_check = time.monotonic()
            self._is_cancelled = self.context.job_store.is_cancel_requested(self.job.id)
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


def is_reusable(job: Job) -> bool:
    """Whether to do a job again would give the same: it is done, and no artifact in it hit a transient error."""
    parts = [*job.result.get("outcomes", {}).values(), *job.result.get("copies", {}).values()]
    return job.state == "done" and not any(is_transient(part.get("error")) for part in parts)


class JobRunner(AppContext):
    """Starts work over one library and one worker in the background, and finds it again."""

    def __init__(self, library: Library | None = None, worker: Worker | None = None, config: Settings | None = None):
        super().__init__(library, worker, config)
        self.session_limiter = SessionLimiter(self.config.held_children)
        self.environment_processes = WarmProcesses(self.config)
        self._damage_cache: dict[str, tuple[str, str]] = {}
        self._threads: weakref.WeakValueDictionary[str, threading.Thread] = weakref.WeakValueDictionary()
        self._slots = JobSlots(max(2, self.config.parallel))

    def _start_or_reuse(
        self, kind: str, title: str, request: SourcedRequest, ids: list[str], work: Work, rerun_failed: bool = True
    ) -> Job:
        """Return the job of that request on the same files, where there is one, else a new one."""
        id_ = self._compute_job_id(kind, request, ids)
        return self._find_reusable(id_, rerun_failed) or self._start(kind, title, request, work, id_)

    def _compute_job_id(self, kind: str, request: SourcedRequest, ids: Iterable[str]) -> str:
        """Compute the id of a request's job, after the damage of its files has become part of the request: a job is
        found again only while that is the same."""
        used = [*ids, *self._source_ids(request["sources"])]
        request["damage"] = {id_: damage for id_ in used if (damage := self._find_damage(id_))}
        viewer = self.library.access.viewer_id
        text = json.dumps([kind, request, *([viewer] if viewer else [])], sort_keys=True)  # no user takes another's job
        return "j" + hashlib.sha256(text.encode()).hexdigest()[:10]

    def _source_ids(self, sources: dict[str, str]) -> Iterator[str]:
        """The entries that complete halves: architecture artifacts, and runs by their snapshots."""
        for id_, source in sources.items():
            if source == "snapshot":
                yield self.library.artifact(id_).run
            elif source not in BUILT_IN_SOURCES:
                yield source

    def _find_damage(self, artifact_id: str) -> str:
        """What is wrong with an artifact's files, verified again after one was touched. Each load verifies them too."""
        stamp = self.library.fingerprint(artifact_id)
        if self._damage_cache.get(artifact_id, ("",))[0] != stamp:
            damage = ""
            try:
                self.library.verify(artifact_id)
            except LibraryError as error:
                damage = str(error)
            self._damage_cache[artifact_id] = stamp, damage
        return self._damage_cache[artifact_id][1]

    def _find_reusable(self, id_: str, rerun_failed: bool) -> Job | None:
        """The job of that id, if it is active or reusable; however it ended, where it is not to be done again."""
        try:
            job = self.job_store.read(id_)
        except RoundtripError:
            return None
        if job.state == "done" and job.kind == "compare" and not self.predictions(id_).has_predictions:
            return None
        return job if job.is_active or is_reusable(job) or not rerun_failed else None

    def _start(
        self,
        kind: str,
        title: str,
        request: Mapping[str, Any],
        work: Work,
        id_: str = "",
        is_exclusive: bool = False,
        on_not_started: Callable[[], object] = lambda: None,
    ) -> Job:
        """Start some work, or queue it; where it never begins, `on_not_started` is called. Raises StorageFailed."""
        owner = self.library.access.viewer_id
        job = Job(id=id_ or new_id("j"), kind=kind, title=title, request=dict(request), owner=owner)
        with cleanup_on_error(on_not_started):
            self.job_store.create(job)
            handle = JobHandle(self, job.model_copy(deep=True))
            thread = threading.Thread(target=self._run, args=(handle, work, is_exclusive, on_not_started), daemon=True)
            self._threads[job.id] = thread
            thread.start()
        return job

    def _run(self, handle: JobHandle, work: Work, is_exclusive: bool, on_not_started: Callable[[], object]) -> None:
        with watch_job(handle.job) as watched:
            self._run_watched(handle, work, is_exclusive, on_not_started, watched)
            watched.end(handle.job)

    def _run_watched(
        self,
        handle: JobHandle,
        work: Work,
        is_exclusive: bool,
        on_not_started: Callable[[], object],
        watched: WatchedJob,
    ) -> None:
        while not self._slots.acquire(is_exclusive, POLL_SECONDS):
            if handle.is_cancelled():
                on_not_started()
                error = Cancelled("It was cancelled before it began.", cure="Start it again when you like.")
                return handle.finish(state="cancelled", error=error.to_json())
        try:
            watched.start()
            handle.job.state, handle.job.started = "running", now()
            handle.report_progress(note="Starting")
            result = work(handle)
            result = result.model_dump(mode="json") if isinstance(result, BaseModel) else result
            handle.finish(state="done", progress=1.0, note="Done", result=result)
        except Cancelled as error:
            handle.finish(state="cancelled", note="Cancelled", error=error.to_json())
        except Exception as error:  # noqa: BLE001  a job's end must be on record whatever ended it
            handle.finish(state="failed", note="Failed", error=translate(error, WorkerError).to_json())
        finally:
            self._slots.release()
        return None

    def cancel(self, job_id: str) -> None:
        """Ask a job to stop, from any process: it looks several times a second. What it says that it keeps stays."""
        self.job_store.read(job_id)
        self.job_store.request_cancel(job_id)

    def wait(self, job_id: str, on_update: Callable[[Job], None] = lambda job: None) -> Job:
        """Return the job at its end; `on_update` is called with each state that is seen on the way."""
        while (job := self.job_store.read(job_id)).is_active:
            on_update(job)
            thread = self._threads.get(job_id)
            thread.join(POLL_SECONDS) if thread and thread.is_alive() else time.sleep(POLL_SECONDS)
        return job
