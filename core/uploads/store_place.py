"""Uploads in the object store of a team, so that they go on at any of its servers.

What lies in it, by key, all objects written once:

    uploads/<id>/upload.json            whose it is, and how large it is to be
    uploads/<id>/parts/<name>           bytes, of at most `PART_BYTES`
    uploads/<id>/pieces/<offset>.json   that bytes from this offset on have come, and in which parts they lie

A piece is put last, on the condition that there is none at its offset: of two that are sent at once, at two servers,
one counts, and the other is told to ask how much has come.
"""

import contextlib
import hashlib
import secrets
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import BaseModel, Field

from core.errors import Damaged, UnreadableRecord, UploadConflict
from core.object_store import ObjectStore, StoredPart
from core.record import Record
from core.uploads.named_file import NamedFile
from core.uploads.piece import Checksum, Piece, removed_error
from core.uploads.record import ID, Upload

FOLDER = "uploads"
PART_BYTES = 2**22  # that are in memory until they are sent
READERS = 8  # records at a time: they wait for the network


class Part(BaseModel):
    """Bytes of an upload that are one object."""

    name: str
    bytes: int = Field(ge=0)
    sha256: str


class PieceRecord(Record):
    """That bytes up to `end` have come; `sha256` is that of the whole file where they are its last."""

    end: int = Field(ge=0)
    parts: list[Part]
    sha256: str = ""


class StorePlace:
    """See `UploadPlace`. A quota is no lock: uploads that begin at one moment at two servers may exceed it."""

    def __init__(self, store: ObjectStore):
        self._store = store

    def list_uploads(self) -> list[tuple[str, Upload | None]]:
        by_id: dict[str, list[str]] = {}
        for key in self._store.list_keys(FOLDER):
            by_id.setdefault(key.split("/")[1], []).append(key)
        known = [(id_, keys) for id_, keys in by_id.items() if ID.fullmatch(id_)]
        with ThreadPoolExecutor(READERS) as pool:
            return list(zip([id_ for id_, _ in known], pool.map(lambda each: self._read(*each), known), strict=True))

    def read(self, id_: str) -> Upload | None:
        return self._read(id_, self._store.list_keys(_key(id_, "pieces")))

    def _read(self, id_: str, keys: list[str]) -> Upload | None:
        pieces = [key for key in keys if key.startswith(_key(id_, "pieces/"))]
        with contextlib.suppress(UnreadableRecord):
            if (head := self._store.get(_key(id_, "upload.json"))) is None:
                return None
            upload = Upload.parse(head, "upload.json")
            if not pieces or (last := self._store.get(pieces[-1])) is None:
                return upload
            piece = PieceRecord.parse(last, pieces[-1])
            changes = {"offset": piece.end, "changed": piece.created, "sha256": piece.sha256}
            return upload.model_copy(update=changes)
        return None

    def create(self, upload: Upload) -> None:
        self._store.require_identified()
        self._store.put_if_absent(_key(upload.id, "upload.json"), upload.to_json_text().encode())

    def open_piece(self, id_: str, read_next: Callable[[], Upload], checksum: Checksum | None) -> Piece:
        return StorePiece(self._store, read_next(), checksum)

    def make_file(self, upload: Upload) -> NamedFile:
        return NamedFile(upload.name, StoredFile(self._store, upload), upload.sha256)

    def delete(self, id_: str) -> None:
        """The record goes first: what stays after a break has none, and is deleted with what has expired."""
        for key in sorted(self._store.list_keys(f"{FOLDER}/{id_}"), key=lambda key: not key.endswith("upload.json")):
            self._store.delete(key)

    def is_left(self, id_: str, hours: float) -> bool:
        changed = self._store.last_change(f"{FOLDER}/{id_}")
        return changed is not None and changed + timedelta(hours=hours) < datetime.now(UTC)

    @contextlib.contextmanager
    def lock_creation(self) -> Iterator[None]:
        yield

    def free_bytes(self) -> None:
        return None


