"""Job records on disk, so that any page, tab or process can find every job again."""

import contextlib
import copy
import json
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
from pydantic import Field

from core.arrays import Arrays, StoredArrays
from core.caching import RecordCache
from core.errors import RoundtripError, StorageFailed, UnknownName, UnreadableRecord
from core.library.ids import ID_PATTERN, unknown_id_error, validate_id
from core.library.permissions import AccessControl
from core.library.staging import staging_folder
from core.library.storage import translate_disk_errors, write_text_atomically
from core.record import INVALID_JSON_ERRORS, Record, broken_record_error, now
from core.system import is_process_alive, process_start_time

RESULT_FILE = "result.json"
ACTIVE_STATES = ("queued", "running")
MAX_CACHED_JOB_BYTES = 2**21  # of the records that lists cache


class Job(Record):
    """One piece of work. `state` is queued, running, done, failed, cancelled, or interrupted (its process is gone).

    `request`, `detail` (what is shown while it runs) and `result` are JSON of its kind, described where that is run
    (`core.jobs`); `error` says why it failed; `owner` is the id of the person who started it, who alone sees it, and
    None where nobody had signed in; `is_bulk` says that it is one of many, which let what a person clicks go first.
    """

    id: str
    kind: str
    title: str
    state: str = "queued"
    request: dict[str, Any] = Field(default_factory=dict)
    progress: float = 0.0
    note: str = ""
    detail: dict[str, Any] = Field(default_factory=dict)
    result: dict[str, Any] = Field(default_factory=dict)
    error: dict[str, str] | None = None
    started: str | None = None
    finished: str | None = None
    owner: str | None = None
    is_bulk: bool = False
    pid: int = Field(default_factory=os.getpid)
    born: float = Field(default_factory=process_start_time)

    @property
    def is_active(self) -> bool:
        return self.state in ACTIVE_STATES

    @property
    def format_rows(self) -> dict[str, dict[str, Any]]:
        """The row of each format of a saving job, also of one that is under way or was stopped in the middle."""
        return self.result.get("rows") or self.detail.get("rows") or {}


