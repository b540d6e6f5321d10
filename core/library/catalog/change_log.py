"""What our own writers changed, one id a line, so that whoever lists need not look at every folder.

The file is news and no record: what it does not say, the next look at all folders finds.
"""

import os
from pathlib import Path
from typing import NamedTuple

LOG_FILE = "changes.log"
MAX_LOG_BYTES = 2**20  # bytes; then it begins anew
WATCHED_FOLDERS = ("artifacts", "runs")


class LogPosition(NamedTuple):
    """How far the log was read, and when the folders that hold all others last changed, in nanoseconds."""

    inode: int
    size: int
    folder_mtimes: tuple[int, ...]

    def to_text(self) -> str:
        return " ".join(str(number) for number in (self.inode, self.size, *self.folder_mtimes))

    @classmethod
    def from_text(cls, text: str) -> "LogPosition | None":
        numbers = [int(word) for word in text.split() if word.lstrip("-").isdigit()]
        return cls(numbers[0], numbers[1], tuple(numbers[2:])) if len(numbers) == 2 + len(WATCHED_FOLDERS) else None


class ChangeLog:
    """The log of one library."""

    def __init__(self, home: Path):
        self._home = home
        self._path = home / LOG_FILE

    def append(self, ids: list[str]) -> None:
        """Say that entries changed, after they have. Raises OSError."""
        if self._size() > MAX_LOG_BYTES:
            beside = self._path.with_suffix(f".{os.getpid()}.new")
            beside.touch()
            os.replace(beside, self._path)
        with self._path.open("ab", buffering=0) as file:
            file.write("".join(f"{id_}\n" for id_ in ids).encode())

    def position(self) -> LogPosition:
        """Where things stand now. Taken before anything is read, it can only be too early."""
        try:
            log = self._path.stat()
            found = (log.st_ino, log.st_size)
        except OSError:
            found = (0, 0)
        return LogPosition(*found, tuple(_mtime(self._home / name) for name in WATCHED_FOLDERS))

    def since(self, then: LogPosition, now: LogPosition) -> set[str] | None:
        """The ids that changed between two positions; None where only the folders can tell."""
        grown = now.inode == then.inode and now.size > then.size
        if not grown:
            return set() if now == then else None
        try:
            with self._path.open("rb") as file:
                file.seek(then.size)
                return set(file.read(now.size - then.size).decode("ascii", "replace").split())
        except OSError:
            return None

    def _size(self) -> int:
        return self._path.stat().st_size if self._path.exists() else 0


def _mtime(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