class StorePiece(Piece):
    """Bytes go to the store as they come, part by part."""

    def __init__(self, store: ObjectStore, upload: Upload, checksum: Checksum | None):
        super().__init__(upload, checksum)
        self._store = store
        self._buffer = bytearray()
        self._parts: list[Part] = []
        self._is_kept = False

    def _append(self, chunk: bytes) -> None:
        rest = memoryview(chunk)
        while rest:
            room = PART_BYTES - len(self._buffer)
            self._buffer += rest[:room]
            rest = rest[room:]
            if len(self._buffer) == PART_BYTES:
                self._put_part()

    def _put_part(self) -> None:
        data = bytes(self._buffer)
        self._buffer.clear()
        part = Part(name=secrets.token_hex(12), bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
        self._parts.append(part)
        self._store.put_if_absent(_part_key(self._upload.id, part), data)

    def _commit(self) -> Upload:
        upload = self._upload
        if not self._written and upload.bytes:
            return upload  # a piece of nothing would stand where the next one is to
        if self._buffer:
            self._put_part()
        record = PieceRecord(end=self._end, parts=self._parts, sha256=self._compute_sha256())
        if self._store.get(_key(upload.id, "upload.json")) is None:
            raise removed_error()
        if not self._store.put_if_absent(_piece_key(upload), record.to_json_text().encode()):
            raise UploadConflict("Another piece of this file came meanwhile.", cure="Ask how much has come.")
        self._is_kept = True
        changes = {"offset": record.end, "changed": record.created, "sha256": record.sha256}
        return upload.model_copy(update=changes)

    def _compute_sha256(self) -> str:
        """That of the whole file; empty until all of it has come."""
        if self._end < self._upload.bytes:
            return ""
        digest = hashlib.sha256()
        parts = [*_list_parts(self._store, self._upload), *self._parts]
        for data in _read_parts(self._store, self._upload.id, parts):
            digest.update(data)
        return digest.hexdigest()

    def close(self) -> None:
        if not self._is_kept:
            for part in self._parts:
                self._store.delete(_part_key(self._upload.id, part))


class StoredFile:
    """See `RemoteContent`."""

    def __init__(self, store: ObjectStore, upload: Upload):
        self._store, self._upload = store, upload

    @property
    def bytes(self) -> int:
        return self._upload.bytes

    def list_parts(self) -> list[StoredPart]:
        parts = _list_parts(self._store, self._upload)
        return [StoredPart(_part_key(self._upload.id, part), part.sha256) for part in parts]

    def fetch(self, target: Path) -> None:
        digest = hashlib.sha256()
        with target.open("xb") as file:
            for data in _read_parts(self._store, self._upload.id, _list_parts(self._store, self._upload)):
                digest.update(data)
                file.write(data)
        if digest.hexdigest() != self._upload.sha256:
            raise _changed_error(self._upload.id)


def _list_parts(store: ObjectStore, upload: Upload) -> Iterator[Part]:
    """Those up to the upload's offset, in order. Raises UnknownName where the upload was deleted."""
    end = 0
    while end < upload.offset:
        key = _piece_key(upload.model_copy(update={"offset": end}))
        if (data := store.get(key)) is None:
            raise removed_error()
        piece = PieceRecord.parse(data, key)
        yield from piece.parts
        end = piece.end


def _read_parts(store: ObjectStore, id_: str, parts: Iterable[Part]) -> Iterator[bytes]:
    for part in parts:
        if (data := store.get(_part_key(id_, part))) is None:
            raise removed_error()
        if hashlib.sha256(data).hexdigest() != part.sha256:
            raise _changed_error(id_)
        yield data


def _changed_error(id_: str) -> Damaged:
    cure = "Remove the file where it was chosen, then choose it again."
    return Damaged("A file that was sent is not in the store as it came.", received=id_, cure=cure)


def _key(id_: str, name: str) -> str:
    return f"{FOLDER}/{id_}/{name}"


def _part_key(id_: str, part: Part) -> str:
    return _key(id_, f"parts/{part.name}")


def _piece_key(upload: Upload) -> str:
    """The key of the piece that follows what has come."""
    return _key(upload.id, f"pieces/{upload.offset:015d}.json")
