"""Limits of a sandboxed child (time, processor time, memory): by settings, machine and files, anew for each request."""

import os
import sys
from typing import NamedTuple

import psutil

from core.settings import GB, MB, Settings
from core.system import usable_memory

CONFINED_MEMORY = 8 * GB  # of a child that loads a file from outside, where the settings leave it open
MEMORY_PER_FILE_BYTE = 8  # bytes that a large file may take once it is loaded: wider numbers, an optimizer, copies
CONFINED_SHARE, OWN_SHARE = 0.5, 0.75  # of the machine's memory, for a sandboxed child and for one of our own
FILE_STEP_BYTES = 64 * MB  # files may take so many times the time as they have steps of that size
MAX_FILE_FACTOR = 10
# The parent looks at the memory that is in use a few times a second; the address space, which the kernel bounds, stays
# behind that. TensorFlow reserves gigabytes of it that it never touches.
ADDRESS_SPACE_TIMES, ADDRESS_SPACE_EXTRA = 2, 4 * GB


class Allowance(NamedTuple):
    """Seconds of wall clock and of processor time; bytes of memory in use, of address space; the settings that rule."""

    seconds: float
    cpu_seconds: int
    memory: int
    address_space: int
    seconds_setting: str
    memory_setting: str

    @property
    def working_seconds(self) -> float:
        """Seconds in which all processors at work use up neither limit."""
        return min(self.seconds, self.cpu_seconds / (os.cpu_count() or 1)) if self.cpu_seconds else self.seconds


def own_allowance(config: Settings, seconds: float) -> Allowance:
    """For a child that handles nothing from outside; `seconds` is the caller's limit of time."""
    memory = own_memory(config)
    names = "ROUNDTRIP_CHILD_SECONDS", "ROUNDTRIP_CHILD_GB"
    return Allowance(seconds, 0, memory, address_space_for(memory), *names)


def confined_allowance(
    config: Settings, file_bytes: int = 0, converts: bool = False, memory_share: float = 1.0
) -> Allowance:
    """For a sandboxed child that was lent `file_bytes`; a conversion may take more than a load.

    `memory_share` is its part of the memory, where several children work on one file at the same time.
    """
    factor = min(max(1.0, file_bytes / FILE_STEP_BYTES), MAX_FILE_FACTOR)
    times = config.converting_times if converts else 1
    seconds = config.confined_seconds * factor * times
    cpu_seconds = config.confined_cpu_seconds * factor * times or seconds * (os.cpu_count() or 1)
    wanted, most = confined_memory(config, file_bytes) * times, max(own_memory(config), confined_memory(config))
    memory = int(min(wanted, most) * memory_share)
    both = " and ROUNDTRIP_CHILD_GB" if wanted > most else ""  # that of all children bounds it, too
    names = "ROUNDTRIP_CONFINED_SECONDS", f"ROUNDTRIP_CONFINED_GB{both}"
    return Allowance(seconds, max(1, round(cpu_seconds)), memory, address_space_for(memory), *names)


def own_memory(config: Settings) -> int:
    """Bytes that a child of our own may use."""
    return int(config.child_gb * GB) or int(usable_memory() * OWN_SHARE)


def confined_memory(config: Settings, file_bytes: int = 0) -> int:
    """Bytes that a sandboxed child may use."""
    by_file = max(CONFINED_MEMORY, file_bytes * MEMORY_PER_FILE_BYTE)
    return int(config.confined_gb * GB) or min(by_file, int(usable_memory() * CONFINED_SHARE))


def address_space_for(memory: int) -> int:
    """Bytes of address space that a child may reserve which may use so much memory."""
    return ADDRESS_SPACE_TIMES * memory + ADDRESS_SPACE_EXTRA


CONFINED_SUFFIX = "-confined"  # the end of the name of the warm process's second socket
CPU_TIME_EXCEEDED = -24  # exit status (SIGXCPU) of a child that has used up its processor time
MAX_OPEN_FILES = 1024
MAX_REQUESTS_OF_CPU_TIME = 20  # requests' worth of processor time, after which a child is ended in any case


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


def set_limits(config: Settings) -> None:
    """Soft limits are for one request, and the app moves them; the child cannot, and never beyond the hard ones."""
    import resource

    usual, most = confined_allowance(config), confined_allowance(config, sys.maxsize, converts=True)
    cpu, size = usual.cpu_seconds, config.confined_file_mb * MB
    limits = {
        resource.RLIMIT_CORE: (0, 0),
        resource.RLIMIT_CPU: (cpu, max(MAX_REQUESTS_OF_CPU_TIME * cpu, most.cpu_seconds)),
        resource.RLIMIT_FSIZE: (size, resource.RLIM_INFINITY),
        resource.RLIMIT_AS: (usual.address_space, most.address_space),
        resource.RLIMIT_NOFILE: (MAX_OPEN_FILES, MAX_OPEN_FILES),
        resource.RLIMIT_MEMLOCK: (0, 0),
        resource.RLIMIT_MSGQUEUE: (0, 0),
    }
    for limit, (soft, hard) in limits.items():
        bounds = [value for value in (resource.getrlimit(limit)[1], hard) if value != resource.RLIM_INFINITY]
        hard = min(bounds, default=resource.RLIM_INFINITY)
        resource.setrlimit(limit, (bounded_limit(soft, hard), hard))


def limit_child_memory(address_space: int) -> None:
    """Bound the address space, in bytes, and leave no core dump. Windows has no such limits and goes without."""
    if os.name == "nt":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (bounded_limit(address_space, hard), hard))
