"""`ObjectStore`: objects by key in a folder or a bucket (put if absent, get, list), over obstore, in our own errors."""

import contextlib
import secrets
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NamedTuple
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore, MemoryStore, from_url
from pydantic import Field

from core.error_translation import mask_address, translate_store_error
from core.errors import InputError, StorageFailed
from core.record import Record
from core.telemetry import measure

if TYPE_CHECKING:
    from obstore.store import RetryConfig

    AnyStore = obstore.store.ObjectStore

RETRY: "RetryConfig" = {"max_retries": 5, "retry_timeout": timedelta(seconds=60)}
MARKER = "roundtrip.json"
CHUNK_BYTES = 2**20
NO_BUCKET = ("NoSuchBucket", "ContainerNotFound")  # as S3 and Google, and as Azure say so
SCHEMES = ("s3", "gs", "az", "file", "memory")


class StoreMarker(Record):
    """That a folder or prefix is a store of ours; by its `id` it is known under whatever address, and older stores have
    none. It has schema 2 once contents are collected there, which versions that read schema 1 do not allow for."""

    newest_schema: ClassVar[int] = 2

    id: str = ""
    what: str = Field("roundtrip object store", pattern="roundtrip object store")


class StoredObject(NamedTuple):
    """An object that is listed: its key, its bytes as a number, and when it was written, by the store's clock.

    That may count whole seconds; `tag` is another one for other bytes, where the store gives any.
    """

    key: str
    size: int
    written: datetime
    tag: str | None


class ObjectStore:
    """Objects by key (parts joined by "/") below one folder or one prefix of a bucket. Threads may share it.

    Each method raises StorageFailed where the store does not answer or refuses, with what to do next.
    """

    def __init__(self, store: "AnyStore", address: str):
        self._store = store
        self.address = address
        self.shown_address = mask_address(address)  # which may hold a secret
        self._identity = ""

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """Write an object unless there is one of that key; returns whether it was written. Of two writers one is."""
        with self._translated():
            try:
                self._store.put(key, data, mode="create")
            except AlreadyExistsError:
                return False
        measure("store_bytes", len(data), direction="written")
        return True

    def put_stream(self, key: str, chunks: Iterable[bytes]) -> None:
        """Write an object from pieces, in place of any of that key; whatever `chunks` raises leaves none written."""
        with self._translated():
            self._store.put(key, map(_count_written, chunks))

    def get(self, key: str) -> bytes | None:
        """Return the bytes of an object; None where there is none."""
        with contextlib.suppress(FileNotFoundError), self._translated():
            return _count_read(bytes(self._store.get(key).bytes()))
        return None

    def stream(self, key: str) -> Iterator[bytes]:
        """Yield the bytes of an object in pieces. Raises FileNotFoundError where there is none."""
        with self._translated():
            for chunk in self._store.get(key).stream(min_chunk_size=CHUNK_BYTES):
                yield _count_read(bytes(chunk))

    def size(self, key: str) -> int | None:
        """Return the bytes of an object as a number; None where there is none."""
        try:
            with contextlib.suppress(FileNotFoundError), self._translated():
                return self._store.head(key)["size"]
        except StorageFailed:  # an answer to HEAD has no text that says why, and one to GET has
            with contextlib.suppress(FileNotFoundError), self._translated():
                self._store.get(key)
            raise
        return None

    def copy(self, key: str, target: str) -> bool:
        """Copy an object within the store, by which no bytes come here; returns whether there was one."""
        with contextlib.suppress(FileNotFoundError), self._translated():
            self._store.copy(key, target)
            return True
        return False

    def delete(self, key: str) -> bool:
        """Delete an object; returns whether there was one."""
        if self.size(key) is None:
            return False
        self.discard(key)
        return True

    def discard(self, key: str) -> None:
        """Delete an object, if there is one: without the question whether there is."""
        with contextlib.suppress(FileNotFoundError), self._translated():
            self._store.delete(key)

    def list_keys(self, folder: str) -> list[str]:
        """Return the keys of all objects below a folder of keys, sorted."""
        with self._translated():
            return sorted(item["path"] for items in self._store.list(folder) for item in items)

    def list_sizes(self) -> dict[str, int]:
        """Return the bytes of every object by its key, in the order of the keys."""
        with self._translated():
            return dict(sorted((item["path"], item["size"]) for items in self._store.list() for item in items))

    def iterate_objects(self, folder: str) -> Iterator[StoredObject]:
        """Yield all objects below a folder of keys, in any order."""
        with self._translated():
            for items in self._store.list(folder):
                for item in items:
                    yield StoredObject(item["path"], item["size"], item["last_modified"], item["e_tag"])

    def last_change(self, folder: str) -> datetime | None:
        """Return when the youngest object below a folder of keys was written; None where there is none."""
        return max((each.written for each in self.iterate_objects(folder)), default=None)

    def claim(self) -> None:
        """Mark the place as a store of ours, unless it is one; another's objects stay where they are.

        Raises InputError where other things lie here, UnreadableRecord for a store of a newer schema.
        """
        if self.has_marker():
            return
        with self._translated():
            first = next(iter(self._store.list(chunk_size=1)), None)
        if first:
            raise InputError(
                "Other things lie at this address, and no store of Roundtrip.",
                received=self.shown_address,
                cure="Name an empty folder of the bucket, which is made when something is put into it.",
            )
        marker = StoreMarker.model_validate({"id": secrets.token_hex(16)})
        self.put_if_absent(MARKER, marker.to_json_text().encode())

    def announce_collections(self) -> None:
        """Have versions of Roundtrip that do not know of collections refuse this store, from now on. Raises as
        `has_marker`."""
        marker = StoreMarker.parse(self.get(MARKER) or b"", MARKER)
        if marker.schema_ < StoreMarker.newest_schema:
            changed = marker.model_copy(update={"schema_": StoreMarker.newest_schema})
            self.put_stream(MARKER, [changed.to_json_text().encode()])

    def identify(self) -> str:
        """Return what this store is known by on every machine, and hold it to that from now on.

        Raises InputError where this is no store of ours, UnreadableRecord, and as `require_identified`.
        """
        if self._identity:
            self.require_identified()
        elif identity := self._read_identity():
            self._identity = identity
        else:
            raise _no_store_error(self.address)
        return self._identity

    def _read_identity(self) -> str:
        marker = self.get(MARKER)
        return "" if marker is None else StoreMarker.parse(marker, MARKER).id or self.address

    def require_identified(self) -> None:
        """Raises StorageFailed where another store, or none, lies now where `identify` saw one: a folder that is not
        mounted any more looks as if it were empty."""
        if self._identity and self._read_identity() != self._identity:
            raise StorageFailed(
                "The store is not where it was, or another one lies there now; nothing was changed.",
                received=self.shown_address,
                cure="See that the folder is mounted, or that nobody emptied the bucket, then try again.",
            )

    def has_marker(self) -> bool:
        """Whether this is a store of ours. Raises UnreadableRecord where its schema is newer, or the marker broken."""
        marker = self.get(MARKER)
        if marker is None:
            return False
        StoreMarker.parse(marker, MARKER)
        return True

    def require_marker(self) -> None:
        """Raises InputError where this is no store of ours, UnreadableRecord where it is a newer one."""
        if not self.has_marker():
            raise _no_store_error(self.address)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        """Raise what the store raises as ours; that an object is absent stays what it is, a missing bucket does not."""
        try:
            yield
        except BaseError as error:
            raise translate_store_error(str(error), self.address) from error
        except (FileNotFoundError, PermissionError) as error:
            if isinstance(error, FileNotFoundError) and not any(name in str(error) for name in NO_BUCKET):
                raise
            raise translate_store_error(f"{type(error).__name__}: {error}", self.address) from error


