"""What jobs are given and what they make, as contents of the object store; their copies on this machine."""

import contextlib
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Self

from pydantic import BaseModel, Field, ValidationError, field_validator

from core.error_translation import translated
from core.errors import Gone, InputError, LibraryError, RoundtripError, cleanup_on_error
from core.library.ids import ID_PATTERN, new_id
from core.library.records import FileEntry
from core.library.staging import staging_folder
from core.library.storage import compute_sha256, list_files, size_on_disk, translate_disk_errors, write_text_atomically
from core.object_store import Contents, Manifest, Manifests, ObjectStore, Putting, RemoteFile, StoredPart
from core.record import broken_record_error

GIVEN = "given"  # the folder of keys of what jobs are given
SINCE = "since"  # an object beside these, as old as they are there
ENTERING = timedelta(days=1)  # that it may take at most until a job is recorded whose files are stored
COPIERS = 8  # parts at a time: they wait for the network
ENTRY_FILE = ".entry"  # in a job's folder: the id of the entry that was fetched into it, or that it became
IN_USE_SECONDS = 3600.0  # for which what was used stays, whatever the limit


class GivenFile(BaseModel):
    """A file that a job is given, under the name of the argument and its path in what was given; "" for a file.

    `parts` are the hashes of the contents that it is joined of; none where its contents lie under its own hash.
    """

    argument: str = Field(pattern=r"^[a-z-]+$")
    name: str  # of the file or folder, as it was called
    path: str
    bytes: int
    sha256: str
    parts: list[str] | None = None

    @field_validator("name", "path")
    @classmethod
    def _require_plain(cls, text: str) -> str:
        """What a worker fetches stays in the folder that it is fetched into."""
        if text.startswith("/") or ".." in text.split("/") or "\0" in text:
            raise ValueError(f"no plain path: {text[:80]!r}")
        return text


