"""The order in which a child confines itself."""

import ctypes
import os
import struct
from pathlib import Path

from core.settings import Settings
from core.worker.confinement import landlock, places, seccomp
from core.worker.confinement.strangers import open_for_strangers

OPEN_FILES = 1024
LIFETIMES = 20  # requests' worth of processor time, after which a child is ended whatever it is asked

CAPABILITIES = 0x20080522  # the third version of the kernel's description of a process's powers
BOUNDS, DROP, AMBIENT, CLEAR = 23, 24, 47, 4


def confine(lent: Path, scratch: Path, config: Settings) -> None:
    """Confine this process for the rest of its life: it reads Python and `lent`, and fills `scratch`.

    Raises OSError where the kernel cannot, or where another thread runs already, which would go free.
    """
    open_for_strangers()
    os.environ["TMPDIR"] = os.environ["HOME"] = os.environ["KERAS_HOME"] = str(scratch)
    if len(os.listdir("/proc/self/task")) != 1:
        raise OSError("there is another thread, which would not be confined")
    _limit(config)
    readable = places.readable(config.home)
    _drop_powers()
    seccomp.renounce()
    landlock.restrict([*readable, lent], places.writable(), [scratch])
    seccomp.install()


def _limit(config: Settings) -> None:
    """Soft limits are for one request, and the app moves them; the child cannot, and never beyond the hard ones."""
    import resource

    cpu, size = int(config.confined_cpu_seconds), config.confined_file_mib * 2**20
    space, most = int(config.confined_gib * 2**30), int(max(config.child_gib, config.confined_gib) * 2**30)
    wanted = {
        resource.RLIMIT_CORE: (0, 0),
        resource.RLIMIT_CPU: (cpu, LIFETIMES * cpu),
        resource.RLIMIT_FSIZE: (size, resource.RLIM_INFINITY),
        resource.RLIMIT_AS: (space, most),
        resource.RLIMIT_NOFILE: (OPEN_FILES, OPEN_FILES),
        resource.RLIMIT_MEMLOCK: (0, 0),
        resource.RLIMIT_MSGQUEUE: (0, 0),
    }
    for limit, (soft, hard) in wanted.items():
        bounds = [value for value in (resource.getrlimit(limit)[1], hard) if value != resource.RLIM_INFINITY]
        hard = min(bounds, default=resource.RLIM_INFINITY)
        resource.setrlimit(limit, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def _drop_powers() -> None:
    """Whoever runs as root keeps the files of root, and none of its powers."""
    library = ctypes.CDLL(None, use_errno=True)
    library.prctl(AMBIENT, CLEAR, 0, 0, 0)
    power = 0
    while library.prctl(BOUNDS, power, 0, 0, 0) >= 0:
        library.prctl(DROP, power, 0, 0, 0)  # refused where there is none to drop
        power += 1
    header, nothing = struct.pack("=Ii", CAPABILITIES, 0), bytes(24)
    if library.capset(header, nothing):
        raise OSError(ctypes.get_errno(), "the powers of this process could not be dropped")