def _folder_of(address: str, may_be_missing: bool) -> Path:
    """The folder of a file address. Raises InputError."""
    parts = urlsplit(address)
    folder = Path(unquote(parts.path))
    if parts.netloc not in ("", "localhost") or not folder.is_absolute():
        raise translate_store_error("unable to recognise URL", address)
    if not may_be_missing and not folder.is_dir():
        raise _no_store_error(address)
    return folder


def _no_store_error(address: str) -> InputError:
    cure = "Correct the address, or bring a library into it first: roundtrip migrate --to ADDRESS."
    return InputError("There is no store of Roundtrip at this address.", received=mask_address(address), cure=cure)


def _count_written(data: bytes) -> bytes:
    measure("store_bytes", len(data), direction="written")
    return data


def _count_read(data: bytes) -> bytes:
    measure("store_bytes", len(data), direction="read")
    return data


def open_object_store(address: str, makes_folder: bool = False) -> ObjectStore:
    """Open the store at an address; a bucket is not asked before it is used.

    Args:
        address: s3://BUCKET/FOLDER, gs://BUCKET/FOLDER, az://CONTAINER/FOLDER or file:///FOLDER, with credentials
            from the provider's own environment variables; memory:/// for tests.
        makes_folder: Whether a folder that is not there is made.

    Raises:
        InputError: it is no such address, or there is no such folder.
        StorageFailed: the folder cannot be made.
    """
    scheme = urlsplit(address).scheme
    if scheme not in SCHEMES:
        raise translate_store_error("unable to recognise URL", address)
    try:
        if scheme == "memory":
            return ObjectStore(MemoryStore(), address)
        if scheme == "file":
            return ObjectStore(LocalStore(_folder_of(address, makes_folder), mkdir=makes_folder), address)
        return ObjectStore(from_url(address, retry_config=RETRY), address)
    except (BaseError, OSError) as error:
        raise translate_store_error(str(error), address) from error
