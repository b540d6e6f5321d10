"""LRU caches of bounded size that threads may share; treat what they return as read-only."""

import contextlib
import os
import threading
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from cachetools import LRUCache
from pydantic import BaseModel

from core.record import Record
from core.telemetry import measure

ValueT = TypeVar("ValueT")
RecordT = TypeVar("RecordT", bound=Record)

MAX_RESULTS = 64
MAX_RESULT_BYTES = 16 * 2**20  # of all results together, as JSON; in memory they take about ten times as much


class _CacheEntry(NamedTuple):
    stamp: Hashable
    value: Any
    size: int


class StampedCache:
    """LRU cache whose entries hold as long as the stamp that they were stored with."""

    def __init__(self, max_size: int, name: str):
        """`name` is what its metrics are counted under."""
        self._name = name
        self._entries: LRUCache[Hashable, _CacheEntry] = LRUCache(max_size, getsizeof=lambda entry: entry.size)
        self._lock = threading.Lock()

    def get_or_compute(self, key: Hashable, compute: Callable[[], ValueT], stamp: Hashable = ()) -> ValueT:
        """Return the cached value, else compute and store it.

        Two threads that ask at once both compute it. Nothing is stored where `stamp` is None, and no value that is
        larger than the whole cache.
        """
        with self._lock:
            entry = self._entries.get(key)
        is_hit = entry is not None and entry.stamp == stamp
        measure("cache_requests", cache=self._name, result="hit" if is_hit else "miss")
        if entry is not None and is_hit:
            value: ValueT = entry.value
            return value
        value = compute()
        if stamp is not None:
            entry = _CacheEntry(stamp, value, self._size_of(value, stamp))
            with self._lock, contextlib.suppress(ValueError):  # it is larger than the cache
                self._entries.pop(key, None)
                self._entries[key] = entry
        return value

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()

    def _size_of(self, value: Any, stamp: Any) -> int:
        return 1


class RecordCache(StampedCache):
    """LRU cache of parsed records, bounded by file bytes, invalidated by mtime, size and inode."""

    def get(self, read: Callable[[Path], RecordT], path: Path) -> RecordT:
        """Return what `read` gives of the file; raises what it raises."""
        stamp = file_stamp(path)  # taken before the file is read, it can only be too early
        return self.get_or_compute(path, lambda: read(path), stamp)

    def _size_of(self, value: Record, stamp: tuple[int, int, int]) -> int:
        return stamp[1]


def file_stamp(path: Path | str) -> tuple[int, int, int] | None:
    """Return mtime (ns), size (bytes) and inode of a file; None where it cannot be seen."""
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


class ResultCache(StampedCache):
    """LRU cache of results, bounded by their number and bytes; their arrays are read-only."""

    def __init__(self) -> None:
        super().__init__(MAX_RESULT_BYTES, "results")

    def get_or_compute(self, key: Hashable, compute: Callable[[], ValueT], stamp: Hashable = ()) -> ValueT:
        return super().get_or_compute(key, lambda: _freeze(compute()), stamp)

    def _size_of(self, value: Any, stamp: Any) -> int:
        return max(_result_bytes(value), MAX_RESULT_BYTES // MAX_RESULTS)  # so there are at most MAX_RESULTS


def _freeze(result: ValueT) -> ValueT:
    for part in result if isinstance(result, tuple) else (result,):
        if isinstance(part, np.ndarray):
            part.flags.writeable = False
    return result


def _result_bytes(result: Any) -> int:
    """Bytes of a result: of a model as JSON, of an array its own."""
    if isinstance(result, tuple):
        return sum(map(_result_bytes, result))
    if isinstance(result, np.ndarray):
        return result.nbytes
    return len(result.model_dump_json()) if isinstance(result, BaseModel) else 0


result_cache = ResultCache()
