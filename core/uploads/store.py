"""`Uploads`: all uploads of an installation, each in a folder of its own, with its record beside its bytes.

Nothing of them is in memory: another process, or the next one, goes on where the last one stopped. The offset in a
record counts what was flushed before it, so a power cut loses the piece that was on its way and no other.
"""

import contextlib
import copy
import re
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Self

from filelock import FileLock, Timeout

from core.errors import InputError, StorageFailed, UnknownName, UnreadableRecord, UploadConflict
from core.library.permissions import Viewer
from core.library.storage import delete_folder, translate_disk_errors, write_text_atomically
from core.settings import MB, Settings, get_settings
from core.text.numbers import format_size
from core.uploads.named_file import NamedFile
from core.uploads.piece import DATA_FILE, LOCK_FILE, RECORD_FILE, Checksum, Piece
from core.uploads.record import Upload
from core.validation import refusal

ID = re.compile(r"u[0-9a-f]{32}")
MAX_NAME_LENGTH = 1000  # characters
MAX_UPLOADS = 200  # of one person, begun or whole
LEFT_ALONE_HOURS = 1  # after which what nobody continues or uses gives way to what begins
LOCK_SECONDS = 10  # to wait for another upload that begins
HOUR = 3600  # seconds
USE_THEM = "Use what was sent, or remove it where it was chosen; what is left alone is deleted by itself."


