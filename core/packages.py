"""Which packages are installed, asked once and not on every page."""

import contextlib
import os
import sys


def packages_stamp() -> tuple[tuple[str, int], ...]:
    """Another one once a package was installed or removed where Python looks for them: a question about packages takes
    milliseconds, and has the same answer until then."""
    found = []
    for path in sys.path:
        with contextlib.suppress(OSError):
            found.append((path, os.stat(path or ".").st_mtime_ns))
    return tuple(found)