class GivenRecord(BaseModel):
    """All that a job is given, and what its owner calls it."""

    name: str = ""
    files: list[GivenFile] = Field(default_factory=list)

    @classmethod
    def parse(cls, text: str, job_id: str) -> Self:
        """Read what stands beside a job. Raises UnreadableRecord."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise broken_record_error(Path(f"files of job {job_id}"), error) from error


class JobFiles:
    """The files of jobs in one object store. Each method raises StorageFailed, and Damaged for bytes that changed."""

    def __init__(self, store: ObjectStore):
        self._store, self._contents, self._manifests = store, Contents(store), Manifests(store)
        self._lock = threading.Lock()

    def put_given(self, job_id: str, given: dict[str, Path], remote: Iterable[RemoteFile] = ()) -> list[GivenFile]:
        """Store files and folders that a job is given, by the names of its arguments, until `delete_given`: nobody has
        looked at them yet, and of what is refused nothing stays. What is `remote` is copied within the store.

        Raises InputError where such a file was deleted meanwhile.
        """
        contents, remote = self._given(job_id), list(remote)
        with translated(LibraryError), cleanup_on_error(lambda: self.delete_given(job_id)):
            if remote:  # a copy may be as old as the original
                self._store.put_if_absent(f"{GIVEN}/{job_id}/{SINCE}", b"")
            files = [file for argument, path in given.items() for file in _put_argument(contents, argument, path)]
            return files + [_copy_parts(contents, each) for each in remote]

    def keep_remote(self, kept_as: str, remote: Iterable[RemoteFile]) -> list[RemoteFile]:
        """Copy files within the store for all of a job that hands them to others; returns them as they lie there until
        `delete_given`, which takes the same: the id of the job, and a folder of keys below it. Raises as `put_given`.
        """
        remote, contents = list(remote), self._given(kept_as)
        self.put_given(kept_as, {}, remote)
        return [
            each._replace(parts=[StoredPart(contents.key(part.sha256), part.sha256) for part in each.parts])
            for each in remote
        ]

    def describe_kept(self, kept_as: str, kept: Iterable[RemoteFile]) -> GivenRecord:
        """Return what `read_kept` finds these files by, whose places are their names."""
        return GivenRecord(name=kept_as, files=[_describe_remote(each) for each in kept])

    def read_kept(self, record: GivenRecord) -> list[RemoteFile]:
        """Return files as `keep_remote` returned them; none where a part of one is not there any more."""
        contents = self._given(record.name)
        files = [
            RemoteFile(
                **file.model_dump(exclude={"parts"}),
                called=file.path,
                parts=[StoredPart(contents.key(sha256), sha256) for sha256 in file.parts or ()],
            )
            for file in record.files
        ]
        there = set(self._store.list_keys(f"{GIVEN}/{record.name}")) if files else set()
        return files if all(part.key in there for file in files for part in file.parts) else []

    def _given(self, job_id: str) -> Contents:
        return Contents(self._store, f"{GIVEN}/{job_id}")

    def delete_given(self, job_id: str) -> None:
        """Delete what a job was given, as far as the store answers."""
        with contextlib.suppress(RoundtripError):
            for key in self._store.list_keys(f"{GIVEN}/{job_id}"):
                self._store.delete(key)

    def list_given(self) -> set[str]:
        """Return the ids of the jobs of which given files are stored."""
        return {key.split("/")[1] for key in self._store.list_keys(GIVEN)}

    def is_given_old(self, job_id: str) -> bool:
        """Whether what a job was given was stored so long ago that nobody is still entering the job."""
        changed = self._store.last_change(f"{GIVEN}/{job_id}")
        return changed is None or datetime.now(UTC) - changed > ENTERING

    def fetch_given(self, job_id: str, files: list[GivenFile], folder: Path) -> dict[str, Path]:
        """Fetch what a job is given into an empty folder; returns the paths by the names of the arguments."""
        paths = {}
        with translated(LibraryError):
            for file in files:
                root = folder / file.argument / file.name
                target = root / file.path if file.path else root
                target.parent.mkdir(parents=True, exist_ok=True)
                parts = [file.sha256] if file.parts is None else file.parts
                self._given(job_id).fetch_joined(parts, file.sha256, target, lambda count: None)
                paths[file.argument] = root
        return paths

    def put_made(
        self, folder: Path, records: dict[str, str], note: Callable[[str], object] = lambda entry: None
    ) -> str | None:
        """Store what a job has made, with its records by file name; returns the id of the entry, None where there are
        no files. The entry is new: that of an earlier job of the same id stays what it is.

        `note` is given the id before the entry is there; what it raises leaves none.
        """
        with translated(LibraryError):
            if not folder.is_dir() or not {path.name for path in folder.iterdir()} - {ENTRY_FILE, *records}:
                return None
            for name, text in records.items():
                write_text_atomically(folder / name, text, is_flushed=False)
            files = [_describe(path, folder) for path in list_files(folder) if path.name != ENTRY_FILE]
            entry = new_id("j")
            putting = Putting(lambda: self._put_contents(folder, files))
            manifest = Manifest.model_validate({"schema": 1, "id": entry, "files": files})
            withdraw = partial(self.forget, entry)
            with cleanup_on_error(withdraw), putting.listed(withdraw):  # it may be there, and only the answer was lost
                note(entry)
                self._manifests.put(manifest)
            (folder / ENTRY_FILE).write_text(entry, encoding="utf-8")
            return entry

    def _put_contents(self, folder: Path, files: list[FileEntry]) -> None:
        for file in files:
            self._contents.put_file(folder / file.path, file.sha256, lambda count: None)

    def forget(self, entry: str) -> bool:
        """Delete an entry, to which nothing refers; its contents may be another's, too.

        Returns whether it is gone: a store that does not answer, or is not mounted, may have it.
        """
        with contextlib.suppress(RoundtripError):
            return self._manifests.delete(entry) or self._store.has_marker()
        return False

    def fetch(self, entry: str, folder: Path) -> bool:
        """Have the files of an entry in the folder of a job, in place of those of another; all of them, or none.

        Returns whether they were not there. Raises Gone where the store has no such entry.
        """
        with self._lock, translated(LibraryError):
            if self._is_there(entry, folder):
                return False
            manifest = self._manifests.read(entry)
            if manifest is None:
                raise Gone("What this job made is not in the store any more.", received=entry, cure="Start it again.")
            # Another process of this home may be fetching the same.
            with staging_folder(folder.parents[1]) as staging:
                self._fetch_into(staging / "new", manifest)
                with contextlib.suppress(FileNotFoundError):
                    folder.rename(staging / "old")
                self._place(staging / "new", folder, entry)
            return True

    def _fetch_into(self, folder: Path, manifest: Manifest) -> None:
        folder.mkdir()
        for file in manifest.files:
            (folder / file.path).parent.mkdir(parents=True, exist_ok=True)
            self._contents.fetch_file(file.sha256, folder / file.path, lambda count: None)
        (folder / ENTRY_FILE).write_text(manifest.id, encoding="utf-8")

    def _place(self, new: Path, folder: Path, entry: str) -> None:
        try:
            new.rename(folder)
        except OSError:
            if not self._is_there(entry, folder):  # as where another process was faster
                raise

    def clear_fetched(self, folder: Path) -> None:
        """Delete what an earlier job of the same id left in the folder of one that has stored nothing."""
        with translate_disk_errors():
            if (folder / ENTRY_FILE).exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir(exist_ok=True)

    def _is_there(self, entry: str, folder: Path) -> bool:
        with contextlib.suppress(FileNotFoundError):
            return (folder / ENTRY_FILE).read_text(encoding="utf-8") == entry
        return False


def _put_argument(contents: Contents, argument: str, path: Path) -> list[GivenFile]:
    files = []
    for each in list_files(path) if path.is_dir() else [path]:
        entry = _describe(each, path)
        contents.put_file(each, entry.sha256, lambda count: None)
        files.append(GivenFile(argument=argument, name=path.name, **entry.model_dump()))
    return files


def _copy_parts(contents: Contents, file: RemoteFile) -> GivenFile:
    with ThreadPoolExecutor(COPIERS) as pool:
        are_there = list(pool.map(lambda part: contents.copy_in(part.key, part.sha256), file.parts))
    if not all(are_there):
        raise InputError("A file that was sent was removed meanwhile.", received=file.name, cure="Choose it again.")
    return _describe_remote(file)


def _describe_remote(file: RemoteFile) -> GivenFile:
    return GivenFile.model_validate(file._asdict() | {"parts": [part.sha256 for part in file.parts]})


def _describe(path: Path, root: Path) -> FileEntry:
    """A file by its path below a root; that of the root itself is empty."""
    name = path.relative_to(root).as_posix() if path != root else ""
    return FileEntry(path=name, bytes=path.stat().st_size, sha256=compute_sha256(path))


def touch_copy(folder: Path) -> None:
    """Note that what lies here of a job was used."""
    with contextlib.suppress(OSError):
        os.utime(folder / ENTRY_FILE)


def evict_copies(jobs: Path, max_bytes: float) -> list[str]:
    """Delete copies in the folder of all jobs until all take at most so many bytes; returns the ids.

    What was used within the hour stays, and what is not known to be in the store.
    """
    uses = _find_uses(jobs)
    sizes = {id_: size_on_disk(jobs / id_) for id_ in sorted(uses, key=uses.__getitem__)}
    total, evicted = sum(sizes.values()), []
    for id_, size in sizes.items():
        if total <= max_bytes or time.time() - uses[id_] < IN_USE_SECONDS:
            break
        delete_copy(jobs / id_)
        evicted.append(id_)
        total -= size
    return evicted


def delete_copy(folder: Path) -> None:
    """Delete what lies here of a job: away first, so that nobody finds half of it."""
    with contextlib.suppress(OSError, RoundtripError), staging_folder(folder.parents[1]) as staged:
        folder.rename(staged / folder.name)


def _find_uses(jobs: Path) -> dict[str, float]:
    """When each copy was last used, in seconds, by the id of the job."""
    uses = {}
    for folder in jobs.iterdir():
        if ID_PATTERN.fullmatch(folder.name):
            with contextlib.suppress(OSError):  # no copy, or another process deletes it
                uses[folder.name] = (folder / ENTRY_FILE).stat().st_mtime
    return uses
