"""One piece of an upload while it is written: all of it is kept, or nothing."""

import base64
import binascii
import hashlib
import os
from pathlib import Path
from typing import NamedTuple, Self

from filelock import FileLock

from core.errors import Damaged, InputError, UnknownName
from core.library.storage import translate_disk_errors, write_text_atomically
from core.record import now
from core.uploads.record import Upload

RECORD_FILE, DATA_FILE, LOCK_FILE = "upload.json", "data", "lock"
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
        except binascii.Error:
            pass
        cure = f"Send one of {', '.join(CHECKSUM_ALGORITHMS)}, with the digest in base 64."
        raise InputError("The checksum of a piece cannot be read.", received=text[:100], cure=cure)


class Piece:
    """What follows the bytes that have come. It holds the lock of its upload until it is closed.

    Bytes go to the disk as they come; they count only once `keep` was called.
    """

    def __init__(self, folder: Path, upload: Upload, lock: FileLock, checksum: Checksum | None):
        self._folder, self._upload, self._lock, self._checksum = folder, upload, lock, checksum
        self._digest = hashlib.new(checksum.algorithm) if checksum else None
        self._written = 0
        with translate_disk_errors():
            self._file = (folder / DATA_FILE).open("r+b", buffering=0)
            self._file.seek(upload.offset)
            self._file.truncate()  # of what came before a break and was not kept

    def write(self, chunk: bytes) -> None:
        """Write bytes behind those before them. Raises InputError beyond the stated size, StorageFailed."""
        if self._upload.offset + self._written + len(chunk) > self._upload.bytes:
            cure = "State the size of the whole file before it is sent."
            raise InputError("More has come than the size that was stated.", received=self._upload.bytes, cure=cure)
        rest = memoryview(chunk)
        with translate_disk_errors():
            while rest:
                rest = rest[self._file.write(rest) :]
        self._written += len(chunk)
        if self._digest:
            self._digest.update(chunk)

    def keep(self, is_cut: bool = False) -> Upload:
        """Flush what was written, and record that it has come; of a whole file its hash, too.

        Args:
            is_cut: The connection broke. What can be held against no checksum then counts only where none was given.

        Raises Damaged where the bytes do not match the checksum, StorageFailed.
        """
        if self._checksum and self._digest and (is_cut or self._digest.digest() != self._checksum.digest):
            raise Damaged("A piece of the file arrived changed, and was not kept.", cure="Send it once more.")
        offset = self._upload.offset + self._written
        with translate_disk_errors():
            os.fsync(self._file.fileno())
            sha256 = self._compute_sha256() if offset == self._upload.bytes else ""
            changes = {"offset": offset, "changed": now(), "sha256": sha256}
            self._upload = self._upload.model_copy(update=changes)
            self._write_record()
        return self._upload

    def _compute_sha256(self) -> str:
        self._file.seek(0)
        return hashlib.file_digest(self._file, "sha256").hexdigest()

    def _write_record(self) -> None:
        try:
            write_text_atomically(self._folder / RECORD_FILE, self._upload.to_json_text())
        except FileNotFoundError as error:
            raise UnknownName("This upload was removed while it came.", cure="Choose the file again.") from error

    def close(self) -> None:
        """Give the disk back what was not kept, and let another piece follow."""
        try:
            with translate_disk_errors(), self._file:
                self._file.truncate(self._upload.offset)
        finally:
            self._lock.release()
