"""Resource limits of a sandboxed child, moved by the app from request to request."""

import sys

import psutil

from core.sandbox.allowance import confined_allowance
from core.settings import Settings

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
    cpu, size = usual.cpu_seconds, config.confined_file_mib * 2**20
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
