"""The errors for a child: cancelled, not confined, out of memory, or with a reply that makes no sense."""

from core.errors import Cancelled, NotConfined, TooLarge, WorkerError
from core.sandbox.allowance import GIB, Allowance

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
        f"It is too large for the {allowance.memory / GIB:.3g} GiB of memory that its process may use here.",
        cure=f"Raise {allowance.memory_setting}, or use a smaller model or batch.",
        detail=detail,
    )
