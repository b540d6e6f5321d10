"""LRU caches bounded by bytes: records by file stamp, results by key.

Records that are held in memory for lists, each as long as its file is not touched.

What was found out lately, kept in memory for whoever asks again: a bounded number of answers, of bounded size.
"""

import json
import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from pydantic import BaseModel

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


KEPT = 64  # answers
KEPT_BYTES = 16 * 2**20  # of all answers together, as JSON; in memory they take about ten times as much


class Memory:
    """The latest answers, by whatever key; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: OrderedDict[tuple[Any, ...], tuple[Any, int]] = OrderedDict()

    def get(self, key: tuple[Any, ...], make: Callable[[], Any]) -> Any:
        """What is kept, else what `make` gives; two who ask at once both make it."""
        with self._lock:
            if key in self._found:
                self._found.move_to_end(key)
                return self._found[key][0]
        found = make()
        weighed = found, _weight(found)
        with self._lock:
            self._found[key] = weighed
            while len(self._found) > 1 and self._too_much():
                self._found.popitem(last=False)
        return found

    def _too_much(self) -> bool:
        return len(self._found) > KEPT or sum(weight for _, weight in self._found.values()) > KEPT_BYTES


def _weight(found: Any) -> int:
    """Bytes of an answer: a model's as JSON, an array's own."""
    if isinstance(found, tuple):
        return sum(_weight(one) for one in found)
    if isinstance(found, np.ndarray):
        return found.nbytes
    return len(json.dumps(found.model_dump())) if isinstance(found, BaseModel) else 0


memory = Memory()
