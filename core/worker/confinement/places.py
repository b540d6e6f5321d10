"""Which files a confined child may read: the Python installation, our own sources, what runtimes ask of the system."""

import os
import site
import sys
import sysconfig
from pathlib import Path

from core.settings import PROJECT

LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libx32", "/usr/local/lib")
SYSTEM = (
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
COUNTED = "/proc/self/clear_refs"  # writing to it resets what is counted of this process's memory, and nothing else


def readable(library: Path) -> list[Path]:
    """Files and folders that may be read, with all below them; none of them holds the folder `library`."""
    private = (PROJECT, Path.home(), library.resolve())
    python = [Path(one) for one in _python() if not any(place.is_relative_to(one) for place in private)]
    return [*map(Path, LIBRARIES + SYSTEM), *python, PROJECT / "core"]


def writable() -> list[Path]:
    """Files that may be written as they are."""
    return [Path("/dev/null"), Path(COUNTED)]


def _python() -> set[str]:
    """Where Python imports from."""
    found = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    found |= {*sys.path, *site.getsitepackages(), os.path.join(sys.base_prefix, "lib"), os.path.join(sys.prefix, "lib")}
    return {os.path.realpath(one) for one in found if one}
