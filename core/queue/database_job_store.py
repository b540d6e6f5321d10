"""`DatabaseJobStore`: the records of jobs in PostgreSQL, for all machines; what jobs make, in a folder of this one."""

import contextlib
import json
import math
import os
import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from sqlalchemy.engine import Connection, Row

from core.errors import RoundtripError, StorageFailed, UnreadableRecord
from core.library.ids import unknown_id_error, validate_id
from core.library.job_store import ACTIVE_STATES, Job, JobStore
from core.library.storage import translate_disk_errors
from core.object_store import open_object_store
from core.queue import job_rows, unlisted_entries
from core.queue.database import QueueDatabase
from core.queue.job_files import ENTERING, GivenRecord, JobFiles, delete_copy, evict_copies, touch_copy
from core.queue.kept_jobs import KeptJobs
from core.record import INVALID_JSON_ERRORS, broken_record_error, now
from core.settings import GB, Settings

COPIES_SHARE = 0.1  # of what this machine may cache: how much of it jobs' files may take, beside the entries
AWAY_SECONDS = 600.0  # for which the end of a job waits for a database that is away
RETRY_SECONDS = 1.0  # between two attempts
FactsOf = Callable[[Connection, list[Job]], list[dict[str, Any]]]


def open_database_job_store(folder: Path, config: Settings) -> "DatabaseJobStore":
    """Open the records of a team's jobs. Raises InputError, StorageFailed."""
    store = open_object_store(config.store_url)
    database, seconds = QueueDatabase(config.database_url), config.worker_lost_seconds
    job_store = DatabaseJobStore(folder, config.keep_jobs, database, JobFiles(store), seconds)
    job_store.max_copies_bytes = COPIES_SHARE * config.cache_gb * GB
    return job_store


