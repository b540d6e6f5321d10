"""Trash and disk usage.

The trash: what was removed, when, and what has lain there long enough to be emptied.

How much of the disk a library takes, by what takes it.
"""

import contextlib
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from core.errors import RoundtripError, UnknownName, UnreadableRecord
from core.library import storage
from core.library.annotations import read_annotations_or_empty
from core.library.records import ID_PATTERN, Artifact, Entry, Run, unknown_id_error, validate_id
from core.record import Record, now

REMOVAL_FILE = "removed.json"
SECONDS_PER_DAY = 86_400  # seconds


class RemovalRecord(Record):
    """Beside the record of what lies in the trash; it was removed when this was made."""


class TrashedEntry(NamedTuple):
    """What can be restored: what its record says of it, when it was removed, and whether it is pinned."""

    entry: Entry
    removed_at: str
    pinned: bool

    @property
    def days_in_trash(self) -> float:
        """How long it has lain there."""
        return (datetime.now(UTC) - datetime.fromisoformat(self.removed_at)).total_seconds() / SECONDS_PER_DAY


class Trash:
    """The trash of one library."""

    def __init__(self, home: Path):
        self._home = home
        self._folder = home / "trash"

    def ids(self) -> list[str]:
        """Of what can be restored, what was removed last first."""
        times = {}
        with os.scandir(self._folder) as found:
            for one in found:
                with contextlib.suppress(FileNotFoundError):  # brought back or emptied by somebody else just now
                    times[one.name] = one.stat(follow_symlinks=False).st_mtime_ns
        return sorted(times, key=lambda id_: (-times[id_], id_))

    def put(self, folder: Path) -> None:
        """Move an entry here, and note when. Raises OSError."""
        storage.rename_durably(folder, self._folder / folder.name)
        with contextlib.suppress(OSError):  # a full disk is what a trash is emptied for: it counts from when it is seen
            self._write_removal_record(folder.name)

    def restore(self, id_: str, target: Path) -> None:
        """Raises OSError."""
        (self._folder / id_ / REMOVAL_FILE).unlink(missing_ok=True)
        storage.rename_durably(self._folder / id_, target)

    def ids_with_run(self, id_: str) -> list[str]:
        """What comes back together: an artifact with its run, where that lies here too. Raises UnknownName."""
        if not (self._folder / validate_id(id_)).is_dir():
            raise unknown_id_error(id_)
        with contextlib.suppress(UnreadableRecord, UnknownName):  # an unreadable record comes back as it went
            if id_.startswith("a"):
                run = validate_id(Artifact.read(self._folder / id_ / "artifact.json").run, "r")
                return [run, id_] if (self._folder / run).is_dir() else [id_]
        return [id_]

    def read_entry(self, id_: str) -> TrashedEntry:
        """What lies here, in words; what nobody noted the time of counts from now."""
        folder = self._folder / id_
        with contextlib.suppress(RoundtripError):
            return TrashedEntry(
                _read_entry(folder),
                RemovalRecord.read(folder / REMOVAL_FILE).created,
                read_annotations_or_empty(folder).pinned,
            )
        with contextlib.suppress(OSError):  # read-only: the next one who can will note it
            self._write_removal_record(id_)
        return TrashedEntry(_read_entry(folder), now(), read_annotations_or_empty(folder).pinned)

    def empty(self, days: float, is_allowed: Callable[[str], bool] = lambda id_: True) -> list[str]:
        """Delete for good what was removed at least so many days ago, is not pinned, and `may` go. Gives the ids.

        Raises StorageFailed.
        """
        gone = []
        for id_ in self.ids():
            if not ID_PATTERN.fullmatch(id_) or not is_allowed(id_):
                continue
            thrown = self.read_entry(id_)
            if not thrown.pinned and thrown.days_in_trash >= days and self._delete(id_):
                gone.append(id_)
        return gone

    def _delete(self, id_: str) -> bool:
        """Out of the trash first, so that what was half deleted cannot be brought back."""
        with storage.translate_disk_errors(), storage.staging_folder(self._home) as aside:
            try:
                os.rename(self._folder / id_, aside / id_)
            except FileNotFoundError:  # somebody else was faster
                return False
        return True

    def _write_removal_record(self, id_: str) -> None:
        storage.write_text_atomically(self._folder / id_ / REMOVAL_FILE, RemovalRecord().to_json_text())


def _read_entry(folder: Path) -> Entry:
    id_, marks = folder.name, read_annotations_or_empty(folder)
    marked = Entry(id_, pinned=marks.pinned, tags=tuple(marks.tags))
    try:
        if id_.startswith("r"):
            run = Run.read(folder / "run.json")
            size = sum(one.bytes for one in run.files)
            return marked._replace(run_name=marks.name or run.name, demo=run.demo, created=run.created, bytes=size)
        artifact = Artifact.read(folder / "artifact.json")
    except RoundtripError as error:
        return marked._replace(problem=str(error))
    return marked._replace(
        run=artifact.run,
        format=artifact.format,
        created=artifact.created,
        bytes=artifact.bytes,
        trust=artifact.trust,
    )


class DiskUsage(NamedTuple):
    """Bytes of runs and artifacts, of the trash, of what jobs found, of sets of inputs, of the rest (the catalog, the
    server's log); `free` is what the disk has left."""

    runs: int
    artifacts: int
    trash: int
    jobs: int
    inputs: int
    rest: int
    free: int

    @property
    def total(self) -> int:
        return sum(self[:-1])


def measure_disk_usage(home: Path) -> DiskUsage:
    """Looks at every file below the home of a library."""
    parts = {name: size_on_disk(home / name) for name in ("runs", "artifacts", "trash", "jobs", "inputs")}
    rest = sum(size_on_disk(Path(one.path)) for one in os.scandir(home) if one.name not in parts)
    return DiskUsage(**parts, rest=rest, free=shutil.disk_usage(home).free)


def size_on_disk(path: Path) -> int:
    """Bytes of a file, or of all files below a folder; links are not followed, and what goes meanwhile is nothing."""
    try:
        if not path.is_dir() or path.is_symlink():
            return path.lstat().st_size
        with os.scandir(path) as found:
            entries = list(found)
        return sum(
            size_on_disk(Path(one.path))
            if one.is_dir(follow_symlinks=False)
            else one.stat(follow_symlinks=False).st_size
            for one in entries
        )
    except OSError:
        return 0
