"""The errors for a child: cancelled, not confined, out of memory, with a bad reply; and how it ended, in words."""

import errno
import os
import re
import shutil
import signal
from pathlib import Path

from core.error_translation import translate
from core.errors import Cancelled, CannotSave, ChildDied, NotConfined, RoundtripError, TimedOut, TooLarge, WorkerError
from core.sandbox.limits import Allowance
from core.settings import GB

RECORD_BYTES = 2**16  # bytes that an artifact has beside its weights, at the least
STATUS_WORDS = "it stopped with status"
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


def has_stopped_itself(error: ChildDied) -> bool:
    """Whether a process ended with a status of its own: no signal, which may come from a system that needs memory."""
    return STATUS_WORDS in error.sentence


def explain_save_crash(error: ChildDied, format_label: str, folder: Path, weight_bytes: int) -> RoundtripError | None:
    """Return what the end of a process means that wrote a format into a folder; None where nothing more is known.

    Where there is no room for what it was to write, the disk is full: HDF5 brings its process down by that, without a
    word. Else a converter that was ended by a signal of its own making would end so again: CannotSave.
    """
    if shutil.disk_usage(folder).free <= weight_bytes + RECORD_BYTES:
        return translate(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), WorkerError)
    if crash := find_crash_signal(error):
        return CannotSave(
            f"What writes {format_label} brought its own process down on this model ({crash}).",
            cure="Choose another format: the same would happen again.",
            detail=error.detail,
        )
    return None


def describe_exit(status: int) -> str:
    """Say how a process ended, from its return code (negative: the signal that ended it)."""
    if status >= 0:
        return f"{STATUS_WORDS} {status}"
    try:
        return f"it was ended by the system with {signal.Signals(-status).name}"
    except ValueError:
        return f"it was ended by signal {-status}"
