"""The journal: what every job is doing, on disk, so that any page, tab or process can find it again."""

import contextlib
import copy
import json
import os
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
from pydantic import Field

from core.caching import RecordCache
from core.errors import RoundtripError, UnknownName, UnreadableRecord
from core.library import storage
from core.library.permissions import AccessControl
from core.library.records import ID_PATTERN, unknown_id_error, validate_id
from core.record import INVALID_JSON_ERRORS, Record, broken_record_error, now
from core.system import is_process_alive, process_start_time

RESULT_FILE = "result.json"
ACTIVE_STATES = ("queued", "running")
MAX_CACHED_JOB_BYTES = 2**21  # bytes of records that are held for lists


class Job(Record):
    """One piece of work. `state` is queued, running, done, failed, cancelled, or interrupted (its process is gone).

    `detail` is what the page of its kind shows while it runs; `result` what it left behind; `error` why it failed;
    `owner` is the id of the person who started it, who alone sees it, and None where it was nobody who signed in.
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
    """Job records in a folder: `<id>/job.json`, beside it what the job found (`result.json`) and its arrays, and a
    marker file that asks for a cancel. A result may be large; whoever lists jobs does not read it."""

    def __init__(self, folder: Path, max_finished: int):
        self._folder = folder
        self._max_finished = max_finished
        self._access = AccessControl(folder.parent)
        # What the disk has not taken holds while this process lives: ends of jobs, and wishes to cancel them.
        self._unwritten: dict[str, Job] = {}
        self._cancel_requests: set[str] = set()
        self._cache = RecordCache(MAX_CACHED_JOB_BYTES)

    def with_access(self, access: AccessControl) -> Self:
        """The same journal as one person sees it: another's jobs are not there."""
        seen = copy.copy(self)
        seen._access = access
        return seen

    def create(self, job: Job) -> Job:
        """Write a new job, in place of any earlier one of the same id, and forget the oldest finished ones."""
        self._unwritten.pop(job.id, None)
        self._cancel_requests.discard(job.id)
        shutil.rmtree(self._folder / job.id, ignore_errors=True)
        with storage.translate_disk_errors():
            (self._folder / job.id).mkdir(parents=True)
            self._write_first(job)
        with contextlib.suppress(OSError, RoundtripError):  # what is not forgotten now is the next time
            for old in [one for one in self.list_jobs() if not one.is_active][self._max_finished :]:
                shutil.rmtree(self._folder / old.id, ignore_errors=True)
        return job

    def _write_first(self, job: Job) -> None:
        try:
            self.write(job)
        except OSError:
            shutil.rmtree(self._folder / job.id, ignore_errors=True)
            raise

    def write(self, job: Job) -> None:
        """Keep a job as it stands; a reader finds the last state or this one, whole."""
        folder = self._folder / job.id
        if job.result:  # before the record that says that it is there
            _replace_text(folder / RESULT_FILE, job.model_dump_json(include={"result"}))
        _replace_text(folder / "job.json", job.model_copy(update={"result": {}}).to_json_text())

    def write_final(self, job: Job) -> None:
        """Keep the end of a job: on a full disk without its details, in the room that its earlier record had."""
        try:
            self.write(job)
        except OSError:
            short = job.model_copy(update={"detail": {}})
            with (self._folder / job.id / "job.json").open("r+b") as file:  # not cut before: the room would be lost
                file.write(short.to_json_text().encode())
                file.truncate()

    def finish(self, job: Job) -> None:
        """As `write_last`; where the disk takes nothing at all, whoever asks here is told of the end all the same."""
        try:
            self.write_final(job)
            self._unwritten.pop(job.id, None)
        except OSError:
            self._unwritten[job.id] = job

    def read(self, id_: str) -> Job:
        """A job with its result. Raises UnknownName, UnreadableRecord."""
        job = self._read_record(id_)
        path = self._folder / id_ / RESULT_FILE
        if job.state != "done" or job.result or not path.exists():  # earlier versions kept it in the record itself
            return job
        return job.model_copy(update={"result": _read_result(path)})

    def _read_record(self, id_: str, read: Callable[[Path], Job] = Job.read) -> Job:
        job = self._unwritten_job(validate_id(id_, "j")) or self._read_stored(id_, read)
        if not self._access.can_see_derived(job.owner, job.request):
            raise unknown_id_error(id_)
        if job.is_active and not is_process_alive(job.pid, job.born):
            return job.model_copy(update={"state": "interrupted", "finished": now()})
        return job

    def _unwritten_job(self, id_: str) -> Job | None:
        """An end that the disk has not taken, and that it is offered again."""
        if job := self._unwritten.get(id_):
            self.finish(job)
        return job

    def _read_stored(self, id_: str, read: Callable[[Path], Job]) -> Job:
        path = self._folder / id_ / "job.json"
        with storage.translate_disk_errors():
            if not path.is_file():
                raise unknown_id_error(id_)
        try:
            return read(path)
        except UnreadableRecord as error:
            if self._access.viewer_id is None:
                raise
            raise unknown_id_error(id_) from error

    def list_jobs(self, kind: str = "") -> list[Job]:
        """Readable jobs without their results, newest first. Raises StorageFailed."""
        with storage.translate_disk_errors():
            return sorted(self._readable_jobs(kind), key=lambda job: job.created, reverse=True)

    def _readable_jobs(self, kind: str) -> Iterator[Job]:
        for folder in self._folder.iterdir():
            # A job record is news, not property: a broken one is passed over.
            with contextlib.suppress(UnreadableRecord, UnknownName):
                job = self._read_record(folder.name, partial(self._cache.get, Job.read))
                if job.kind == (kind or job.kind):
                    yield job.model_copy(update={"result": {}})

    def orphans(self) -> list[Job]:
        """Jobs whose record says that they are under way and whose process is gone, as they should be written."""
        found = []
        for folder in sorted(self._folder.iterdir()):
            with contextlib.suppress(RoundtripError):
                job = self._read_record(folder.name)
                if job.state == "interrupted" and Job.read(folder / "job.json").is_active:
                    found.append(job)
        return found

    def unreadable_jobs(self) -> list[tuple[Path, RoundtripError]]:
        """What lies among the jobs and cannot be read as one, with why; a folder without a record is no job."""
        found, empty = [], set(self.unstarted_folders())
        for folder in sorted(set(self._folder.iterdir()) - empty):
            try:
                self.read(folder.name)
            except UnknownName as error:
                if self._access.viewer_id is None:
                    found.append((folder, error))
            except RoundtripError as error:
                found.append((folder, error))
        return found

    def unstarted_folders(self) -> list[Path]:
        """Folders of jobs whose process ended before there was a record."""
        ours = (folder for folder in self._folder.iterdir() if ID_PATTERN.fullmatch(folder.name) and folder.is_dir())
        return sorted(folder for folder in ours if not (folder / "job.json").exists())

    def request_cancel(self, id_: str) -> None:
        marker = self._visible_folder(id_) / "cancel"
        self._cancel_requests.add(id_)
        with contextlib.suppress(OSError):  # a full disk; it is heard here, where most jobs are at work
            marker.touch()

    def is_cancel_requested(self, id_: str) -> bool:
        return id_ in self._cancel_requests or (self._folder / id_ / "cancel").exists()

    def folder(self, id_: str) -> Path:
        """Where a job keeps what it made. Raises UnknownName."""
        return self._visible_folder(id_)

    def _visible_folder(self, id_: str) -> Path:
        """The folder of a job, also of one without a record, where nobody signed in. Raises UnknownName."""
        if self._access.viewer_id is not None:
            self._read_record(id_)
        return self._folder / validate_id(id_, "j")

    def delete(self, id_: str) -> None:
        """Delete a job's record and whatever it made."""
        shutil.rmtree(self.folder(id_), ignore_errors=True)

    def save_arrays(self, id_: str, arrays: dict[str, np.ndarray]) -> None:
        """Keep arrays beside a job, in place of those kept before; a reader finds these or those, whole."""
        beside = self._folder / id_ / "arrays.new.npz"
        np.savez(beside, allow_pickle=False, **arrays)
        os.replace(beside, self._folder / id_ / "arrays.npz")

    def load_arrays(self, id_: str) -> dict[str, np.ndarray]:
        with np.load(self._visible_folder(id_) / "arrays.npz", allow_pickle=False) as kept:
            return dict(kept)


def _replace_text(path: Path, text: str) -> None:
    """A reader finds the old text or the new one, whole."""
    beside = path.with_suffix(".new")
    try:
        beside.write_text(text, encoding="utf-8")
        os.replace(beside, path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise


def _read_result(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))["result"])
    except (OSError, *INVALID_JSON_ERRORS) as error:
        raise broken_record_error(path, error) from error
