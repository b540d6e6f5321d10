"""Readable and writable paths; order of confinement; capabilities.

Which files a confined child may read: the Python installation, our own sources, what runtimes ask of the system.

Whether this process was opened for what a stranger sent; it stays so, and is never used for anything else.

The order in which a child confines itself.
"""

import ctypes
import os
import site
import struct
import sys
import sysconfig
from pathlib import Path

from core.sandbox import landlock, seccomp
from core.settings import PROJECT, Settings

SYSTEM_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libx32", "/usr/local/lib")
SYSTEM_PATHS = (
    "/dev/null",
    "/dev/zero",
    "/dev/random",
    "/dev/urandom",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/self",
    "/proc/stat",
    "/proc/sys/vm/overcommit_memory",
    "/proc/version",
    "/sys/bus/cpu",
    "/sys/bus/node",
    "/sys/devices/system",
    "/sys/kernel/mm",
    "/usr/share/zoneinfo",
)
CLEAR_REFS_FILE = (
    "/proc/self/clear_refs"  # writing to it resets what is counted of this process's memory, and nothing else
)


def readable_paths(library: Path) -> list[Path]:
    """Files and folders that may be read, with all below them; none of them holds the folder `library`."""
    private = (PROJECT, Path.home(), library.resolve())
    python = [Path(one) for one in _python_paths() if not any(place.is_relative_to(one) for place in private)]
    return [*map(Path, SYSTEM_LIBRARIES + SYSTEM_PATHS), *python, PROJECT / "core"]


def writable_paths() -> list[Path]:
    """Files that may be written as they are."""
    return [Path("/dev/null"), Path(CLEAR_REFS_FILE)]


def _python_paths() -> set[str]:
    """Where Python imports from."""
    found = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    found |= {*sys.path, *site.getsitepackages(), os.path.join(sys.base_prefix, "lib"), os.path.join(sys.prefix, "lib")}
    return {os.path.realpath(one) for one in found if one}


_sandboxed = [False]


def mark_sandboxed() -> None:
    """Note that everything that this process is given from now on may have come from outside."""
    _sandboxed[0] = True


def is_sandboxed() -> bool:
    """Whether what this process loads may have come from outside."""
    return _sandboxed[0]


MAX_OPEN_FILES = 1024
MAX_REQUESTS_OF_CPU_TIME = 20  # requests' worth of processor time, after which a child is ended whatever it is asked

CAPABILITY_VERSION_3 = 0x20080522  # the third version of the kernel's description of a process's powers
PR_CAPBSET_READ, PR_CAPBSET_DROP, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 23, 24, 47, 4


def confine(readable_folder: Path, writable_folder: Path, config: Settings) -> None:
    """Confine this process for the rest of its life: it reads Python and `lent`, and fills `scratch`.

    Raises OSError where the kernel cannot, or where another thread runs already, which would go free.
    """
    mark_sandboxed()
    os.environ["TMPDIR"] = os.environ["HOME"] = os.environ["KERAS_HOME"] = str(writable_folder)
    if len(os.listdir("/proc/self/task")) != 1:
        raise OSError("there is another thread, which would not be confined")
    _set_limits(config)
    paths = readable_paths(config.home)
    _drop_capabilities()
    seccomp.set_no_new_privileges()
    landlock.restrict([*paths, readable_folder], writable_paths(), [writable_folder])
    seccomp.install_filter()


def _set_limits(config: Settings) -> None:
    """Soft limits are for one request, and the app moves them; the child cannot, and never beyond the hard ones."""
    import resource

    cpu, size = int(config.confined_cpu_seconds), config.confined_file_mib * 2**20
    space, most = int(config.confined_gib * 2**30), int(max(config.child_gib, config.confined_gib) * 2**30)
    wanted = {
        resource.RLIMIT_CORE: (0, 0),
        resource.RLIMIT_CPU: (cpu, MAX_REQUESTS_OF_CPU_TIME * cpu),
        resource.RLIMIT_FSIZE: (size, resource.RLIM_INFINITY),
        resource.RLIMIT_AS: (space, most),
        resource.RLIMIT_NOFILE: (MAX_OPEN_FILES, MAX_OPEN_FILES),
        resource.RLIMIT_MEMLOCK: (0, 0),
        resource.RLIMIT_MSGQUEUE: (0, 0),
    }
    for limit, (soft, hard) in wanted.items():
        bounds = [value for value in (resource.getrlimit(limit)[1], hard) if value != resource.RLIM_INFINITY]
        hard = min(bounds, default=resource.RLIM_INFINITY)
        resource.setrlimit(limit, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def _drop_capabilities() -> None:
    """Whoever runs as root keeps the files of root, and none of its powers."""
    library = ctypes.CDLL(None, use_errno=True)
    library.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    power = 0
    while library.prctl(PR_CAPBSET_READ, power, 0, 0, 0) >= 0:
        library.prctl(PR_CAPBSET_DROP, power, 0, 0, 0)  # refused where there is none to drop
        power += 1
    header, nothing = struct.pack("=Ii", CAPABILITY_VERSION_3, 0), bytes(24)
    if library.capset(header, nothing):
        raise OSError(ctypes.get_errno(), "the powers of this process could not be dropped")
