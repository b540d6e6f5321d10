"""An engine whose import leaves a file open, and that says what is open beside output and errors for a kit."""

import os
import stat

MODULES = ("numpy",)
DISTRIBUTIONS = ()
kept = os.open(__file__, os.O_RDONLY)


def load(kit):
    kinds = [name_kind(descriptor) for descriptor in range(3, 1024) if is_open(descriptor)]
    raise ValueError(f"open: {', '.join(kinds)}; read {os.read(0, 1)!r}")


def is_open(descriptor):
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def name_kind(descriptor):
    return "pipe" if stat.S_ISFIFO(os.fstat(descriptor).st_mode) else "file"
