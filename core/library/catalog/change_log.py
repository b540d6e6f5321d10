"""An append-only log of the ids that our own writers changed, so that lists need not look at every folder.

The log is news and no record: what it does not say, the next scan of all folders finds.
"""

import os
from pathlib import Path
from typing import NamedTuple

from core.caching import file_stamp

LOG_FILE = "changes.log"
MAX_LOG_BYTES = 2**20  # then it begins anew
WATCHED_FOLDERS = ("artifacts", "runs")


class LogPosition(NamedTuple):
    """How far the log was read, and when the folders that hold all others last changed (ns)."""

    inode: int
    size: int
    folder_mtimes: tuple[int, ...]


class ChangeLog:
    """The log of one library."""

    def __init__(self, home: Path):
        self._home = home
        self._path = home / LOG_FILE

    def append(self, ids: list[str]) -> None:
        """Log entries after they were changed. Raises OSError."""
        if self.position().size > MAX_LOG_BYTES:
            new = self._path.with_suffix(f".{os.getpid()}.new")
            new.touch()
            os.replace(new, self._path)
        with self._path.open("ab", buffering=0) as file:
            file.write("".join(f"{id_}\n" for id_ in ids).encode())

    def position(self) -> LogPosition:
        """Where the log ends now. Taken before anything is read, it can only be too early."""
        stamps = [file_stamp(self._home / name) or (0, 0, 0) for name in (LOG_FILE, *WATCHED_FOLDERS)]
        (_, size, inode), *folders = stamps
        return LogPosition(inode, size, tuple(mtime for mtime, _, _ in folders))

    def since(self, then: LogPosition, now: LogPosition) -> set[str] | None:
        """The ids that changed between two positions; None where only the folders can tell."""
        if now.inode != then.inode or now.size <= then.size:
            return set() if now == then else None
        try:
            with self._path.open("rb") as file:
                file.seek(then.size)
                return set(file.read(now.size - then.size).decode("ascii", "replace").split())
        except OSError:
            return None
