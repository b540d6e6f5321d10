"""A file that a person gives to a job or as inputs: where it lies, and what they call it."""

import os
import shutil
from pathlib import Path
from typing import NamedTuple, Protocol

from core.library.storage import translate_disk_errors
from core.object_store import StoredPart


class RemoteContent(Protocol):
    """Bytes that lie on no disk of this machine."""

    @property
    def bytes(self) -> int:
        """How many they are."""

    def list_parts(self) -> list[StoredPart]:
        """Return the objects of the store that it is joined of, in order. Raises StorageFailed, and UnknownName where
        they were deleted."""

    def fetch(self, target: Path) -> None:
        """Write them into a new file, in pieces, each held against its hash. Raises Damaged, OSError, StorageFailed,
        and UnknownName where they were deleted."""


class NamedFile(NamedTuple):
    """A file, and the name that its owner gave it.

    Attributes:
        source: Where it lies on this machine, where it stays; or what fetches it.
        sha256: Of its bytes, where that is known.
        is_ours: Whether nobody else changes it, so that a link to it is as good as a copy.
    """

    name: str
    source: Path | RemoteContent
    sha256: str = ""
    is_ours: bool = False

    @property
    def bytes(self) -> int:
        """How large it is. Raises StorageFailed."""
        if not isinstance(self.source, Path):
            return self.source.bytes
        with translate_disk_errors():
            return self.source.stat().st_size


def place_file(file: NamedFile, target: Path) -> Path:
    """Make the content of a file lie at `target`, by a link where it is ours and on one disk; returns `target`.

    Raises StorageFailed, and what `RemoteContent.fetch` does.
    """
    with translate_disk_errors():
        if not isinstance(file.source, Path):
            file.source.fetch(target)
        elif not (file.is_ours and _link(file.source, target)):
            shutil.copyfile(file.source, target)
    return target


def _link(source: Path, target: Path) -> bool:
    """Whether the disk gave one file a second name; some have no such thing."""
    try:
        os.link(source, target)
    except OSError:
        return False
    return True
