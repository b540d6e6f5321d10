"""A file that a person gives to a job or as inputs: where it lies on this machine, and what they call it."""

import os
import shutil
from pathlib import Path
from typing import NamedTuple

from core.library.storage import translate_disk_errors


class NamedFile(NamedTuple):
    """A file, and the name that its owner gave it.

    Attributes:
        path: Where it lies; it stays there.
        sha256: Of its bytes, where that is known.
        is_ours: Whether nobody else changes it, so that a link to it is as good as a copy.
    """

    name: str
    path: Path
    sha256: str = ""
    is_ours: bool = False


def place_file(file: NamedFile, target: Path) -> Path:
    """Make the content of a file lie at `target`, by a link where it is ours and on one disk; returns `target`.

    Raises StorageFailed.
    """
    with translate_disk_errors():
        if not (file.is_ours and _link(file.path, target)):
            shutil.copyfile(file.path, target)
    return target


def _link(source: Path, target: Path) -> bool:
    """Whether the disk gave one file a second name; some have no such thing."""
    try:
        os.link(source, target)
    except OSError:
        return False
    return True