class DatabaseJobStore(JobStore):
    """The same methods as `JobStore`. A job that has ended has its files in the object store, from where `folder`
    fetches them.

    Each method also raises StorageFailed where the database does not answer.
    """

    max_copies_bytes = math.inf  # that lie here of jobs whose files are in the store
    look_seconds = 0.1  # each look is a query

    def __init__(
        self, folder: Path, max_finished: int, database: QueueDatabase, files: JobFiles, lost_seconds: int = 30
    ):
        super().__init__(folder, max_finished)
        self.database = database
        self._kept, self._lost_seconds = KeptJobs(database, lost_seconds), lost_seconds
        self.files = files
        with translate_disk_errors():
            folder.mkdir(parents=True, exist_ok=True)

    def create(self, job: Job, given: GivenRecord | None = None) -> Job:
        """Write a new job that this process does, in place of any of the same id that has ended, and delete the oldest
        ended ones. What it is `given` stands beside it until it has ended.

        Where one of the same id is active, another process was faster, and that one is returned.
        """
        files = (given or GivenRecord()).model_dump_json()
        (stored,) = self.insert([job], lambda _, jobs: [{"files": files} for _ in jobs])
        if stored is job and job.is_active:
            self._kept.add(job)
        return stored

    def insert(self, jobs: list[Job], facts_of: FactsOf) -> list[Job]:
        """As `create` for several, in one transaction, in which `facts_of` gives further columns of those that are
        inserted."""
        stored, removed = self.database.run(self._insert, jobs, facts_of)
        self._forget(removed)
        new = {job.id for job in stored}
        for id_ in new.intersection(os.listdir(self._folder)):
            shutil.rmtree(self._folder / id_, ignore_errors=True)
        return [job if job.id in new else self.read(job.id) for job in jobs]

    def _insert(
        self, connection: Connection, jobs: list[Job], facts_of: FactsOf
    ) -> tuple[list[Job], list[job_rows.Removed]]:
        """Returns the jobs that were not active already, and those that made room for them."""
        active = job_rows.lock_ids(connection, [job.id for job in jobs], self._lost_seconds)
        new = [job for job in jobs if job.id not in active]
        if not new:
            return [], []
        rows = zip(map(_make_row, new), facts_of(connection, new), strict=True)
        replaced = job_rows.insert_jobs(connection, [row | facts for row, facts in rows])
        return new, replaced + job_rows.delete_oldest(connection, self._max_finished)

    def _forget(self, removed: list[job_rows.Removed]) -> None:
        """Delete what jobs that are gone have made; other machines have copies until their cache is full."""
        for job in removed:
            shutil.rmtree(self._folder / job.id, ignore_errors=True)
        self.forget_entries(job.entry for job in removed if job.entry)

    def forget_entries(self, entries: Iterable[str]) -> None:
        """Delete entries that no job lists, as far as store and database answer; `delete_unlisted` does the rest."""
        with contextlib.suppress(StorageFailed):
            if gone := [entry for entry in entries if self.files.forget(entry)]:
                self.database.run(unlisted_entries.remove, gone)

    def delete_unlisted(self) -> None:
        """Delete from the store what was made by jobs that are gone, or whose end nobody has recorded for a day: who
        made it was killed, or another did the job. Raises StorageFailed."""
        self.forget_entries(self.database.run(unlisted_entries.withdraw_old, ENTERING.total_seconds()))

    def write(self, job: Job) -> None:
        """Store how far a job is that this process does; nothing where it has ended. Raises OSError."""
        values = {"state": job.state, "record": job_rows.record_text(job)}
        if job.result:
            values["result"] = job.model_dump_json(include={"result"})
        try:
            self.database.run(job_rows.write_kept, job, values)
        except StorageFailed as error:
            raise OSError(str(error)) from error

    def write_final(self, job: Job) -> None:
        self.finish(job)

    def finish(self, job: Job) -> None:
        """Store how a job ended that this process did, whenever the database is there; nothing where it had ended."""
        entry: str | None = None
        deadline = time.monotonic() + AWAY_SECONDS
        while True:
            try:
                entry = entry or self.put_files(job, self._folder / job.id, self.note_entry)
                self._end_kept(job, entry)
                return
            except StorageFailed:
                if time.monotonic() > deadline:
                    raise
            time.sleep(RETRY_SECONDS)

    def _end_kept(self, job: Job, entry: str | None) -> None:
        """The files of a job that others have ended, as this process was silent for long, are nobody's."""
        is_ended = self.database.run(job_rows.end, job, None, entry)
        if not is_ended and entry and not self.database.run(job_rows.has_ended_so, job, None, entry):
            self.forget_entries([entry])
        self._kept.discard(job)

    def read(self, id_: str) -> Job:
        row = self._read_row(id_)
        job = self._parse(row)
        if row.result is None:
            return job
        try:
            return job.model_copy(update={"result": dict(json.loads(row.result)["result"])})
        except INVALID_JSON_ERRORS as error:
            raise broken_record_error(Path(f"job {id_}"), error) from error

    def read_given(self, id_: str) -> GivenRecord:
        """What a job is given that has not ended; nothing of one that has. Raises UnknownName, UnreadableRecord."""
        return GivenRecord.parse(self._read_row(id_).files, id_)

    def _read_row(self, id_: str) -> Row[Any]:
        row = self.database.run(job_rows.read_row, validate_id(id_, "j"))
        if row is None or not self._can_see(row):
            raise unknown_id_error(id_)
        return row

    def _can_see(self, row: Row[Any]) -> bool:
        if self._access.viewer_id is None:
            return True
        try:
            job = job_rows.parse_job(row)
        except UnreadableRecord:
            return False
        return self._access.can_see_derived(job.owner, job.request)

    def list_jobs(self, kind: str = "") -> list[Job]:
        rows = self.database.run(job_rows.list_rows, kind)
        jobs = [self._parse_or_none(row) for row in rows]
        return [job for job in jobs if job and self._access.can_see_derived(job.owner, job.request)]

    def _parse_or_none(self, row: Row[Any]) -> Job | None:
        try:
            return self._parse(row)
        except UnreadableRecord:
            return None

    def _parse(self, row: Row[Any]) -> Job:
        """A row's job; one that its process did beside the queue is interrupted where that says nothing any more."""
        job = job_rows.parse_job(row)
        if job.is_active and not row.queue and row.silent_seconds > self._lost_seconds:
            return job.model_copy(update={"state": "interrupted", "finished": now()})
        return job

    def orphans(self) -> list[Job]:
        """None: the workers give the jobs of one that is gone to another."""
        return []

    def unreadable_jobs(self) -> list[tuple[Path, RoundtripError]]:
        unreadable: list[tuple[Path, RoundtripError]] = []
        for row in self.database.run(job_rows.list_rows, "") if self._access.viewer_id is None else ():
            try:
                job_rows.parse_job(row)
            except UnreadableRecord as error:
                unreadable.append((self._folder / row.id, error))
        return unreadable

    def unstarted_folders(self) -> list[Path]:
        """None: a folder here belongs to a record in the database, or is a copy."""
        return []

    def request_cancel(self, id_: str) -> None:
        """Have a job stopped by the worker that does it; one that waits ends at once. Raises UnknownName."""
        if self.database.run(self._cancel, validate_id(id_, "j")):
            self.files.delete_given(id_)

    def _cancel(self, connection: Connection, id_: str) -> bool:
        """Whether the job ended by this. Raises UnknownName, by which nothing of it was done."""
        row = job_rows.request_cancel(connection, id_)
        found = row if row is not None else job_rows.read_row(connection, id_)
        if found is None or not self._can_see(found):
            raise unknown_id_error(id_)
        if row is None or row.state != "queued":
            return False
        job_rows.end(connection, job_rows.cancelled_before(job_rows.parse_job(row)), None)
        return True

    def is_cancel_requested(self, id_: str) -> bool:
        """Whether a person asked to stop a job, or this process was silent for so long that it is its own no more; as
        far as is known, where the database is away: no job ends by that."""
        if self._kept.is_lost(id_):
            return True
        with contextlib.suppress(StorageFailed):
            return self.database.run(job_rows.read_cancel_request, validate_id(id_, "j"))
        return False

    def folder(self, id_: str) -> Path:
        """Where the files of a job lie on this machine, fetched where they were made on another. Raises UnknownName."""
        row = self._read_row(id_)
        folder: Path = self._folder / row.id
        folder.mkdir(exist_ok=True)
        if row.entry:
            if self.files.fetch(row.entry, folder):
                evict_copies(self._folder, self.max_copies_bytes)
            touch_copy(folder)
        elif row.id not in self._kept:
            self.files.clear_fetched(folder)
        return folder

    def evict(self, id_: str, name: str) -> None:
        """All of what lies here of a job that has ended: it is a copy, and is fetched again when somebody looks."""
        delete_copy(self.local_folder(id_))

    def attempt_path(self, id_: str, attempt: int) -> Path:
        """Where the folder of one attempt lies."""
        folder: Path = self._folder / f"{validate_id(id_, 'j')}.{attempt}"
        return folder

    def make_attempt_folder(self, folder: Path) -> None:
        """Make the folder of one attempt, empty. Raises StorageFailed."""
        with translate_disk_errors():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)

    def delete_old_attempts(self) -> None:
        """Delete the folders of attempts whose worker on this machine is gone, and that are their jobs' no more."""
        names = [name for name in os.listdir(self._folder) if "." in name]
        running = self.database.run(job_rows.list_running) if names else set()
        for name in names:
            id_, _, number = name.partition(".")
            if number.isdecimal() and (id_, int(number)) not in running:
                shutil.rmtree(self._folder / name, ignore_errors=True)

    def delete_old_given(self) -> None:
        """Delete from the store what jobs were given that have ended, or that were never entered. Raises
        StorageFailed.

        One beside the queue whose process has said nothing for a day is ended for that: not sooner, since a process
        from which the database was away goes on with what it was given.
        """
        if ids := self.files.list_given():
            self.database.run(job_rows.interrupt_silent, list(ids), ENTERING.total_seconds())
            states = self.database.run(job_rows.list_states, list(ids))
            for id_ in ids:
                if states.get(id_) not in ACTIVE_STATES and (id_ in states or self.files.is_given_old(id_)):
                    self.files.delete_given(id_)

    def note_entry(self, entry: str) -> None:
        """Note an entry that is about to be put, before any job lists it. Raises StorageFailed."""
        self.database.run(unlisted_entries.note, entry)

    def put_files(self, job: Job, folder: Path, note: Callable[[str], object]) -> str | None:
        """Store the files of a job that ended; returns the entry that they are now, which `note` was told of before,
        None where there are none."""
        records = {"job.json": job_rows.record_text(job), "result.json": job.model_dump_json(include={"result"})}
        return self.files.put_made(folder, records, note)

    def adopt_folder(self, id_: str, folder: Path) -> None:
        """Have the folder of an attempt be that of its job, so that this machine need not fetch it."""
        with contextlib.suppress(OSError):
            shutil.rmtree(self._folder / id_, ignore_errors=True)
            folder.rename(self._folder / id_)
            evict_copies(self._folder, self.max_copies_bytes)

    def delete(self, id_: str) -> None:
        self._read_row(id_)
        self._forget(self.database.run(job_rows.delete_job, id_))
        self.files.delete_given(id_)

    def count_waiting(self) -> list[tuple[str, int, float]]:
        """Return for each queue how many jobs wait, and for how many seconds the first of them has."""
        return self.database.run(job_rows.count_waiting)


def _make_row(job: Job) -> dict[str, Any]:
    row = {name: getattr(job, name) for name in ("id", "kind", "state", "created")}
    result = job.model_dump_json(include={"result"}) if job.result else None
    return {**row, "record": job_rows.record_text(job), "result": result}
