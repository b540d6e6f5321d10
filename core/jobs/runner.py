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

from core.context import AppContext
from core.errors import Cancelled, LibraryError, RoundtripError, WorkerError, cleanup_on_error, is_passing
from core.explain import translate
from core.library import Library
from core.library.job_store import Job, Journal
from core.library.records import new_id
from core.record import now
from core.settings import Settings
from core.worker import Worker


class Slots:
    """Room for `most` jobs side by side, or for one alone. Safe to use from several threads."""

    def __init__(self, most: int):
        self._most = most
        self._inside = 0
        self._alone = False
        self._changed = threading.Condition()

    def enter(self, alone: bool, timeout: float) -> bool:
        """Take room, waiting for up to `timeout` seconds; whether there was any. One alone waits until all have left,
        and keeps nobody out before that."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._has_room(alone), timeout):
                return False
            self._inside += 1
            self._alone = alone
            return True

    def _has_room(self, alone: bool) -> bool:
        return self._inside == 0 if alone else self._inside < self._most and not self._alone

    def leave(self) -> None:
        """Give the room back."""
        with self._changed:
            self._inside -= 1
            self._alone = False
            self._changed.notify_all()


class Holder(Protocol):
    """Somebody who keeps children loaded, one for each of `ids`."""

    ids: list[str]

    def close(self) -> None: ...


class Room:
    """Room for `most` children that stay loaded, whoever holds them; a single holder may have more."""

    def __init__(self, most: int):
        self._most = most
        self._lock = threading.Lock()
        self._inside: dict[int, Holder] = {}  # by identity, the one asked longest ago first

    def enter(self, holder: Holder) -> None:
        """Note that it is asked now, and close as many others as must make room. The caller holds no lock: closing one
        waits until it has answered."""
        with self._lock:
            self._inside.pop(id(holder), None)
            leaving = []
            while self._inside and self._children + len(holder.ids) > self._most:
                leaving.append(self._inside.pop(next(iter(self._inside))))
            self._inside[id(holder)] = holder
        for one in leaving:
            one.close()

    @property
    def _children(self) -> int:
        return sum(len(one.ids) for one in self._inside.values())

    def leave(self, holder: Holder) -> None:
        """Note that it holds nothing any more."""
        with self._lock:
            self._inside.pop(id(holder), None)


WRITE_EVERY = 0.1  # seconds between two records of a job's progress
LOOK_EVERY = 0.1  # seconds between two looks at whether a person asked to cancel


class JobHandle:
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


class Runner(AppContext):
    """Starts work over one library and one worker in the background, and finds it again."""

    def __init__(self, library: Library | None = None, worker: Worker | None = None, config: Settings | None = None):
        super().__init__(library, worker, config)
        self.room = Room(self.config.held_children)
        self._looked: dict[str, tuple[str, str]] = {}
        self._threads: weakref.WeakValueDictionary[str, threading.Thread] = weakref.WeakValueDictionary()
        self._slots = Slots(max(2, self.config.parallel))

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
        with cleanup_on_error(unbegun):
            job = self.journal.begin(Job(id=id_ or new_id("j"), kind=kind, title=title, request=request, owner=whose))
            handle = JobHandle(self.journal, job.model_copy(deep=True))
            thread = threading.Thread(target=self._run, args=(handle, work, alone, unbegun), daemon=True)
            self._threads[job.id] = thread
            thread.start()
        return job

    def _run(self, handle: JobHandle, work: Callable, alone: bool, unbegun: Callable[[], object]) -> None:
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

    def _await_slot(self, handle: JobHandle, alone: bool) -> None:
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
