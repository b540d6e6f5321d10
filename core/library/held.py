"""Records that are held in memory for lists, each as long as its file is not touched."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

from core.record import Record

Kind = TypeVar("Kind", bound=Record)


class _One(NamedTuple):
    stamp: tuple[int, int, int]
    record: Record


class Held:
    """Records whose files take `most` bytes together; of more, those that came first go. Whoever gets one must not
    change it: others get the same."""

    def __init__(self, most: int):
        self._most, self._bytes = most, 0
        self._records: dict[Path, _One] = {}
        self._turn = threading.Lock()

    def get(self, read: Callable[[Path], Kind], path: Path) -> Kind:
        """What `read` gives of the file, and raises."""
        stamp = file_stamp(path)
        found = self._records.get(path)
        if found and found.stamp == stamp:
            return found.record
        record = read(path)
        if stamp:  # taken before the file was read, it can only be too early
            self._hold(path, _One(stamp, record))
        return record

    def _hold(self, path: Path, one: _One) -> None:
        with self._turn:
            self._drop(path)
            self._records[path] = one
            self._bytes += one.stamp[1]
            while self._bytes > self._most:
                self._drop(next(iter(self._records)))

    def _drop(self, path: Path) -> None:
        if gone := self._records.pop(path, None):
            self._bytes -= gone.stamp[1]


def file_stamp(path: Path | str) -> tuple[int, int, int] | None:
    """Another one once the file was changed or replaced; None where it cannot be seen: reading it says so in words."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
