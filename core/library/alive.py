"""Whether a process is still there: a number alone may have been given to another one since."""

import os
from functools import cache

import psutil

SAME = 1.0  # seconds by which two readings of one process's birth may differ


@cache
def _birth(pid: int) -> float:
    return psutil.Process(pid).create_time()


def birth() -> float:
    """When this process began, in seconds since 1970."""
    return _birth(os.getpid())  # a forked child is another one, and not in the cache


def is_alive(pid: int, born: float) -> bool:
    """Whether the very process lives that has this number and began at that time."""
    try:
        return abs(psutil.Process(pid).create_time() - born) < SAME
    except psutil.Error:
        return False
