"""Formats that wait to be saved, and which of several lines saves each: those that begin with the same file in one."""

import threading
from collections.abc import Iterable

from core.formats import all_formats


class SaveQueue:
    """Formats in their order. Safe to use from several threads, of which each is a line."""

    def __init__(self, keys: Iterable[str]):
        self._waiting = list(keys)
        self._begins_with = {format_.key: format_.begins_with for format_ in all_formats()}
        self._lines: dict[str, str] = {}  # in which a file has been made that formats begin with
        self._lock = threading.Lock()

    def take(self, line: str) -> str:
        """Return the next format for a line; empty when none waits.

        Those that begin with what another line has made are left to it, as long as there are others.
        """
        with self._lock:
            if not self._waiting:
                return ""
            key = next((key for key in self._waiting if self._is_for(key, line)), self._waiting[0])
            self._waiting.remove(key)
            if file := self._begins_with.get(key):
                self._lines.setdefault(file, line)
            return key

    def _is_for(self, key: str, line: str) -> bool:
        return self._lines.get(self._begins_with.get(key, ""), line) == line
