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

RecordT = TypeVar("Kind", bound=Record)


class _CachedRecord(NamedTuple):
    stamp: tuple[int, int, int]
    record: Record


class RecordCache:
    """Records whose files take `most` bytes together; of more, those that came first go. Whoever gets one must not
    change it: others get the same."""

    def __init__(self, max_bytes: int):
        self._max_bytes, self._bytes = max_bytes, 0
        self._records: dict[Path, _CachedRecord] = {}
        self._lock = threading.Lock()

    def get(self, read: Callable[[Path], RecordT], path: Path) -> RecordT:
        """What `read` gives of the file, and raises."""
        stamp = file_stamp(path)
        found = self._records.get(path)
        if found and found.stamp == stamp:
            return found.record
        record = read(path)
        if stamp:  # taken before the file was read, it can only be too early
            self._store(path, _CachedRecord(stamp, record))
        return record

    def _store(self, path: Path, cached: _CachedRecord) -> None:
        with self._lock:
            self._drop(path)
            self._records[path] = cached
            self._bytes += cached.stamp[1]
            while self._bytes > self._max_bytes:
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


MAX_RESULTS = 64  # answers
MAX_RESULT_BYTES = 16 * 2**20  # of all answers together, as JSON; in memory they take about ten times as much


class ResultCache:
    """The latest answers, by whatever key; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._results: OrderedDict[tuple[Any, ...], tuple[Any, int]] = OrderedDict()

    def get_or_compute(self, key: tuple[Any, ...], compute: Callable[[], Any]) -> Any:
        """What is kept, else what `make` gives; two who ask at once both make it."""
        with self._lock:
            if key in self._results:
                self._results.move_to_end(key)
                return self._results[key][0]
        found = compute()
        weighed = found, _result_bytes(found)
        with self._lock:
            self._results[key] = weighed
            while len(self._results) > 1 and self._is_over_limit():
                self._results.popitem(last=False)
        return found

    def _is_over_limit(self) -> bool:
        return (
            len(self._results) > MAX_RESULTS or sum(weight for _, weight in self._results.values()) > MAX_RESULT_BYTES
        )


def _result_bytes(result: Any) -> int:
    """Bytes of an answer: a model's as JSON, an array's own."""
    if isinstance(result, tuple):
        return sum(_result_bytes(one) for one in result)
    if isinstance(result, np.ndarray):
        return result.nbytes
    return len(json.dumps(result.model_dump())) if isinstance(result, BaseModel) else 0


result_cache = ResultCache()
