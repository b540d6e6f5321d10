"""`Attempt`: what one worker does for a job. Nothing that it writes counts any more once the job has another."""

import contextlib
import copy
import logging
import math
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Self

from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from core.errors import Cancelled, RoundtripError, StorageFailed, cleanup_on_error
from core.library.catalog.schema import idle_limit
from core.library.job_store import ACTIVE_STATES, Job
from core.library.shared_entries import Hold
from core.queue import job_rows
from core.queue.database import QueueDatabase
from core.queue.database_job_store import AWAY_SECONDS, RETRY_SECONDS, DatabaseJobStore
from core.queue.job_files import GivenRecord
from core.queue.job_rows import Claim
from core.queue.recovery import give_back

FENCE_SECONDS = 60  # after which a database gives up the lock of a worker that does nothing with it
WRITE_SECONDS = 0.2  # between two records of a job's progress
LOOK_SECONDS = 0.5  # between two looks whether the job was cancelled, or taken over


class AttemptHold(Hold):
    """See `Hold`. It is lost where the database gave the lock of this process up, which stood still.

    Args:
        connection: in whose transaction the row of the job is locked.
    """

    def __init__(self, database: QueueDatabase, connection: Connection, job: Job):
        self._database, self._connection, self._job = database, connection, job
        self._put: dict[str, Callable[[], object]] = {}

    def require(self) -> None:
        """Raises StorageFailed."""
        try:
            self._connection.execute(text("SELECT 1"))
        except SQLAlchemyError as error:
            raise self._database.translate(error) from error

    def add(self, id_: str, withdraw: Callable[[], object]) -> None:
        self._put[id_] = withdraw

    def end(self) -> None:
        """Give the lock back. Raises StorageFailed where it was lost."""
        try:
            self._connection.commit()
        except SQLAlchemyError as error:
            raise self._database.translate(error) from error

    def withdraw_unneeded(self) -> None:
        """Withdraw what was put for a job that has ended without it; as far as database, store and disk allow.

        A job that is still done may count on it: who does it finds it there.
        """
        if self._put:
            with contextlib.suppress(RoundtripError, OSError):
                self._database.run(self._withdraw)

    def _withdraw(self, connection: Connection) -> None:
        """A job that was cancelled, or failed, has no result, and lists what was done until then in its record."""
        connection.exec_driver_sql(idle_limit(FENCE_SECONDS))
        row = job_rows.lock_job(connection, self._job)
        if row is None or row.state not in ACTIVE_STATES:
            listed = "" if row is None else row.record + (row.result or "")
            for id_, withdraw in self._put.items():
                if id_ not in listed:
                    connection.execute(text("SELECT 1"))  # this process works, and still has the lock
                    withdraw()


log = logging.getLogger("roundtrip")


