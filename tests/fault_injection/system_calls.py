"""Faults of the disk, put in at the lowest level that Python has: the N-th call to the system below a folder fails.

Files are opened through `_pyio`, whose every write is an `os.write`; so each call that Python makes for a file below
the folder passes through here, is counted, and can be refused, or be the last thing that the process ever does.
"""

import _pyio
import contextlib
import io
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

PATH_CALLS = ("open", "mkdir", "rename", "replace", "link", "unlink", "rmdir", "stat", "lstat", "scandir", "listdir")
DESCRIPTOR_CALLS = ("write", "fsync", "read")


class FaultInjector:
    """Counts the calls that concern files below `home`, and spoils the `number`-th one: `spoil` raises, or kills."""

    def __init__(
        self, home: Path, number: int = 0, spoil: Callable[[], None] = lambda: None, from_then_on: bool = False
    ):
        self.count = 0
        self.names: list[str] = []
        self._home = str(home)
        self._number, self._spoil, self._on = number, spoil, from_then_on
        self._ours: set[int] = set()  # descriptors of files below home
        self._lock = threading.Lock()

    def _hit(self, name: str) -> None:
        with self._lock:
            self.count += 1
            self.names.append(name)
            hit = self.count == self._number or (self._on and 0 < self._number <= self.count)
        if hit:
            self._spoil()

    def _concerns(self, path: Any, more: dict[str, Any]) -> bool:
        if isinstance(path, int):
            return path in self._ours
        return more.get("dir_fd") in self._ours or os.fsdecode(path).startswith(self._home)

    def by_path(self, name: str, real: Callable) -> Callable:
        def call(path: Any = ".", *rest: Any, **more: Any) -> Any:
            left = self._concerns(path, more)
            if left:
                self._hit(name)
            result = real(path, *rest, **more)
            if name == "open":
                (self._ours.add if left else self._ours.discard)(result)
            return result

        return call

    def by_descriptor(self, name: str, real: Callable) -> Callable:
        def call(descriptor: int, *rest: Any) -> Any:
            if descriptor in self._ours:
                self._hit(name)
            return real(descriptor, *rest)

        return call


@contextlib.contextmanager
def patch_system_calls(calls: FaultInjector) -> Iterator[FaultInjector]:
    """While this lasts, every call passes through `calls`."""
    real = {name: getattr(os, name) for name in PATH_CALLS + DESCRIPTOR_CALLS}
    opened = io.open
    try:
        for name in PATH_CALLS:
            setattr(os, name, calls.by_path(name, real[name]))
        for name in DESCRIPTOR_CALLS:
            setattr(os, name, calls.by_descriptor(name, real[name]))
        io.open = _pyio.open
        yield calls
    finally:
        io.open = opened
        for name, function in real.items():
            setattr(os, name, function)


def raising_errno(number: int) -> Callable[[], None]:
    """What a system call does that fails with this errno."""

    def refuse() -> None:
        raise OSError(number, os.strerror(number))

    return refuse


def kill_self() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
