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
from core.library.annotations import marks_or_none
from core.library.records import ID, Artifact, Entry, Run, checked_id, unknown
from core.record import Record, now

REMOVED = "removed.json"
DAY = 86_400  # seconds


class Removed(Record):
    """Beside the record of what lies in the trash; it was removed when this was made."""


class Thrown(NamedTuple):
    """What can be restored: what its record says of it, when it was removed, and whether it is pinned."""

    entry: Entry
    removed: str
    pinned: bool

    @property
    def days(self) -> float:
        """How long it has lain there."""
        return (datetime.now(UTC) - datetime.fromisoformat(self.removed)).total_seconds() / DAY


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

    def throw(self, folder: Path) -> None:
        """Move an entry here, and note when. Raises OSError."""
        storage.move(folder, self._folder / folder.name)
        with contextlib.suppress(OSError):  # a full disk is what a trash is emptied for: it counts from when it is seen
            self._note(folder.name)

    def take_back(self, id_: str, target: Path) -> None:
        """Raises OSError."""
        (self._folder / id_ / REMOVED).unlink(missing_ok=True)
        storage.move(self._folder / id_, target)

    def with_run(self, id_: str) -> list[str]:
        """What comes back together: an artifact with its run, where that lies here too. Raises UnknownName."""
        if not (self._folder / checked_id(id_)).is_dir():
            raise unknown(id_)
        with contextlib.suppress(UnreadableRecord, UnknownName):  # an unreadable record comes back as it went
            if id_.startswith("a"):
                run = checked_id(Artifact.read(self._folder / id_ / "artifact.json").run, "r")
                return [run, id_] if (self._folder / run).is_dir() else [id_]
        return [id_]

    def thrown(self, id_: str) -> Thrown:
        """What lies here, in words; what nobody noted the time of counts from now."""
        folder = self._folder / id_
        with contextlib.suppress(RoundtripError):
            return Thrown(_entry(folder), Removed.read(folder / REMOVED).created, marks_or_none(folder).pinned)
        with contextlib.suppress(OSError):  # read-only: the next one who can will note it
            self._note(id_)
        return Thrown(_entry(folder), now(), marks_or_none(folder).pinned)

    def empty(self, days: float, may: Callable[[str], bool] = lambda id_: True) -> list[str]:
        """Delete for good what was removed at least so many days ago, is not pinned, and `may` go. Gives the ids.

        Raises StorageFailed.
        """
        gone = []
        for id_ in self.ids():
            if not ID.fullmatch(id_) or not may(id_):
                continue
            thrown = self.thrown(id_)
            if not thrown.pinned and thrown.days >= days and self._delete(id_):
                gone.append(id_)
        return gone

    def _delete(self, id_: str) -> bool:
        """Out of the trash first, so that what was half deleted cannot be brought back."""
        with storage.disk(), storage.staging(self._home) as aside:
            try:
                os.rename(self._folder / id_, aside / id_)
            except FileNotFoundError:  # somebody else was faster
                return False
        return True

    def _note(self, id_: str) -> None:
        storage.write_text(self._folder / id_ / REMOVED, Removed().text())


def _entry(folder: Path) -> Entry:
    id_, marks = folder.name, marks_or_none(folder)
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


class Space(NamedTuple):
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


def space(home: Path) -> Space:
    """Looks at every file below the home of a library."""
    parts = {name: size_of(home / name) for name in ("runs", "artifacts", "trash", "jobs", "inputs")}
    rest = sum(size_of(Path(one.path)) for one in os.scandir(home) if one.name not in parts)
    return Space(**parts, rest=rest, free=shutil.disk_usage(home).free)


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files below a folder; links are not followed, and what goes meanwhile is nothing."""
    try:
        if not path.is_dir() or path.is_symlink():
            return path.lstat().st_size
        with os.scandir(path) as found:
            entries = list(found)
        return sum(
            size_of(Path(one.path)) if one.is_dir(follow_symlinks=False) else one.stat(follow_symlinks=False).st_size
            for one in entries
        )
    except OSError:
        return 0