class Attempt:
    """One attempt at a job, from its claim to its end. A thread of its own keeps in touch with the database, so that
    the job itself never waits for it."""

    def __init__(self, store: DatabaseJobStore, claim: Claim, should_abort: Callable[[], bool] = lambda: False):
        self.job, self.number, self.files = claim.job, claim.attempt, claim.files
        self.queue, self.waited = claim.queue, claim.waited
        self._store, self._database, self._should_abort = store, store.database, should_abort
        self.folder = store.attempt_path(claim.job.id, claim.attempt)
        self._newest: Job | None = None  # that was not written yet
        self._is_cancelled = self.is_over = False
        self._wake, self._is_ending = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._keep_in_touch, daemon=True, name=f"attempt-{self.job.id}")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_ending.set()
        self._wake.set()
        self._thread.join()

    def make_folder(self) -> None:
        """Make the folder of what the job makes, empty. Raises StorageFailed."""
        self._store.make_attempt_folder(self.folder)

    def parse_given(self) -> GivenRecord:
        """What the job is given. Raises UnreadableRecord."""
        return GivenRecord.parse(self.files, self.job.id)

    def job_store(self) -> "AttemptJobStore":
        """Return the records of jobs, where that of this one is written as part of the attempt."""
        return AttemptJobStore(self._store, self)

    def should_stop(self) -> bool:
        """Whether a person cancelled the job, or the attempt is the job's no more. Asks nothing of the database."""
        return self._is_cancelled or self.is_over or self._should_abort()

    def write(self, job: Job) -> None:
        """Have the newest state written soon. Raises Cancelled where the attempt is over."""
        if self.is_over:
            raise taken_over_error()
        self._newest = job.model_copy(deep=True)
        self._wake.set()

    def _keep_in_touch(self) -> None:
        while not self._is_ending.is_set():
            self._wake.wait(LOOK_SECONDS)
            self._wake.clear()
            job, self._newest = self._newest, None
            try:
                self._touch(job)
            except StorageFailed:  # the next look may find it again
                self._newest = self._newest or job
            self._is_ending.wait(WRITE_SECONDS)

    def _touch(self, job: Job | None) -> None:
        if job is None:
            asked = self._database.run(job_rows.read_request, self.job, self.number)
        else:
            asked = self._database.run(job_rows.write_progress, job, self.number)
        self.is_over = self.is_over or asked is None
        self._is_cancelled = self._is_cancelled or bool(asked)

    def end(self, job: Job) -> None:
        """Record how the job ended, whenever the database is there; nothing where the attempt is over."""
        self.__exit__()
        job, entry = self._put_made(job)
        while not self.is_over:
            try:
                self.is_over = not self._record_end(job, entry)
                break
            except StorageFailed as error:
                log.warning("The end of job %s could not be recorded, and will be: %s", job.id, error)
                time.sleep(RETRY_SECONDS)
        if self.is_over:
            log.warning("Job %s has another worker by now, and nothing that was done here counts", job.id)
            if entry:
                self._store.forget_entries([entry])
        elif entry:
            self._store.adopt_folder(job.id, self.folder)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.is_over = True

    def _record_end(self, job: Job, entry: str | None) -> bool:
        """Whether the job ended as this attempt says; it may have before, where the database's answer was lost."""
        if self._database.run(job_rows.end, job, self.number, entry):
            return True
        return self._database.run(job_rows.has_ended_so, job, self.number, entry)

    def _put_made(self, job: Job) -> tuple[Job, str | None]:
        """Store what the job has made; returns how it ended, and the entry. Where the store refuses for long, or the
        job is cancelled meanwhile, or what it made cannot be stored at all, a job that was done has failed."""
        deadline = time.monotonic() + AWAY_SECONDS
        while True:
            try:
                return job, self._store.put_files(job, self.folder, partial(self._note_entry, job))
            except RoundtripError as error:
                log.warning("What job %s made could not be stored: %s", job.id, error)
                if job.state != "done":
                    return job, None
                if not isinstance(error, StorageFailed) or self._is_given_up(job, error) or time.monotonic() > deadline:
                    failed = {"state": "failed", "note": "Failed", "result": {}, "error": error.to_json()}
                    return job.model_copy(update=failed), None
            time.sleep(RETRY_SECONDS)

    def _note_entry(self, job: Job, entry: str) -> None:
        """Note what the job has made, whenever the database is there.

        Raises Cancelled where the attempt is over, StorageFailed where the job was cancelled, or where the database
        answers otherwise and refuses the note for long.
        """
        refused_since = math.inf
        while not self.is_over:
            try:
                return self._store.note_entry(entry)
            except StorageFailed as error:
                log.warning("The result of job %s cannot be stored yet: %s", self.job.id, error)
                is_there = self._tell_waiting(job, error)
                refused_since = min(refused_since, time.monotonic()) if is_there else math.inf
                if self._is_cancelled or time.monotonic() - refused_since >= AWAY_SECONDS:
                    raise
            time.sleep(RETRY_SECONDS)
        raise taken_over_error()

    def _is_given_up(self, job: Job, error: StorageFailed) -> bool:
        """Tell a person what is waited for; whether the job was cancelled, or is another worker's."""
        self._tell_waiting(job, error)
        return self._is_cancelled or self.is_over

    def _tell_waiting(self, job: Job, error: StorageFailed) -> bool:
        """Record what a job that is done waits for, and look whether it was cancelled; False without a database."""
        waiting = job.model_copy(update={"state": "running", "note": f"Its result waits for the store. {error}"})
        try:
            self._touch(waiting)
        except StorageFailed:
            return False
        return True

    def give_back(self) -> None:
        """End the attempt without an end of the job, which another worker takes up; nothing where it is over."""
        self.is_over = True
        self._database.run(give_back, self.job, self.number)

    @contextlib.contextmanager
    def fence(self) -> Iterator[Hold]:
        """While this lasts, nobody can take the job over; it begins when the database is there.

        Where this process stood still for so long that it was taken over all the same, what was put is withdrawn as far
        as the job has ended without it. Raises Cancelled where somebody has taken it over, StorageFailed where the
        database stays away.
        """
        connection = self._lock_when_possible()
        hold = AttemptHold(self._database, connection, self.job)
        try:
            with _closing(connection):
                yield hold
                hold.end()
        except Exception:  # also of a full disk
            hold.withdraw_unneeded()
            raise

    def _lock_when_possible(self) -> Connection:
        deadline = time.monotonic() + AWAY_SECONDS
        while True:
            try:
                return self._lock()
            except StorageFailed:
                if self.should_stop() or time.monotonic() > deadline:
                    raise
            time.sleep(RETRY_SECONDS)

    def _lock(self) -> Connection:
        """A connection whose transaction holds the row of the job."""
        connection = self._database.connect()
        try:
            with cleanup_on_error(connection.close):
                connection.exec_driver_sql(idle_limit(FENCE_SECONDS))
                row = job_rows.lock_attempt(connection, self.job, self.number)
                if self.is_over or row is None:
                    self.is_over = True
                    raise taken_over_error()
        except SQLAlchemyError as error:
            raise self._database.translate(error) from error
        return connection


