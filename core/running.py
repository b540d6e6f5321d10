"""How work runs: a thread a job, its progress and end on record, cancelled on request, done once where it is known."""

import contextlib
import copy
import hashlib
import json
import threading
import time
import weakref
from collections.abc import Callable, Iterable
from typing import Any, Self

from core.errors import Cancelled, LibraryError, RoundtripError, WorkerError, is_passing
from core.explain import translate
from core.inputs import Inputs
from core.library import Library
from core.library.access import Viewer
from core.library.entries import new_id
from core.library.journal import Job, Journal
from core.record import now
from core.settings import Settings, settings
from core.undoing import if_stopped
from core.work.room import Room
from core.work.slots import Slots
from core.worker import Worker

WRITE_EVERY = 0.1  # seconds between two records of a job's progress
LOOK_EVERY = 0.1  # seconds between two looks at whether a person asked to cancel


class Handle:
    """A running job as its own work sees it: say how far it is, and ask whether to stop."""

    def __init__(self, journal: Journal, job: Job):
        self.job = job
        self._journal = journal
        self._lock = threading.Lock()
        self._written = 0.0
        self._looked = 0.0
        self._cancelled = False

    def tell(
        self, progress: float | None = None, note: str | None = None, at_once: bool = False, **detail: Any
    ) -> None:
        """Record how far the work is; of small steps in quick succession only some are, unless `at_once`."""
        with self._lock:
            self.job.progress = self.job.progress if progress is None else progress
            self.job.note = self.job.note if note is None else note
            self.job.detail |= detail
            if at_once or time.monotonic() - self._written >= WRITE_EVERY:
                with contextlib.suppress(OSError):  # news that finds no room must not end the work itself
                    self._journal.write(self.job)
                self._written = time.monotonic()

    def cancelled(self) -> bool:
        if not self._cancelled and time.monotonic() - self._looked >= LOOK_EVERY:
            self._looked = time.monotonic()
            self._cancelled = self._journal.asked_to_cancel(self.job.id)
        return self._cancelled

    def finish(self, **end: Any) -> None:
        with self._lock:
            self.job = self.job.model_copy(update={"finished": now(), **end})
            self._journal.end(self.job)


def is_settled(job: Job) -> bool:
    """Whether to do a job again would give the same: it is done, and no copy in it was stopped by a passing fault."""
    result = job.result or {}
    copies = [*result.get("outcomes", {}).values(), *result.get("copies", {}).values()]
    return job.state == "done" and not any(is_passing(one.get("error")) for one in copies)


