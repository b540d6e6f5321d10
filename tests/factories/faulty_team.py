"""Machines of one team in this process, and what becomes of a job whose worker is killed, frozen or late."""

import copy
import threading
import time
from collections.abc import Callable
from datetime import datetime, tzinfo
from typing import Any

import pytest

from core import record
from core.context import AppContext
from core.jobs.execution.queued_work import do_attempt
from core.library import Library
from core.library.job_store import Job
from core.object_store import Manifests, ObjectStore
from core.object_store.entry_cache import EntryCache
from core.object_store.entry_index import EntryIndex
from core.object_store.store_rows import StoreRows
from core.queue import Attempt, DatabaseJobStore, recover_abandoned, take_attempt
from core.worker import Worker
from tests.factories.library_entries import make_imported_artifact
from tests.factories.queue_team import Team
from tests.factories.small_kinds import SMALL_KINDS
from tests.postgresql_server import execute

# The connection of a worker that commits, when it has locked its job or looked whether it still has the lock.
IDLE = "state = 'idle in transaction' AND datname = current_database() AND query ~ '^SELECT (1$|jobs_1.*FOR UPDATE)'"
STEPS = (  # of a job that stores something, in a worker
    (ObjectStore, "put_if_absent"),
    (EntryIndex, "announce"),
    (EntryIndex, "withdraw"),
    (StoreRows, "settle"),
    (EntryCache, "adopt"),
    (Attempt, "end"),
)


class Killed(BaseException):
    """This worker is gone from here on: no cleaning up of ours sees it."""


class KilledAt:
    """As if the process were killed at the `number`-th step of its work (0: never); it does nothing more then."""

    def __init__(self, number: int):
        self.number, self.count = number, 0
        self._lock = threading.Lock()
        self._patch = pytest.MonkeyPatch()

    def __enter__(self) -> "KilledAt":
        for owner, name in STEPS:
            self._patch.setattr(owner, name, self._watch(getattr(owner, name)))
        return self

    def __exit__(self, kind: type | None, *_: object) -> bool:
        self._patch.undo()
        return kind is Killed

    def _watch(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **more: Any) -> Any:
            with self._lock:
                self.count += 1
                is_dead = 0 < self.number <= self.count
            if is_dead:
                raise Killed
            return real(*arguments, **more)

        return step


def shift_clock(patch: pytest.MonkeyPatch, seconds: float) -> None:
    """Have this process believe that it is so many seconds later."""
    real = time.time

    class ShiftedDatetime(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "ShiftedDatetime":
            return cls.fromtimestamp(real() + seconds, tz)

    patch.setattr(time, "time", lambda: real() + seconds)
    patch.setattr(record, "datetime", ShiftedDatetime)


class FaultyTeam:
    """Machines by name, which do jobs here and now, by whichever way a job may go."""

    def __init__(self, team: Team, *names: str):
        self.team = team
        self.machines = {name: self._open(name) for name in names}
        self.server = team.make_server(names[0])

    def _open(self, name: str) -> AppContext:
        config = self.team.config(name)
        return AppContext(None, Worker(config), config)

    def reopen(self, name: str) -> None:
        self.machines[name] = self._open(name)

    def library(self, name: str) -> Library:
        return self.machines[name].library

    def submit(self, content: str) -> Job:
        return self.server._start("model", "A model", {"content": content})

    def store(self, name: str) -> DatabaseJobStore:
        store = self.machines[name].job_store
        assert isinstance(store, DatabaseJobStore)
        return store

    def take(self, name: str, job: Job) -> Attempt | None:
        return take_attempt(self.store(name), job.id, f"gone-{name}")

    def do(self, name: str, attempt: Attempt) -> None:
        with attempt:
            do_attempt(copy.copy(self.machines[name]), SMALL_KINDS, attempt, self.store(name).files)

    def recover(self) -> list[str]:
        database = self.store(next(iter(self.machines))).database
        return recover_abandoned(database, "a worker of the test", [], 0).queued

    # What may become of a job. Each way ends with the job done.

    def do_whole(self, first: str, second: str, job: Job, step: int = 0) -> None:
        attempt = self.take(first, job)
        assert attempt
        assert self.take(second, job) is None  # delivered twice
        self.do(first, attempt)

    def do_killed(self, first: str, second: str, job: Job, step: int = 1) -> None:
        """The first worker is killed at a step, and the second one takes the job up."""
        attempt = self.take(first, job)
        assert attempt
        with KilledAt(step):
            self.do(first, attempt)
        self.reopen(first)
        if self.recover():
            attempt = self.take(second, job)
            assert attempt
            self.do(second, attempt)

    def do_late(self, first: str, second: str, job: Job, step: int = 0) -> None:
        """The first worker freezes before it begins, and does all of it after the second one has."""
        late = self.take(first, job)
        assert late
        self._take_over(second, job)
        self.do(first, late)

    def do_frozen(self, first: str, second: str, job: Job, step: int = 1) -> None:
        """The first worker freezes while it commits, for so long that the database gives its lock up, and goes on when
        the second one is done."""
        attempt = self.take(first, job)
        assert attempt
        self.do_freezing(first, attempt, step, lambda: self._take_over(second, job))

    def do_freezing(self, name: str, attempt: Attempt, step: int, meanwhile: Callable[[], None]) -> None:
        """A worker does an attempt, and stands still at one of three puts of a manifest, between its last look at the
        lock and the put, while the database gives the lock up and something happens."""
        real, frozen = Manifests.put, []

        def put(manifests: Manifests, *arguments: Any) -> Any:
            frozen.append(len(frozen))
            if len(frozen) == 1 + step % 3:
                self.cut_idle_connections()
                meanwhile()
            return real(manifests, *arguments)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Manifests, "put", put)
            self.do(name, attempt)

    def cut_idle_connections(self) -> None:
        """As the database does to a worker that holds a lock and does nothing."""
        execute(self.team.database_url, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {IDLE}")

    def _take_over(self, second: str, job: Job) -> None:
        assert self.recover() == [job.id]
        attempt = self.take(second, job)
        assert attempt
        self.do(second, attempt)

    def crash_while_saving(self, name: str, step: int) -> None:
        """A process without any job, which is killed while it stores a model."""
        with KilledAt(step):
            make_imported_artifact(self.library(name))
        self.reopen(name)

    def ways(self) -> dict[str, Callable[..., None]]:
        return {"whole": self.do_whole, "killed": self.do_killed, "late": self.do_late, "frozen": self.do_frozen}
