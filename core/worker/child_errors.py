"""The errors for a child: cancelled, not confined, out of memory, with a bad reply; and how it ended, in words."""

import re
import signal

from core.errors import Cancelled, ChildDied, NotConfined, TimedOut, TooLarge, WorkerError
from core.sandbox.limits import Allowance
from core.settings import GB

INVALID_REPLY = "The reply of a child makes no sense."


def invalid_reply_error(**context: str) -> WorkerError:
    """Return the error for a reply of a child that cannot be what was requested."""
    cure = "Try again; if it happens again, import the model in another format."
    return WorkerError(INVALID_REPLY, cure=cure, **context)


def not_confined_error(reason: str) -> NotConfined:
    return NotConfined(
        "What was imported is not run here: this system does not keep it apart from everything else.",
        cure="Run Roundtrip on Linux 6.2 or newer with Landlock; or, for files that you trust as you trust programs, "
        "set ROUNDTRIP_RUN_UNCONFINED=1.",
        detail=reason,
    )


def cancelled_error() -> Cancelled:
    return Cancelled("It was cancelled.", cure="Start it again when you like; nothing half done was kept.")


def out_of_memory_error(allowance: Allowance, detail: str = "") -> TooLarge:
    """The error for a child that needs more memory than it may use."""
    return TooLarge(
        f"It is too large for the {allowance.memory / GB:.3g} GB of memory that its process may use here.",
        cure=f"Raise {allowance.memory_setting}, or use a smaller model or batch.",
        detail=detail,
    )


def cpu_time_error(allowance: Allowance) -> TimedOut:
    """The error for a sandboxed child that has used up its processor time."""
    return TimedOut(
        f"It used up its {allowance.cpu_seconds} seconds of processor time, and was stopped.",
        cure="Choose less work, or raise ROUNDTRIP_CONFINED_CPU_SECONDS.",
    )


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