class Runner:
    """Starts work over one library and one worker in the background, and finds it again."""

    def __init__(self, library: Library | None = None, worker: Worker | None = None, config: Settings | None = None):
        self.config = config or settings()
        self.library = library or Library(self.config.home)
        self.worker = worker or Worker(self.config)
        self.journal = Journal(self.library.home / "jobs", self.config.keep_jobs)
        self.inputs = Inputs(self.library.home, self.config)
        self.room = Room(self.config.held_children)
        self._looked: dict[str, tuple[str, str]] = {}
        self._threads: weakref.WeakValueDictionary[str, threading.Thread] = weakref.WeakValueDictionary()
        self._slots = Slots(max(2, self.config.parallel))

    def seen_by(self, viewer: Viewer) -> Self:
        """The same for one person: what is not theirs or shared is not there, and what they start and make is theirs.

        They share the worker, its turns and its room with everybody else.
        """
        seen = copy.copy(self)
        seen.library = self.library.seen_by(viewer)
        seen.journal = self.journal.seen_by(seen.library.access)
        seen.inputs = self.inputs.seen_by(seen.library.access)
        return seen

    def _once(self, kind: str, title: str, request: dict[str, Any], ids: list[str], work: Callable, again: bool) -> Job:
        """The job of that request on the same files, if it is known, else a new one."""
        id_ = self._settle(kind, request, ids)
        return self._known(id_, again) or self._start(kind, title, request, work, id_)

    def _settle(self, kind: str, request: dict[str, Any], ids: Iterable[str]) -> str:
        """The id of a request's job, after what is wrong with its files has become part of the request: a job is known
        again only while that is the same."""
        used = [*ids, *(source for source in request["sources"].values() if source not in ("none", "demo"))]
        request["damage"] = {one: damage for one in used if (damage := self._damage(one))}
        me = self.library.access.me
        text = json.dumps([kind, request, *([me] if me else [])], sort_keys=True)  # nobody takes over another's job
        return "j" + hashlib.sha256(text.encode()).hexdigest()[:10]

    def _damage(self, artifact: str) -> str:
        """What is wrong with its files; looked at again only after one of them was touched. Whoever loads them looks at
        every byte again."""
        stamp = self.library.stamp(artifact)
        if self._looked.get(artifact, ("",))[0] != stamp:
            self._looked[artifact] = stamp, self._damage_now(artifact)
        return self._looked[artifact][1]

    def _damage_now(self, artifact: str) -> str:
        try:
            self.library.verify(artifact)
        except LibraryError as error:
            return str(error)
        return ""

    def _known(self, id_: str, again: bool) -> Job | None:
        """The job of that id, if it is under way or settled; however it ended, where it is not to be done again."""
        try:
            job = self.journal.read(id_)
        except RoundtripError:
            return None
        if job.state == "done" and not self._is_whole(job):
            return None
        return job if job.active or is_settled(job) or not again else None

    def _is_whole(self, job: Job) -> bool:
        """Whether a finished job still has everything that it left behind."""
        return True

    def _start(
        self,
        kind: str,
        title: str,
        request: dict[str, Any],
        work: Callable,
        id_: str = "",
        alone: bool = False,
        unbegun: Callable[[], object] = lambda: None,
    ) -> Job:
        """Begin some work, or put it in line; where it never begins, `unbegun` is called. Raises StorageFailed."""
        whose = self.library.access.me
        with if_stopped(unbegun):
            job = self.journal.begin(Job(id=id_ or new_id("j"), kind=kind, title=title, request=request, owner=whose))
            handle = Handle(self.journal, job.model_copy(deep=True))
            thread = threading.Thread(target=self._run, args=(handle, work, alone, unbegun), daemon=True)
            self._threads[job.id] = thread
            thread.start()
        return job

    def _run(self, handle: Handle, work: Callable, alone: bool, unbegun: Callable[[], object]) -> None:
        try:
            self._await_slot(handle, alone)
        except Cancelled as error:
            unbegun()
            return handle.finish(state="cancelled", error=error.to_json())
        try:
            handle.job.state, handle.job.started = "running", now()
            handle.tell(note="Starting")
            handle.finish(state="done", progress=1.0, note="Done", result=work(self, handle))
        except Cancelled as error:
            handle.finish(state="cancelled", note="Cancelled", error=error.to_json())
        except Exception as error:  # noqa: BLE001  a job's end must be on record whatever ended it
            handle.finish(state="failed", note="Failed", error=translate(error, WorkerError).to_json())
        finally:
            self._slots.leave()
        return None

    def _await_slot(self, handle: Handle, alone: bool) -> None:
        while not self._slots.enter(alone, LOOK_EVERY):
            if handle.cancelled():
                raise Cancelled("It was cancelled before it began.", cure="Start it again when you like.")

    def cancel(self, job_id: str) -> None:
        """Ask a job to stop, from any process; it ends within a second, and keeps nothing."""
        self.journal.read(job_id)
        self.journal.ask_to_cancel(job_id)

    def wait(self, job_id: str, heard: Callable[[Job], None] = lambda job: None) -> Job:
        """The job at its end; `heard` is called with each state that is seen on the way."""
        while (job := self.journal.read(job_id)).active:
            heard(job)
            thread = self._threads.get(job_id)
            thread.join(LOOK_EVERY) if thread and thread.is_alive() else time.sleep(LOOK_EVERY)
        return job