class Uploads:
    """The uploads below `home`, as one person has them; of everybody where nobody signs in.

    What does not exist, is another person's, or has expired raises UnknownName, all in the same words.
    """

    def __init__(self, home: Path, config: Settings | None = None):
        self._folder = Path(home) / "uploads"
        self._config = config or get_settings()
        self._owner: str | None = None

    def for_viewer(self, viewer: Viewer) -> Self:
        """Return the same for one person."""
        view = copy.copy(self)
        view._owner = viewer.id
        return view

    @property
    def max_bytes(self) -> int:
        """Bytes that one file may have."""
        return self._config.upload_mb * MB

    @property
    def hours(self) -> float:
        """Hours after which an upload is deleted of which no more comes, and which nobody uses."""
        return self._config.upload_hours

    # Sending

    def create(self, name: str, size: int) -> Upload:
        """Begin an upload of so many bytes, of which none has come.

        Raises Refused for a file that is too large, InputError for no name, StorageFailed where there is no room.
        """
        self._require_acceptable(name, size)
        with self._creation_lock():
            self._delete_expired()
            self._require_quota(size)
            self._require_room(size)
            upload = Upload(id=f"u{secrets.token_hex(16)}", owner=self._owner, name=name, bytes=size)
            with translate_disk_errors():
                folder = self._folder / upload.id
                folder.mkdir()
                (folder / DATA_FILE).touch()
                write_text_atomically(folder / RECORD_FILE, upload.to_json_text())
        return upload if size else self._end_empty(upload)

    def read(self, id_: str) -> Upload:
        """Return how far an upload has come."""
        folder = self._find(id_)
        upload = self._read(folder)
        if upload is None or upload.owner != self._owner or upload.has_expired(self.hours):
            raise self._unknown()
        return upload

    def open_piece(self, id_: str, offset: int, size: int | None = None, checksum: Checksum | None = None) -> Piece:
        """Return what takes the bytes from `offset` on; close it in the end.

        Args:
            size: Of the piece, where that is known before.
            checksum: What they must hash to.

        Raises UploadConflict where another piece is being written, or other bytes are to come next; InputError where
        the piece is larger than what is to come, StorageFailed.
        """
        self.read(id_)
        lock = self._lock(id_)
        try:
            upload = self.read(id_)  # another may have written since
            if offset != upload.offset:
                received = f"{offset:,}, where {upload.offset:,} bytes have come"
                raise UploadConflict(
                    "A piece does not follow what has come.", received=received, cure="Ask how much has."
                )
            if size is not None and offset + size > upload.bytes:
                cure = "State the size of the whole file before it is sent."
                raise InputError("The piece is larger than what is to come.", received=f"{size:,} bytes", cure=cure)
            return Piece(self._folder / id_, upload, lock, checksum)
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

    # Using

    def find_files(self, ids: Iterable[str]) -> list[NamedFile]:
        """Return whole uploads as files. Raises InputError for one that is not whole."""
        uploads = [self.read(id_) for id_ in ids]
        if cut := [upload for upload in uploads if not upload.is_whole]:
            received = f"{cut[0].offset:,} of {cut[0].bytes:,} bytes"
            raise InputError("A file has not come whole yet.", received=received, cure="Wait until it has.")
        return [
            NamedFile(upload.name, self._folder / upload.id / DATA_FILE, upload.sha256, is_ours=True)
            for upload in uploads
        ]

    def discard(self, ids: Iterable[str]) -> None:
        """Delete uploads; one that is not there any more is none."""
        for id_ in ids:
            with contextlib.suppress(UnknownName):
                delete_folder(self._folder / self.read(id_).id)

    def delete_expired(self) -> int:
        """Delete everybody's uploads that have expired; returns how many. Raises StorageFailed."""
        with self._creation_lock():
            return self._delete_expired()

    # Checks

    def _require_acceptable(self, name: str, size: int) -> None:
        if not 0 < len(name) <= MAX_NAME_LENGTH:
            raise InputError("A file needs a name that is not too long.", received=name[:80], cure="Rename the file.")
        if size > self.max_bytes:
            raise refusal("too-large", f"{size:,} bytes, of at most {self.max_bytes:,}")

    def _require_quota(self, size: int) -> None:
        """Delete the person's oldest uploads where they are over the quota and were left alone for an hour.

        Raises StorageFailed where it is not enough.
        """
        own = [upload for _, upload in self._list() if upload and upload.owner == self._owner]
        own.sort(key=lambda upload: upload.expires(0), reverse=True)
        limit = max(self._config.uploads_total_mb * MB, self.max_bytes)
        while (total := sum(upload.bytes for upload in own)) + size > limit or len(own) >= MAX_UPLOADS:
            if not own[-1].has_expired(LEFT_ALONE_HOURS):
                received = f"{format_size(size)} beside {format_size(total)}, of {format_size(limit)} in all"
                raise StorageFailed("Too much was sent that nobody has used yet.", received=received, cure=USE_THEM)
            delete_folder(self._folder / own.pop().id)

    def _require_room(self, size: int) -> None:
        """Raise StorageFailed where the disk could not hold all that is to come."""
        uploads = [upload for _, upload in self._list() if upload]
        with translate_disk_errors():
            free = shutil.disk_usage(self._folder).free
        if (needed := size + sum(upload.bytes - upload.offset for upload in uploads)) > free:
            received = f"{format_size(needed)} are to come, and {format_size(free)} are free"
            raise StorageFailed("The disk has no room for this file.", received=received, cure="Free some space.")

    @contextlib.contextmanager
    def _creation_lock(self) -> Iterator[None]:
        with translate_disk_errors():
            self._folder.mkdir(parents=True, exist_ok=True)
            try:
                lock = FileLock(self._folder / LOCK_FILE, timeout=LOCK_SECONDS).acquire()
            except Timeout as error:
                cure = "Try again."
                raise StorageFailed("Another upload has been beginning for too long.", cure=cure) from error
        with lock:
            yield

    # Folders

    def _delete_expired(self) -> int:
        expired = [folder for folder, upload in self._list() if self._has_expired(folder, upload)]
        for folder in expired:
            delete_folder(folder)
        return len(expired)

    def _has_expired(self, folder: Path, upload: Upload | None) -> bool:
        if upload:
            return upload.has_expired(self.hours)
        with contextlib.suppress(FileNotFoundError):  # deleted just now
            return time.time() - folder.stat().st_mtime > self.hours * HOUR
        return False

    def _end_empty(self, upload: Upload) -> Upload:
        piece = self.open_piece(upload.id, 0)
        try:
            return piece.keep()
        finally:
            piece.close()

    def _find(self, id_: str) -> Path:
        if not ID.fullmatch(id_):
            raise self._unknown()
        return self._folder / id_

    def _list(self) -> list[tuple[Path, Upload | None]]:
        folders = self._folder.iterdir() if self._folder.is_dir() else ()
        return [(folder, self._read(folder)) for folder in folders if ID.fullmatch(folder.name)]

    def _read(self, folder: Path) -> Upload | None:
        try:
            return Upload.read(folder / RECORD_FILE)
        except UnreadableRecord:
            return None

    def _unknown(self) -> UnknownName:
        return UnknownName(
            "This upload is not here any more.",
            cure=f"Choose the file again; what nobody uses is deleted after {self.hours:g} hours.",
        )
