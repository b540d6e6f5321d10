"""What a child may use, and what ends it when its parent ends."""

import os
import signal
import sys
from contextlib import suppress

import psutil

CONFINED_SUFFIX = "-confined"  # the end of the name of the warm process's second socket
CPU_TIME_EXCEEDED = -24  # SIGXCPU: how a child ends that has used up its processor time


LOWERED_PRIORITY = 10  # steps of priority that a long computation stands behind whoever waits for a page


def lower_priority() -> None:
    """Let others go first where they ask for the same processor: for work that nobody waits for by the second.

    A confined child may not, and goes on as it is.
    """
    if hasattr(os, "setpriority"):
        with suppress(PermissionError):
            os.setpriority(
                os.PRIO_PGRP, 0, LOWERED_PRIORITY
            )  # the group is this child alone; so its other threads follow it


def die_with_parent() -> None:
    """Ask Linux to kill this process when its parent dies, so that no child outlives a killed app."""
    if sys.platform.startswith("linux"):
        import ctypes

        PR_SET_PDEATHSIG = 1
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def limit_child_memory(address_space: int) -> None:
    """Bound the address space, in bytes, and leave no core dump. Windows has no such limits and goes without."""
    if os.name == "nt":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = address_space if hard == resource.RLIM_INFINITY else min(address_space, hard)
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))


def renew_limits(pid: int, cpu_seconds: int, file_bytes: int, address_space: int) -> None:
    """Give a confined child so much processor time from now on, room for files of that size, and bytes of memory.

    Raises ImportError where there are no such limits, ProcessLookupError and psutil.Error when it is gone.
    """
    import resource

    used = sum(psutil.Process(pid).cpu_times()[:2])
    given = {resource.RLIMIT_CPU: int(used) + cpu_seconds, resource.RLIMIT_FSIZE: file_bytes}
    for limit, soft in (given | {resource.RLIMIT_AS: address_space}).items():
        hard = resource.prlimit(pid, limit)[1]
        resource.prlimit(pid, limit, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def describe_exit(status: int) -> str:
    """Say how a process ended, from its return code (negative: the signal that ended it)."""
    if status >= 0:
        return f"it stopped with status {status}"
    try:
        return f"it was ended by the system with {signal.Signals(-status).name}"
    except ValueError:
        return f"it was ended by signal {-status}"
