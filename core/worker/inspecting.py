"""The app's side of the inspector: what it found, or why the file is refused, a child that the file ended included."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.errors import ChildDied, TimedOut
from core.gate import refused
from core.worker.worker import Worker

SECONDS = 60.0  # wall clock of one look into a file


def inspect_in_child(
    worker: Worker, format: str, folder: Path, *, cancelled: Callable[[], bool] = lambda: False
) -> dict[str, Any]:
    """Look, in a confined child, into what the gate laid out in `folder`; gives the facts of `core.worker.inspector`.

    Raises Refused, NotConfined where this system does not confine, Cancelled, and WorkerError when no child can be had.
    """
    request = {"format": format, "folder": folder, "seconds": SECONDS, "cancelled": cancelled}
    try:
        return worker.run("inspect_brought", confined=True, **request).message
    except ChildDied as error:
        raise refused("inspector-ended") from error
    except TimedOut as error:
        raise refused("inspector-slow") from error
