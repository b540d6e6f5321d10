"""The trash: what was removed, when, and what has lain there long enough to be emptied; and the disk usage."""

import contextlib
import shutil
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from core.errors import RoundtripError, UnknownName, UnreadableRecord
from core.library import storage
from core.library.annotation_files import read_annotations_or_empty
from core.library.ids import ID_PATTERN, unknown_id_error, validate_id
from core.library.records import Artifact, Entry, Run
from core.library.storage import size_on_disk
from core.record import Record, now

if TYPE_CHECKING:
    from core.library.shared_entries import SharedEntries

REMOVAL_FILE = "removed.json"


class RemovalRecord(Record):
    """Stored beside the record of an entry in the trash; `created` is the time of its removal."""


class TrashedEntry(NamedTuple):
    """An entry in the trash, and the time of its removal."""

    entry: Entry
    removed_at: str

    @property
    def pinned(self) -> bool:
        return self.entry.pinned

    @property
    def days_in_trash(self) -> float:
        return (datetime.now(UTC) - datetime.fromisoformat(self.removed_at)) / timedelta(days=1)


class Trash:
    """The trash of one library."""

    def __init__(self, home: Path, entries: "SharedEntries"):
        self._folder = home / "trash"
        self._entries = entries

    def ids(self) -> list[str]:
        """The ids of what can be restored, what was removed last first."""
        return self._entries.trash_ids()

    def ids_with_run(self, id_: str) -> list[str]:
        """Return the ids to restore together: an artifact, and its run if that is in the trash. Raises UnknownName."""
        if not self._has(validate_id(id_)):
            raise unknown_id_error(id_)
        with contextlib.suppress(UnreadableRecord, UnknownName):  # an unreadable record is restored as it went
            if id_.startswith("a"):
                run = validate_id(Artifact.read(self._folder / id_ / "artifact.json").run, "r")
                return [run, id_] if self._has(run) else [id_]
        return [id_]

    def _has(self, id_: str) -> bool:
        return self._entries.locate(id_) == self._folder / id_

    def read_entries(self, ids: Iterable[str]) -> list[TrashedEntry]:
        """Return entries of the trash, which are looked for all at once."""
        ids = list(ids)
        self._entries.locate_all(filter(ID_PATTERN.fullmatch, ids))
        return [self.read_entry(id_) for id_ in ids]

    def read_entry(self, id_: str) -> TrashedEntry:
        """Return an entry of the trash; without a removal record, it counts as removed now."""
        entry = _read_entry(self._folder / id_)
        try:
            return TrashedEntry(entry, RemovalRecord.read(self._folder / id_ / REMOVAL_FILE).created)
        except RoundtripError:
            with contextlib.suppress(OSError):  # read-only: the next one who can will note it
                self._write_removal_record(id_)
            return TrashedEntry(entry, now())

    def empty(self, days: float, is_allowed: Callable[[str], bool] = lambda id_: True) -> list[str]:
        """Delete for good what was removed at least that many days ago, is not pinned, and `is_allowed` to go.

        Returns the ids. Raises StorageFailed.
        """
        deleted = []
        ids = self.ids()
        self._entries.locate_all(filter(ID_PATTERN.fullmatch, ids))
        for id_ in ids:
            if not ID_PATTERN.fullmatch(id_) or not is_allowed(id_):
                continue
            trashed = self.read_entry(id_)
            if not trashed.pinned and trashed.days_in_trash >= days and self._entries.delete(id_):
                deleted.append(id_)
        return deleted

    def _write_removal_record(self, id_: str) -> None:
        storage.write_text_atomically(self._folder / id_ / REMOVAL_FILE, RemovalRecord().to_json_text())


def _read_entry(folder: Path) -> Entry:
    annotations = read_annotations_or_empty(folder)
    entry = Entry(folder.name, pinned=annotations.pinned, tags=tuple(annotations.tags))
    try:
        if entry.id.startswith("r"):
            run = Run.read(folder / "run.json")
            size = sum(file.bytes for file in run.files)
            name = annotations.name or run.name
            return entry._replace(run_name=name, demo=run.demo, created=run.created, bytes=size)
        artifact = Artifact.read(folder / "artifact.json")
    except RoundtripError as error:
        return entry._replace(problem=str(error))
    facts = {name: getattr(artifact, name) for name in ("run", "format", "created", "bytes", "trust")}
    return entry._replace(**facts)


class DiskUsage(NamedTuple):
    """Bytes of runs and artifacts, of the trash, of jobs with their results, of input sets, of the rest (the catalog,
    the server's log); `free` is what the disk has left."""

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
    """Look at every file below the home of a library."""
    parts = {name: size_on_disk(home / name) for name in ("runs", "artifacts", "trash", "jobs", "inputs")}
    rest = sum(size_on_disk(path) for path in home.iterdir() if path.name not in parts)
    return DiskUsage(**parts, rest=rest, free=shutil.disk_usage(home).free)
