"""Machine facts and installed-package fingerprint.

What this machine is, for whoever reads a result later.

Which packages are installed, asked once and not on every page.
"""

import contextlib
import os
import platform
import sys
from pathlib import Path
from typing import Any

import psutil

CPUINFO = Path("/proc/cpuinfo")


def machine() -> dict[str, Any]:
    """`{"processor", "cores", "processors", "memory" (bytes), "system"}`; nothing that names a person or a network."""
    return {
        "processor": _processor(),
        "cores": psutil.cpu_count(logical=False) or psutil.cpu_count() or 1,
        "processors": psutil.cpu_count() or 1,
        "memory": psutil.virtual_memory().total,
        "system": f"{platform.system()} {platform.release()}",
    }


def _processor() -> str:
    """The processor's name, where the system says it."""
    with contextlib.suppress(OSError):
        for line in CPUINFO.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def packages_stamp() -> tuple[tuple[str, int], ...]:
    """Another one once a package was installed or removed where Python looks for them: a question about packages takes
    milliseconds, and has the same answer until then."""
    found = []
    for path in sys.path:
        with contextlib.suppress(OSError):
            found.append((path, os.stat(path or ".").st_mtime_ns))
    return tuple(found)
