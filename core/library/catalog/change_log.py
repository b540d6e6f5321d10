"""What our own writers changed, one id a line, so that whoever lists need not look at every folder.

The file is news and no record: what it does not say, the next look at all folders finds.
"""

import os
from pathlib import Path
from typing import NamedTuple

FILE = "changes.log"
MOST = 2**20  # bytes; then it begins anew
WATCHED = ("artifacts", "runs")


class Position(NamedTuple):
    """How far the log was read, and when the folders that hold all others last changed, in nanoseconds."""

    log: int
    size: int
    times: tuple[int, ...]

    def text(self) -> str:
        return " ".join(str(number) for number in (self.log, self.size, *self.times))

    @classmethod
    def of(cls, text: str) -> "Position | None":
        numbers = [int(word) for word in text.split() if word.lstrip("-").isdigit()]
        return cls(numbers[0], numbers[1], tuple(numbers[2:])) if len(numbers) == 2 + len(WATCHED) else None


class Changes:
    """The log of one library."""

    def __init__(self, home: Path):
        self._home = home
        self._path = home / FILE

    def note(self, ids: list[str]) -> None:
        """Say that entries changed, after they have. Raises OSError."""
        if self._size() > MOST:
            beside = self._path.with_suffix(f".{os.getpid()}.new")
            beside.touch()
            os.replace(beside, self._path)
        with self._path.open("ab", buffering=0) as file:
            file.write("".join(f"{id_}\n" for id_ in ids).encode())

    def position(self) -> Position:
        """Where things stand now. Taken before anything is read, it can only be too early."""
        try:
            log = self._path.stat()
            found = (log.st_ino, log.st_size)
        except OSError:
            found = (0, 0)
        return Position(*found, tuple(_time(self._home / name) for name in WATCHED))

    def since(self, then: Position, now: Position) -> set[str] | None:
        """The ids that changed between two positions; None where only the folders can tell."""
        grown = now.log == then.log and now.size > then.size
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


def _time(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
