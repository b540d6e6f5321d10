"""What is known of this machine and its processes: identity, hardware, installed packages."""

import contextlib
import os
import platform
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TypedDict

import psutil

START_TIME_TOLERANCE = 1.0  # seconds by which two readings of one process's start may differ
CPUINFO = Path("/proc/cpuinfo")
LOWERED_PRIORITY = 10  # steps of priority that a long computation stands behind whoever waits for a page
CLEAR = Path("/proc/self/clear_refs")
RESET_PEAK = "5"  # the command by which the kernel counts the peak anew
STATUS = Path("/proc/self/status")


class Machine(TypedDict):
    """What a result was computed on, without names of users or networks; `memory` in bytes."""

    processor: str
    cores: int
    processors: int
    memory: int
    system: str


@cache
def _start_time(pid: int) -> float:
    return psutil.Process(pid).create_time()


def process_start_time() -> float:
    """Return when this process began, in seconds since 1970."""
    return _start_time(os.getpid())  # a forked child has another pid, which is not in the cache


def is_process_alive(pid: int, started: float) -> bool:
    """Whether the process of this pid still runs that `started` then (s): pids are reused."""
    try:
        return abs(psutil.Process(pid).create_time() - started) < START_TIME_TOLERANCE
    except psutil.Error:
        return False


def describe_machine() -> Machine:
    """Return the processor, its cores, the memory and the operating system of this machine."""
    return {
        "processor": _processor_name(),
        "cores": psutil.cpu_count(logical=False) or psutil.cpu_count() or 1,
        "processors": psutil.cpu_count() or 1,
        "memory": psutil.virtual_memory().total,
        "system": f"{platform.system()} {platform.release()}",
    }


def _processor_name() -> str:
    with contextlib.suppress(OSError):
        for line in CPUINFO.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def installed_packages_fingerprint() -> tuple[tuple[str, int], ...]:
    """Return a cache key that changes when a package is installed or removed on `sys.path`."""
    fingerprint = []
    for path in sys.path:
        with contextlib.suppress(OSError):
            fingerprint.append((path, os.stat(path or ".").st_mtime_ns))
    return tuple(fingerprint)


def lower_priority() -> None:
    """Let other processes go first: for work that nobody waits for by the second.

    A sandboxed child may not, and goes on as it is.
    """
    if hasattr(os, "setpriority"):
        with suppress(PermissionError):
            # The group is this child alone; so its other threads follow it.
            os.setpriority(os.PRIO_PGRP, 0, LOWERED_PRIORITY)


def reset_peak_memory() -> int | None:
    """Have the system count this process's peak resident memory anew; returns the present value in bytes.

    None where the system offers no such count: only Linux does.
    """
    try:
        CLEAR.write_text(RESET_PEAK)
        return read_process_status("VmRSS")
    except (OSError, LookupError):
        return None


def read_process_status(field: str) -> int:
    """A size in this process's status, in bytes. Raises LookupError where there is no such line."""
    values = dict(line.split(":", 1) for line in STATUS.read_text().splitlines() if ":" in line)
    return int(values[field].split()[0]) * 1024
