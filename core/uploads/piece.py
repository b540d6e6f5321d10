"""One piece of an upload while it comes: all of it is kept, or nothing."""

import base64
import hashlib
from abc import ABC, abstractmethod
from typing import NamedTuple, Self

from core.errors import Damaged, InputError, UnknownName
from core.uploads.record import Upload

CHECKSUM_ALGORITHMS = ("sha256", "sha1")


class Checksum(NamedTuple):
    """What the bytes of a piece must hash to."""

    algorithm: str
    digest: bytes

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an algorithm and a digest in base 64, as the protocol writes them. Raises InputError."""
        algorithm, _, encoded = text.partition(" ")
        try:
            if algorithm in CHECKSUM_ALGORITHMS:
                return cls(algorithm, base64.b64decode(encoded, validate=True))
        except ValueError:  # also for what is not ASCII
            pass
        cure = f"Send one of {', '.join(CHECKSUM_ALGORITHMS)}, with the digest in base 64."
        raise InputError("The checksum of a piece cannot be read.", received=text[:100], cure=cure)


class Piece(ABC):
    """What follows the bytes that have come. Close it in the end; bytes count only once `keep` was called."""

    def __init__(self, upload: Upload, checksum: Checksum | None):
        self._upload, self._checksum = upload, checksum
        self._digest = hashlib.new(checksum.algorithm) if checksum else None
        self._written = 0

    @property
    def _end(self) -> int:
        """How many bytes of the file there are with this piece."""
        return self._upload.offset + self._written

    def write(self, chunk: bytes) -> None:
        """Write bytes behind those before them. Raises InputError beyond the stated size, StorageFailed."""
        if self._end + len(chunk) > self._upload.bytes:
            cure = "State the size of the whole file before it is sent."
            raise InputError("More has come than the size that was stated.", received=self._upload.bytes, cure=cure)
        self._append(chunk)
        self._written += len(chunk)
        if self._digest:
            self._digest.update(chunk)

    def keep(self, is_cut: bool = False) -> Upload:
        """Store what was written for good, and record that it has come; of a whole file its hash, too.

        Args:
            is_cut: The connection broke. What can be held against no checksum then counts only where none was given.

        Raises Damaged where the bytes do not match the checksum, StorageFailed, and UploadConflict where another piece
        was kept meanwhile.
        """
        if self._checksum and self._digest and (is_cut or self._digest.digest() != self._checksum.digest):
            raise Damaged("A piece of the file arrived changed, and was not kept.", cure="Send it once more.")
        self._upload = self._commit()
        return self._upload

    @abstractmethod
    def _append(self, chunk: bytes) -> None:
        """Take bytes that count only once they are committed."""

    @abstractmethod
    def _commit(self) -> Upload:
        """Have all that was taken count; returns how far the upload has come."""

    @abstractmethod
    def close(self) -> None:
        """Give back what was not kept, and let another piece follow."""


def removed_error() -> UnknownName:
    """Of a piece whose upload was removed while it came."""
    return UnknownName("This upload was removed while it came.", cure="Choose the file again.")
