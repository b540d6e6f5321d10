"""Where the bytes and records of uploads lie: in a folder, or in the object store of a team."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from core.uploads.named_file import NamedFile
from core.uploads.piece import Checksum, Piece
from core.uploads.record import Upload


class UploadPlace(Protocol):
    """Nothing of the uploads is in memory: any process over the same place goes on where another one stopped.

    Each method raises StorageFailed where the place refuses or does not answer.
    """

    def list_uploads(self) -> list[tuple[str, Upload | None]]:
        """Return everybody's by id; None for one whose record cannot be read."""

    def read(self, id_: str) -> Upload | None:
        """Return how far one has come; None where it is not there, or its record cannot be read."""

    def create(self, upload: Upload) -> None:
        """Record a new one, of which nothing has come."""

    def open_piece(self, id_: str, read_next: Callable[[], Upload], checksum: Checksum | None) -> Piece:
        """Return what takes the bytes that follow.

        Args:
            read_next: Gives the upload as it stands, and raises where the piece does not follow; it is asked where
                nobody else adds to it, if this place can see to that.

        Raises UploadConflict where another piece is on its way.
        """

    def make_file(self, upload: Upload) -> NamedFile:
        """Return a whole one as a file."""

    def delete(self, id_: str) -> None:
        """Delete one; nothing where it is not there."""

    def is_left(self, id_: str, hours: float) -> bool:
        """Whether nothing of one was written for so long, not even bytes that do not count yet."""

    def lock_creation(self) -> AbstractContextManager[None]:
        """While this lasts no other upload begins, if this place can see to that."""

    def free_bytes(self) -> int | None:
        """Return how much more there is room for; None where nobody can say."""
