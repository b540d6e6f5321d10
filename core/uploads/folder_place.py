"""Uploads in a folder, each in one of its own with its record beside its bytes.

The offset in a record counts what was flushed before it, so a power cut loses the piece that was on its way and no
other.
"""

import contextlib
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from core.errors import StorageFailed, UnreadableRecord, UploadConflict
from core.library.storage import delete_folder, translate_disk_errors, write_text_atomically
from core.record import now
from core.uploads.named_file import NamedFile
from core.uploads.piece import Checksum, Piece, removed_error
from core.uploads.record import ID, Upload

RECORD_FILE, DATA_FILE, LOCK_FILE = "upload.json", "data", "lock"
LOCK_SECONDS = 10  # to wait for another upload that begins
HOUR = 3600  # seconds


class FolderPlace:
    """See `UploadPlace`."""

    def __init__(self, folder: Path):
        self._folder = folder

    def list_uploads(self) -> list[tuple[str, Upload | None]]:
        folders = self._folder.iterdir() if self._folder.is_dir() else ()
        return [(folder.name, self.read(folder.name)) for folder in folders if ID.fullmatch(folder.name)]

    def read(self, id_: str) -> Upload | None:
        try:
            return Upload.read(self._folder / id_ / RECORD_FILE)
        except UnreadableRecord:
            return None

    def create(self, upload: Upload) -> None:
        folder = self._folder / upload.id
        with translate_disk_errors():
            folder.mkdir()
            (folder / DATA_FILE).touch()
            write_text_atomically(folder / RECORD_FILE, upload.to_json_text())

    def open_piece(self, id_: str, read_next: Callable[[], Upload], checksum: Checksum | None) -> Piece:
        lock = self._lock(id_)
        try:
            return FolderPiece(self._folder / id_, read_next(), lock, checksum)
        except BaseException:
            lock.release()
            raise

    def _lock(self, id_: str) -> FileLock:
        # It is released by another thread than took it: the pieces of a request are written in any.
        lock = FileLock(self._folder / id_ / LOCK_FILE, thread_local=False)
        with translate_disk_errors():
            try:
                lock.acquire(timeout=0)
            except Timeout as error:
                cure = "Wait until that ends, then ask how much has come."
                raise UploadConflict("Another piece of this file is on its way.", cure=cure) from error
        return lock

    def make_file(self, upload: Upload) -> NamedFile:
        return NamedFile(upload.name, self._folder / upload.id / DATA_FILE, upload.sha256, is_ours=True)

    def delete(self, id_: str) -> None:
        delete_folder(self._folder / id_)

    def is_left(self, id_: str, hours: float) -> bool:
        changed = 0.0
        for path in (self._folder / id_, self._folder / id_ / DATA_FILE):
            with contextlib.suppress(FileNotFoundError):  # deleted just now
                changed = max(changed, path.stat().st_mtime)
        return 0 < changed < time.time() - hours * HOUR

    @contextlib.contextmanager
    def lock_creation(self) -> Iterator[None]:
        with translate_disk_errors():
            self._folder.mkdir(parents=True, exist_ok=True)
            try:
                lock = FileLock(self._folder / LOCK_FILE, timeout=LOCK_SECONDS).acquire()
            except Timeout as error:
                cure = "Try again."
                raise StorageFailed("Another upload has been beginning for too long.", cure=cure) from error
        with lock:
            yield

    def free_bytes(self) -> int:
        with translate_disk_errors():
            return shutil.disk_usage(self._folder).free


class FolderPiece(Piece):
    """It holds the lock of its upload until it is closed; bytes go to the disk as they come."""

    def __init__(self, folder: Path, upload: Upload, lock: FileLock, checksum: Checksum | None):
        super().__init__(upload, checksum)
        self._folder, self._lock = folder, lock
        with translate_disk_errors():
            self._file = (folder / DATA_FILE).open("r+b", buffering=0)
            self._file.seek(upload.offset)
            self._file.truncate()  # of what came before a break and was not kept

    def _append(self, chunk: bytes) -> None:
        rest = memoryview(chunk)
        with translate_disk_errors():
            while rest:
                rest = rest[self._file.write(rest) :]

    def _commit(self) -> Upload:
        with translate_disk_errors():
            os.fsync(self._file.fileno())
            sha256 = self._compute_sha256() if self._end == self._upload.bytes else ""
            changes = {"offset": self._end, "changed": now(), "sha256": sha256}
            upload = self._upload.model_copy(update=changes)
            try:
                write_text_atomically(self._folder / RECORD_FILE, upload.to_json_text())
            except FileNotFoundError as error:
                raise removed_error() from error
        return upload

    def _compute_sha256(self) -> str:
        self._file.seek(0)
        return hashlib.file_digest(self._file, "sha256").hexdigest()

    def close(self) -> None:
        try:
            with translate_disk_errors(), self._file:
                self._file.truncate(self._upload.offset)
        finally:
            self._lock.release()
