"""Staging, hashing, fsync, atomic (multi-)rename, process identity.

Whether a process is still there: a number alone may have been given to another one since.

Files on disk: hashed, flushed, renamed into place whole; never half written, never lost without a word.

Entries that belong together (what was brought in is a run and its copy): all of them are kept or none, whatever is
killed when.

One rename is whole or absent, two are not. So what is about to be renamed is written down first; whoever later clears
away the staging of a process that is gone, ends what it had begun.

Machine facts and installed-package fingerprint.

What this machine is, for whoever reads a result later.

Which packages are installed, asked once and not on every page.
"""

import contextlib
import os
import platform
import sys
from functools import cache
from pathlib import Path
from typing import Any

import psutil

START_TIME_TOLERANCE = 1.0  # seconds by which two readings of one process's birth may differ


@cache
def _start_time(pid: int) -> float:
    return psutil.Process(pid).create_time()


def process_start_time() -> float:
    """When this process began, in seconds since 1970."""
    return _start_time(os.getpid())  # a forked child is another one, and not in the cache


def is_process_alive(pid: int, started: float) -> bool:
    """Whether the very process lives that has this number and began at that time."""
    try:
        return abs(psutil.Process(pid).create_time() - started) < START_TIME_TOLERANCE
    except psutil.Error:
        return False


CPUINFO = Path("/proc/cpuinfo")


def describe_machine() -> dict[str, Any]:
    """`{"processor", "cores", "processors", "memory" (bytes), "system"}`; nothing that names a person or a network."""
    return {
        "processor": _processor_name(),
        "cores": psutil.cpu_count(logical=False) or psutil.cpu_count() or 1,
        "processors": psutil.cpu_count() or 1,
        "memory": psutil.virtual_memory().total,
        "system": f"{platform.system()} {platform.release()}",
    }


def _processor_name() -> str:
    """The processor's name, where the system says it."""
    with contextlib.suppress(OSError):
        for line in CPUINFO.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def installed_packages_fingerprint() -> tuple[tuple[str, int], ...]:
    """Another one once a package was installed or removed where Python looks for them: a question about packages takes
    milliseconds, and has the same answer until then."""
    found = []
    for path in sys.path:
        with contextlib.suppress(OSError):
            found.append((path, os.stat(path or ".").st_mtime_ns))
    return tuple(found)
