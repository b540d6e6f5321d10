"""Threads, slots, cancel, deduplication; `JobContext` and `JobHandle`.

Who may work now: some jobs side by side, or one that is timed, alone.

How many children stay loaded at once: whoever was asked longest ago makes room for those who are asked now.

How work runs: a thread a job, its progress and end on record, cancelled on request, done once where it is known.
"""

import contextlib
import hashlib
import json
import threading
import time
import weakref
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from core.caching import StampedCache
from core.context import AppContext
from core.errors import Cancelled, LibraryError, RoundtripError, WorkerError, cleanup_on_error, is_transient
from core.explain import translate
from core.library import Library
from core.library.job_store import Job, JobStore
from core.library.records import new_id
from core.record import now
from core.settings import Settings
from core.worker import Worker


class JobSlots:
    """Room for `most` jobs side by side, or for one alone. Safe to use from several threads."""

    def __init__(self, max_jobs: int):
        self._max_jobs = max_jobs
        self._running_jobs = 0
        self._is_exclusive = False
        self._condition = threading.Condition()

    def acquire(self, is_exclusive: bool, timeout: float) -> bool:
        """Take room, waiting for up to `timeout` seconds; whether there was any. One alone waits until all have left,
        and keeps nobody out before that."""
        with self._condition:
            if not self._condition.wait_for(lambda: self._has_free_slot(is_exclusive), timeout):
                return False
            self._running_jobs += 1
            self._is_exclusive = is_exclusive
            return True

    def _has_free_slot(self, is_exclusive: bool) -> bool:
        return (
            self._running_jobs == 0 if is_exclusive else self._running_jobs < self._max_jobs and not self._is_exclusive
        )

    def release(self) -> None:
        """Give the room back."""
        with self._condition:
            self._running_jobs -= 1
            self._is_exclusive = False
            self._condition.notify_all()


class ChildSession(Protocol):
    """Somebody who keeps children loaded, one for each of `ids`."""

    ids: list[str]

    def close(self) -> None: ...


class SessionLimiter:
    """Room for `most` children that stay loaded, whoever holds them; a single holder may have more."""

    def __init__(self, max_children: int):
        self._max_children = max_children
        self._lock = threading.Lock()
        self._sessions: dict[int, ChildSession] = {}  # by identity, the one asked longest ago first

    def touch(self, session: ChildSession) -> None:
        """Note that it is asked now, and close as many others as must make room. The caller holds no lock: closing one
        waits until it has answered."""
        with self._lock:
            self._sessions.pop(id(session), None)
            leaving = []
            while self._sessions and self._loaded_children + len(session.ids) > self._max_children:
                leaving.append(self._sessions.pop(next(iter(self._sessions))))
            self._sessions[id(session)] = session
        for one in leaving:
            one.close()

    @property
    def _loaded_children(self) -> int:
        return sum(len(one.ids) for one in self._sessions.values())

    def remove(self, session: ChildSession) -> None:
        """Note that it holds nothing any more."""
        with self._lock:
            self._sessions.pop(id(session), None)


MAX_CACHED_DAMAGE = 4096  # artifacts of which it is known whether their files are whole
PROGRESS_WRITE_SECONDS = 0.1  # seconds between two records of a job's progress
POLL_SECONDS = 0.1  # seconds between two looks at whether a person asked to cancel


class JobHandle:
    """A running job as its own work sees it: say how far it is, and ask whether to stop."""

    def __init__(self, job_store: JobStore, job: Job):
        self.job = job
        self._job_store = job_store
        self._lock = threading.Lock()
        self._last_write = 0.0
        self._last_cancel_check = 0.0
        self._is_cancelled = False

    def report_progress(
        self, progress: float | None = None, note: str | None = None, write_now: bool = False, **detail: Any
    ) -> None:
        """Record how far the work is; of small steps in quick succession only some are, unless `at_once`."""
        with self._lock:
            self.job.progress = self.job.progress if progress is None else progress
            self.job.note = self.job.note if note is None else note
            self.job.detail |= detail
            if write_now or time.monotonic() - self._last_write >= PROGRESS_WRITE_SECONDS:
                with contextlib.suppress(OSError):  # news that finds no room must not end the work itself
                    self._job_store.write(self.job)
                self._last_write = time.monotonic()

    def is_cancelled(self) -> bool:
        if not self._is_cancelled and time.monotonic() - self._last_cancel_check >= POLL_SECONDS:
            self._last_cancel_check = time.monotonic()
            self._is_cancelled = self._job_store.is_cancel_requested(self.job.id)
        return self._is_cancelled

    def finish(self, **end: Any) -> None:
        with self._lock:
            self.job = self.job.model_copy(update={"finished": now(), **end})
            self._job_store.finish(self.job)


def is_reusable(job: Job) -> bool:
    """Whether to do a job again would give the same: it is done, and no copy in it was stopped by a passing fault."""
    result = job.result or {}
    copies = [*result.get("outcomes", {}).values(), *result.get("copies", {}).values()]
    return job.state == "done" and not any(is_transient(one.get("error")) for one in copies)


