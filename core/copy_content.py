"""The content hash of a copy that is about to be stored, computed in a child that reads its files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from core.errors import ChildDied, FormatError, NotConfined, TimedOut, TooLarge
from core.evidence.content_hash import ContentHash
from core.worker.protocol import Frame

# Of files that nothing here reads, or not within the limits, there is no content hash; the copy is what it is.
UNHASHED_ERRORS = (FormatError, ChildDied, TimedOut, TooLarge, NotConfined, ValidationError)


def compute_content_hash(run: Callable[..., Frame], folder: Path, **limits: Any) -> ContentHash | None:
    """Hash what the files in a folder say; None where that is not known.

    Args:
        run: Does a task in a child; a sandboxed one for untrusted files. Its reply is validated.
        folder: The files of the copy.
        limits: Of the request.

    Raises Cancelled, and WorkerError when no child can be had.
    """
    try:
        return ContentHash.model_validate(run("hash_content", folder=folder, **limits).message)
    except UNHASHED_ERRORS:
        return None