@contextlib.contextmanager
def _closing(connection: Connection) -> Iterator[None]:
    """Close a connection at the end; one that is gone hides no error of what was done meanwhile."""
    try:
        yield
    finally:
        with contextlib.suppress(SQLAlchemyError):
            connection.close()


class AttemptJobStore(DatabaseJobStore):
    """The records of jobs as the work of one attempt writes them."""

    look_seconds = 0.0  # the attempt's own thread looks

    def __init__(self, store: DatabaseJobStore, attempt: Attempt):
        self.__dict__.update(copy.copy(store).__dict__)
        self._attempt = attempt

    def write(self, job: Job) -> None:
        if job.id != self._attempt.job.id:
            return super().write(job)
        return self._attempt.write(job)

    def finish(self, job: Job) -> None:
        if job.id != self._attempt.job.id:
            return super().finish(job)
        return self._attempt.end(job)

    def folder(self, id_: str) -> Path:
        """That of the attempt: an earlier one may still be writing into its own."""
        return self._attempt.folder if id_ == self._attempt.job.id else super().folder(id_)

    def is_cancel_requested(self, id_: str) -> bool:
        return self._attempt.should_stop() if id_ == self._attempt.job.id else super().is_cancel_requested(id_)


def take_attempt(
    store: DatabaseJobStore, id_: str, worker: str, should_abort: Callable[[], bool] = lambda: False
) -> Attempt | None:
    """Take the next attempt at a job that waits; None where there is none to take. Raises StorageFailed."""
    database: QueueDatabase = store.database
    claim = database.run(job_rows.claim, id_, worker)
    return Attempt(store, claim, should_abort) if claim else None


def taken_over_error() -> RoundtripError:
    return Cancelled(
        "Another worker has taken this job up, because this one had not answered for a while.",
        cure="Nothing is to be done: the other one's result counts.",
    )