class JobRunner(AppContext):
    """Starts work over one library and one worker in the background, and finds it again."""

    def __init__(self, library: Library | None = None, worker: Worker | None = None, config: Settings | None = None):
        super().__init__(library, worker, config)
        self.session_limiter = SessionLimiter(self.config.held_children)
        self._damage_cache = StampedCache(MAX_CACHED_DAMAGE)
        self._threads: weakref.WeakValueDictionary[str, threading.Thread] = weakref.WeakValueDictionary()
        self._slots = JobSlots(max(2, self.config.parallel))

    def _start_or_reuse(
        self, kind: str, title: str, request: dict[str, Any], ids: list[str], work: Callable, rerun_failed: bool
    ) -> Job:
        """The job of that request on the same files, if it is known, else a new one."""
        id_ = self._compute_job_id(kind, request, ids)
        return self._find_reusable(id_, rerun_failed) or self._start(kind, title, request, work, id_)

    def _compute_job_id(self, kind: str, request: dict[str, Any], ids: Iterable[str]) -> str:
        """The id of a request's job, after what is wrong with its files has become part of the request: a job is known
        again only while that is the same."""
        used = [*ids, *(source for source in request["sources"].values() if source not in ("none", "demo"))]
        request["damage"] = {one: damage for one in used if (damage := self._find_damage(one))}
        me = self.library.access.viewer_id
        text = json.dumps([kind, request, *([me] if me else [])], sort_keys=True)  # nobody takes over another's job
        return "j" + hashlib.sha256(text.encode()).hexdigest()[:10]

    def _find_damage(self, artifact: str) -> str:
        """What is wrong with its files; looked at again only after one of them was touched. Whoever loads them looks at
        every byte again."""
        stamp = self.library.fingerprint(artifact)
        return self._damage_cache.get_or_compute(artifact, lambda: self._verify_files(artifact), stamp)

    def _verify_files(self, artifact: str) -> str:
        try:
            self.library.verify(artifact)
        except LibraryError as error:
            return str(error)
        return ""

    def _find_reusable(self, id_: str, rerun_failed: bool) -> Job | None:
        """The job of that id, if it is under way or settled; however it ended, where it is not to be done again."""
        try:
            job = self.job_store.read(id_)
        except RoundtripError:
            return None
        if job.state == "done" and not self._has_stored_output(job):
            return None
        return job if job.is_active or is_reusable(job) or not rerun_failed else None

    def _has_stored_output(self, job: Job) -> bool:
        """Whether a finished job still has everything that it left behind."""
        return True

    def _start(
        self,
        kind: str,
        title: str,
        request: dict[str, Any],
        work: Callable,
        id_: str = "",
        is_exclusive: bool = False,
        on_not_started: Callable[[], object] = lambda: None,
    ) -> Job:
        """Begin some work, or put it in line; where it never begins, `unbegun` is called. Raises StorageFailed."""
        whose = self.library.access.viewer_id
        with cleanup_on_error(on_not_started):
            job = self.job_store.create(
                Job(id=id_ or new_id("j"), kind=kind, title=title, request=request, owner=whose)
            )
            handle = JobHandle(self.job_store, job.model_copy(deep=True))
            thread = threading.Thread(target=self._run, args=(handle, work, is_exclusive, on_not_started), daemon=True)
            self._threads[job.id] = thread
            thread.start()
        return job

    def _run(self, handle: JobHandle, work: Callable, is_exclusive: bool, on_not_started: Callable[[], object]) -> None:
        try:
            self._wait_for_slot(handle, is_exclusive)
        except Cancelled as error:
            on_not_started()
            return handle.finish(state="cancelled", error=error.to_json())
        try:
            handle.job.state, handle.job.started = "running", now()
            handle.report_progress(note="Starting")
            handle.finish(state="done", progress=1.0, note="Done", result=work(self, handle))
        except Cancelled as error:
            handle.finish(state="cancelled", note="Cancelled", error=error.to_json())
        except Exception as error:  # noqa: BLE001  a job's end must be on record whatever ended it
            handle.finish(state="failed", note="Failed", error=translate(error, WorkerError).to_json())
        finally:
            self._slots.release()
        return None

    def _wait_for_slot(self, handle: JobHandle, is_exclusive: bool) -> None:
        while not self._slots.acquire(is_exclusive, POLL_SECONDS):
            if handle.is_cancelled():
                raise Cancelled("It was cancelled before it began.", cure="Start it again when you like.")

    def cancel(self, job_id: str) -> None:
        """Ask a job to stop, from any process; it ends within a second, and keeps nothing."""
        self.job_store.read(job_id)
        self.job_store.request_cancel(job_id)

    def wait(self, job_id: str, on_update: Callable[[Job], None] = lambda job: None) -> Job:
        """The job at its end; `heard` is called with each state that is seen on the way."""
        while (job := self.job_store.read(job_id)).is_active:
            on_update(job)
            thread = self._threads.get(job_id)
            thread.join(POLL_SECONDS) if thread and thread.is_alive() else time.sleep(POLL_SECONDS)
        return job