class JobStore:
    """Job records in a folder: `<id>/job.json`, beside it the result (`result.json`), its arrays, and a marker file
    that requests a cancel. A result may be large; lists do not read it."""

    look_seconds = 0.0  # between two looks of a job at whether it is to stop: here they cost nothing

    def __init__(self, folder: Path, max_finished: int):
        self._folder = folder
        self._max_finished = max_finished
        self._access = AccessControl(folder.parent)
        # What the disk has not taken holds while this process lives: final records, and requests to cancel.
        self._unwritten: dict[str, Job] = {}
        self._cancel_requests: set[str] = set()
        self._cache = RecordCache(MAX_CACHED_JOB_BYTES, "jobs")

    def with_access(self, access: AccessControl) -> Self:
        """The same store as one person sees it: another's jobs are not there."""
        job_store = copy.copy(self)
        job_store._access = access
        return job_store

    def create(self, job: Job) -> Job:
        """Write a new job, in place of any earlier one of the same id, and delete the oldest finished ones.

        Raises StorageFailed.
        """
        folder = self._folder / job.id
        self._unwritten.pop(job.id, None)
        self._cancel_requests.discard(job.id)
        shutil.rmtree(folder, ignore_errors=True)
        with translate_disk_errors():
            folder.mkdir(parents=True)
            try:
                self.write(job)
            except OSError:
                shutil.rmtree(folder, ignore_errors=True)
                raise
        with contextlib.suppress(OSError, RoundtripError):  # what is not deleted now is the next time
            for old in [stored for stored in self.list_jobs() if not stored.is_active][self._max_finished :]:
                shutil.rmtree(self._folder / old.id, ignore_errors=True)
        return job

    def write(self, job: Job) -> None:
        """Store a job as it stands; a reader finds the last state or this one, whole. Raises OSError."""
        folder = self._folder / job.id
        if job.result:  # before the record that says that it is there
            write_text_atomically(folder / RESULT_FILE, job.model_dump_json(include={"result"}), is_flushed=False)
        record = job.model_copy(update={"result": {}})
        write_text_atomically(folder / "job.json", record.to_json_text(), is_flushed=False)

    def write_final(self, job: Job) -> None:
        """Store the end of a job: on a full disk without its details, in the space of its earlier record.

        Raises OSError.
        """
        try:
            self.write(job)
        except OSError:
            short = job.model_copy(update={"detail": {}})
            with (self._folder / job.id / "job.json").open("r+b") as file:  # not cut before: the space would be lost
                file.write(short.to_json_text().encode())
                file.truncate()

    def finish(self, job: Job) -> None:
        """As `write_final`; where the disk takes nothing at all, readers in this process learn the end all the same."""
        try:
            self.write_final(job)
            self._unwritten.pop(job.id, None)
        except OSError:
            self._unwritten[job.id] = job

    def read(self, id_: str) -> Job:
        """A job with its result. Raises UnknownName, UnreadableRecord."""
        job = self._read_record(id_)
        path = self._folder / id_ / RESULT_FILE
        if job.state != "done" or job.result or not path.exists():  # earlier versions stored it in the record itself
            return job
        try:
            result = dict(json.loads(path.read_text(encoding="utf-8"))["result"])
        except (OSError, *INVALID_JSON_ERRORS) as error:
            raise broken_record_error(path, error) from error
        return job.model_copy(update={"result": result})

    def _read_record(self, id_: str, read: Callable[[Path], Job] = Job.read) -> Job:
        if job := self._unwritten.get(validate_id(id_, "j")):
            self.finish(job)  # the disk may take it now
        else:
            job = self._read_stored(id_, read)
        if not self._access.can_see_derived(job.owner, job.request):
            raise unknown_id_error(id_)
        if job.is_active and not is_process_alive(job.pid, job.born):
            return job.model_copy(update={"state": "interrupted", "finished": now()})
        return job

    def _read_stored(self, id_: str, read: Callable[[Path], Job]) -> Job:
        path = self._folder / id_ / "job.json"
        with translate_disk_errors():
            if not path.is_file():
                raise unknown_id_error(id_)
        try:
            return read(path)
        except UnreadableRecord as error:
            if self._access.viewer_id is None:
                raise
            raise unknown_id_error(id_) from error

    @translate_disk_errors()
    def list_jobs(self, kind: str = "") -> list[Job]:
        """Readable jobs without their results, newest first. Raises StorageFailed."""
        return sorted(self._readable_jobs(kind), key=lambda job: job.created, reverse=True)

    def _readable_jobs(self, kind: str) -> Iterator[Job]:
        for folder in self._folder.iterdir():
            # A job record is news, not property: a broken one is passed over.
            with contextlib.suppress(UnreadableRecord, UnknownName):
                job = self._read_record(folder.name, partial(self._cache.get, Job.read))
                if not kind or job.kind == kind:
                    yield job.model_copy(update={"result": {}})

    def orphans(self) -> list[Job]:
        """Jobs whose record says that they are active and whose process is gone, as they should be written."""
        orphans = []
        for folder in sorted(self._folder.iterdir()):
            with contextlib.suppress(RoundtripError):
                job = self._read_record(folder.name)
                if job.state == "interrupted" and Job.read(folder / "job.json").is_active:
                    orphans.append(job)
        return orphans

    def unreadable_jobs(self) -> list[tuple[Path, RoundtripError]]:
        """What lies among the jobs and cannot be read as one, with why; a folder without a record is no job."""
        unreadable: list[tuple[Path, RoundtripError]] = []
        for folder in sorted({*self._folder.iterdir()} - {*self.unstarted_folders()}):
            try:
                self.read(folder.name)
            except RoundtripError as error:
                if self._access.viewer_id is None or not isinstance(error, UnknownName):
                    unreadable.append((folder, error))
        return unreadable

    def unstarted_folders(self) -> list[Path]:
        """Folders of jobs whose process ended before there was a record."""
        return sorted(
            folder
            for folder in self._folder.iterdir()
            if ID_PATTERN.fullmatch(folder.name) and folder.is_dir() and not (folder / "job.json").exists()
        )

    def count_waiting(self) -> list[tuple[str, int, float]]:
        """Return for each queue how many jobs wait, and for how many seconds the first has; here there are none."""
        return []

    def request_cancel(self, id_: str) -> None:
        """Have a job stopped. Raises UnknownName."""
        with contextlib.suppress(StorageFailed):  # a disk in trouble says nothing of whether there is such a job
            self._read_record(id_)
        marker = self.folder(id_) / "cancel"
        self._cancel_requests.add(id_)
        with contextlib.suppress(OSError):  # a full disk; this process, where most jobs run, knows it
            marker.touch()

    def is_cancel_requested(self, id_: str) -> bool:
        return id_ in self._cancel_requests or (self._folder / id_ / "cancel").exists()

    def folder(self, id_: str) -> Path:
        """Where a job stores what it made; also that of a job without a record, where nobody signed in.

        Raises UnknownName.
        """
        if self._access.viewer_id is not None:
            self._read_record(id_)
        return self._folder / validate_id(id_, "j")

    def local_folder(self, id_: str) -> Path:
        """Where a job's files lie as far as they are on this machine."""
        return self._folder / validate_id(id_, "j")

    def evict(self, id_: str, name: str) -> None:
        """Delete one folder of what a job that has ended made, to make room; nobody finds half of it."""
        folder = self.local_folder(id_) / name
        # Another process may be doing the same.
        with contextlib.suppress(OSError, RoundtripError), staging_folder(self._folder.parent) as staged:
            folder.rename(staged / name)

    def delete(self, id_: str) -> None:
        """Delete a job's record and whatever it made. Raises UnknownName."""
        shutil.rmtree(self.folder(id_), ignore_errors=True)

    def save_arrays(self, id_: str, arrays: Arrays) -> None:
        """Store arrays beside a job, in place of those stored before; a reader finds these or those, whole."""
        folder = self.folder(id_)
        np.savez(folder / "arrays.new.npz", allow_pickle=False, **arrays)
        os.replace(folder / "arrays.new.npz", folder / "arrays.npz")

    def load_arrays(self, id_: str) -> Arrays:
        """Raises UnknownName, and OSError where they are absent or damaged."""
        try:
            with StoredArrays(self.folder(id_) / "arrays.npz") as archive:
                return dict(archive)
        except (ValueError, EOFError, zipfile.BadZipFile) as error:
            raise OSError("The arrays of this job are damaged.") from error
