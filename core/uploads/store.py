"""`Uploads`: all uploads at one place, as one person has them: what is begun, continued, used and deleted."""

import contextlib
import copy
import secrets
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Self

from core.errors import InputError, StorageFailed, UnknownName, UploadConflict
from core.library.permissions import Viewer
from core.object_store import open_object_store
from core.settings import MB, Settings, get_settings
from core.text.numbers import format_size
from core.uploads.folder_place import FolderPlace
from core.uploads.named_file import NamedFile
from core.uploads.piece import Checksum, Piece
from core.uploads.place import UploadPlace
from core.uploads.record import ID, Upload
from core.uploads.store_place import StorePlace
from core.validation import refusal

MAX_NAME_LENGTH = 1000  # characters
MAX_UPLOADS = 200  # of one person, begun or whole
LEFT_ALONE_HOURS = 1  # after which what nobody continues or uses gives way to what begins
USE_THEM = "Use what was sent, or remove it where it was chosen; what is left alone is deleted by itself."


def open_uploads(home: Path, config: Settings | None = None) -> "Uploads":
    """Open the uploads of this machine's home, or those of a team in its store. Raises InputError, StorageFailed."""
    config = config or get_settings()
    if not config.is_team:
        return Uploads(FolderPlace(Path(home) / "uploads"), config)
    store = open_object_store(config.store_url)
    store.identify()
    return Uploads(StorePlace(store), config)


def _read_age(upload: Upload) -> datetime:
    return upload.expires(0)


class Remaining(NamedTuple):
    """The uploads that have not expired and can be read, and how many were deleted."""

    kept: list[Upload]
    deleted: int


class Uploads:
    """The uploads at one place, as one person has them; of everybody where nobody signs in.

    What does not exist, is another person's, or has expired raises UnknownName, all in the same words.
    """

    def __init__(self, place: UploadPlace, config: Settings):
        self._place, self._config = place, config
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
        with self._place.lock_creation():
            uploads = self._make_way(size, self._delete_expired().kept)
            self._require_room(size, uploads)
            upload = Upload(id=f"u{secrets.token_hex(16)}", owner=self._owner, name=name, bytes=size)
            self._place.create(upload)
        return upload if size else self._end_empty(upload)

    def read(self, id_: str) -> Upload:
        """Return how far an upload has come."""
        upload = self._place.read(id_) if ID.fullmatch(id_) else None
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
        return self._place.open_piece(id_, lambda: self._read_next(id_, offset, size), checksum)

    def _read_next(self, id_: str, offset: int, size: int | None) -> Upload:
        """Return an upload as it stands, if the piece follows what has come."""
        upload = self.read(id_)
        if offset != upload.offset:
            received = f"{offset:,}, where {upload.offset:,} bytes have come"
            raise UploadConflict("A piece does not follow what has come.", received=received, cure="Ask how much has.")
        if size is not None and offset + size > upload.bytes:
            cure = "State the size of the whole file before it is sent."
            raise InputError("The piece is larger than what is to come.", received=f"{size:,} bytes", cure=cure)
        return upload

    # Using

    def find_files(self, ids: Iterable[str]) -> list[NamedFile]:
        """Return whole uploads as files. Raises InputError for one that is not whole."""
        uploads = [self.read(id_) for id_ in ids]
        if cut := [upload for upload in uploads if not upload.is_whole]:
            received = f"{cut[0].offset:,} of {cut[0].bytes:,} bytes"
            raise InputError("A file has not come whole yet.", received=received, cure="Wait until it has.")
        return [self._place.make_file(upload) for upload in uploads]

    def discard(self, ids: Iterable[str]) -> None:
        """Delete uploads; one that is not there any more is none."""
        for id_ in ids:
            with contextlib.suppress(UnknownName):
                self._place.delete(self.read(id_).id)

    def delete_expired(self) -> int:
        """Delete everybody's uploads that have expired; returns how many. Raises StorageFailed."""
        with self._place.lock_creation():
            return self._delete_expired().deleted

    # Checks

    def _require_acceptable(self, name: str, size: int) -> None:
        if not 0 < len(name) <= MAX_NAME_LENGTH:
            raise InputError("A file needs a name that is not too long.", received=name[:80], cure="Rename the file.")
        if size > self.max_bytes:
            raise refusal("too-large", f"{size:,} bytes, of at most {self.max_bytes:,}")

    def _make_way(self, size: int, uploads: list[Upload]) -> list[Upload]:
        """Delete the person's oldest uploads where they are over the quota and were left alone for an hour.

        Returns the uploads that remain, of all that are given. Raises StorageFailed where it is not enough.
        """
        own = {upload.id: upload for upload in uploads if upload.owner == self._owner}
        left = (each for each in sorted(own.values(), key=_read_age) if self._is_left(each, LEFT_ALONE_HOURS))
        limit, removed = max(self._config.uploads_total_mb * MB, self.max_bytes), set()
        while (total := sum(upload.bytes for upload in own.values())) + size > limit or len(own) >= MAX_UPLOADS:
            if (oldest := next(left, None)) is None:
                received = f"{format_size(size)} beside {format_size(total)}, of {format_size(limit)} in all"
                raise StorageFailed("Too much was sent that nobody has used yet.", received=received, cure=USE_THEM)
            removed.add(oldest.id)
            self._place.delete(own.pop(oldest.id).id)
        return [upload for upload in uploads if upload.id not in removed]

    def _is_left(self, upload: Upload, hours: float) -> bool:
        """Whether nothing of an upload was kept for so long, and nothing of it is on its way."""
        return upload.has_expired(hours) and self._place.is_left(upload.id, hours)

    def _require_room(self, size: int, uploads: list[Upload]) -> None:
        """Raise StorageFailed where the place could not hold all that is to come."""
        free, needed = self._place.free_bytes(), size + sum(upload.bytes - upload.offset for upload in uploads)
        if free is not None and needed > free:
            received = f"{format_size(needed)} are to come, and {format_size(free)} are free"
            raise StorageFailed("The disk has no room for this file.", received=received, cure="Free some space.")

    def _delete_expired(self) -> "Remaining":
        kept, deleted = [], 0
        for id_, upload in self._place.list_uploads():
            if self._is_left(upload, self.hours) if upload else self._place.is_left(id_, self.hours):
                self._place.delete(id_)
                deleted += 1
            elif upload:
                kept.append(upload)
        return Remaining(kept, deleted)

    def _end_empty(self, upload: Upload) -> Upload:
        piece = self.open_piece(upload.id, 0)
        try:
            return piece.keep()
        finally:
            piece.close()

    def _unknown(self) -> UnknownName:
        return UnknownName(
            "This upload is not here any more.",
            cure=f"Choose the file again; what nobody uses is deleted after {self.hours:g} hours.",
        )
