"""How a process ended, in words."""

import re
import signal

from core.errors import ChildDied

# What only the process itself, or a library in it, brings about.
CRASH_PATTERN = re.compile(r"ended by the system with (SIG(?:SEGV|ABRT|BUS|FPE|ILL|SYS|TRAP))")


def find_crash_signal(error: ChildDied) -> str:
    """The signal by which a process ended itself ("SIGSEGV"); empty where it ended otherwise, or was ended."""
    match = CRASH_PATTERN.search(error.sentence)
    return match.group(1) if match else ""


def describe_exit(status: int) -> str:
    """Say how a process ended, from its return code (negative: the signal that ended it)."""
    if status >= 0:
        return f"it stopped with status {status}"
    try:
        return f"it was ended by the system with {signal.Signals(-status).name}"
    except ValueError:
        return f"it was ended by signal {-status}"
