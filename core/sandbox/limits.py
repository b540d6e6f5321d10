"""Resource limits, priority and exit status of a child, and what ends it when its parent ends."""

import os
import signal
import sys
from contextlib import suppress

import psutil

CONFINED_SUFFIX = "-confined"  # the end of the name of the warm process's second socket
CPU_TIME_EXCEEDED = -24  # exit status (SIGXCPU) of a child that has used up its processor time
LOWERED_PRIORITY = 10  # steps of priority that a long computation stands behind whoever waits for a page


def lower_priority() -> None:
    """Let other processes go first: for work that nobody waits for by the second.

    A sandboxed child may not, and goes on as it is.
    """
    if hasattr(os, "setpriority"):
        with suppress(PermissionError):
            # The group is this child alone; so its other threads follow it.
            os.setpriority(os.PRIO_PGRP, 0, LOWERED_PRIORITY)


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
    resource.setrlimit(resource.RLIMIT_AS, (bounded_limit(address_space, hard), hard))


def bounded_limit(soft: int, hard: int) -> int:
    """A soft limit that the hard one allows, which may be RLIM_INFINITY."""
    import resource

    return soft if hard == resource.RLIM_INFINITY else min(soft, hard)


def renew_limits(pid: int, cpu_seconds: int, file_bytes: int, address_space: int) -> None:
    """Set the limits of a sandboxed child for one request: seconds from now on, largest file, memory in bytes.

    Raises ImportError where there are no such limits, ProcessLookupError and psutil.Error when it is gone.
    """
    import resource

    cpu_seconds += int(sum(psutil.Process(pid).cpu_times()[:2]))
    limits = {resource.RLIMIT_CPU: cpu_seconds, resource.RLIMIT_FSIZE: file_bytes, resource.RLIMIT_AS: address_space}
    for limit, soft in limits.items():
        hard = resource.prlimit(pid, limit)[1]
        resource.prlimit(pid, limit, (bounded_limit(soft, hard), hard))


def describe_exit(status: int) -> str:
    """Say how a process ended, from its return code (negative: the signal that ended it)."""
    if status >= 0:
        return f"it stopped with status {status}"
    try:
        return f"it was ended by the system with {signal.Signals(-status).name}"
    except ValueError:
        return f"it was ended by signal {-status}"
