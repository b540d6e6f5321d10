"""`Contents`: the bytes of files under their SHA-256, equal files once, every byte verified when it is fetched."""

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from core.errors import Damaged
from core.library.storage import compute_sha256
from core.object_store.object_store import CHUNK_BYTES, ObjectStore
from core.object_store.unused_lists import UnusedLists

FOLDER = "contents"
SMALL_BYTES = 5 * 2**20  # up to which a file is one request
OnBytes = Callable[[int], None]  # gets the number of bytes since its last call; what it raises ends the transfer


class StoredPart(NamedTuple):
    """Bytes that are one object of the store already, as a part of a file: its key, and their SHA-256."""

    key: str
    sha256: str


class Contents:
    """The contents of an object store, or those below another folder of its keys, which are not collected."""

    def __init__(self, store: ObjectStore, folder: str = FOLDER):
        self._store, self._folder = store, folder
        self._unused = UnusedLists(store) if folder == FOLDER else None

    def key(self, sha256: str) -> str:
        """Return the key under which contents lie as long as no collection has listed them as unused."""
        return f"{self._folder}/{sha256[:2]}/{sha256}"

    def has_size(self, sha256: str, size: int) -> bool:
        """Whether so many bytes lie under a hash, whichever of its keys it is. Raises StorageFailed."""
        return any(self._store.size(key) == size for key in self._iterate_keys(sha256))

    def _list_later_keys(self, sha256: str) -> list[str]:
        """Return where contents lie beside their first key."""
        key = self.key(sha256)
        return [each for each in self._store.list_keys(key.rpartition("/")[0]) if each.startswith(f"{key}.")]

    def put_file(self, path: Path, sha256: str, on_bytes: OnBytes) -> bool:
        """Store a file under the hash that it was recorded with, unless equal bytes lie there; whether they did not.

        What lies there and has another size is replaced. The file is hashed while it is sent. Raises Damaged where it
        has another hash (nothing is stored then), OSError where it cannot be read, StorageFailed.
        """
        size = path.stat().st_size
        key = self._choose_key(sha256)
        if self._store.size(key) == size:
            on_bytes(size)
            return False
        self._put(key, _read_verified(path, sha256, on_bytes), size)
        return True

    def _choose_key(self, sha256: str) -> str:
        """Return a key of contents on which who stores them may rely."""
        return self._unused.choose_key(self.key(sha256)) if self._unused else self.key(sha256)

    def copy_in(self, key: str, sha256: str) -> bool:
        """Copy another object of the store that has this hash; returns whether there was one. Raises StorageFailed."""
        return self._store.copy(key, self._choose_key(sha256))

    def replace_file(self, path: Path, sha256: str) -> None:
        """Store a file in place of bytes that lie under its hash and have another, or beside them where a collection
        may delete those. Raises as `put_file`."""
        self._store.put_stream(self._choose_key(sha256), _read_verified(path, sha256, lambda count: None))

    def _put(self, key: str, chunks: Iterator[bytes], size: int) -> None:
        if size <= SMALL_BYTES:
            data = b"".join(chunks)
            if self._store.put_if_absent(key, data) or self._store.size(key) == size:
                return
            chunks = iter([data])
        self._store.put_stream(key, chunks)

    def fetch_file(self, sha256: str, target: Path, on_bytes: OnBytes) -> None:
        """Write contents into a new file. Raises Damaged where they are absent or have another hash, OSError,
        StorageFailed."""
        self.fetch_joined([sha256], sha256, target, on_bytes)

    def fetch_joined(self, parts: list[str], sha256: str, target: Path, on_bytes: OnBytes) -> None:
        """Write several contents, by their hashes, one after the other into a new file, which has that hash then.
        Raises as `fetch_file`."""
        with target.open("xb") as file:
            for part in parts:
                self._write_part(file, part, f"stored for {target.name}", on_bytes)
        if parts != [sha256]:
            _require_hash(compute_sha256(target), sha256, f"stored for {target.name}")

    def _write_part(self, file: BinaryIO, sha256: str, what: str, on_bytes: OnBytes) -> None:
        start = file.tell()
        for chunk in self._read_intact(sha256, what, on_bytes):
            if chunk is None:
                file.seek(start)
                file.truncate()
            else:
                file.write(chunk)

    def verify(self, sha256: str, on_bytes: OnBytes) -> None:
        """Read contents back. Raises Damaged where they are absent or have another hash, StorageFailed."""
        for _ in self._read_intact(sha256, f"of {sha256[:12]}…", on_bytes):
            pass

    def _read_intact(self, sha256: str, what: str, on_bytes: OnBytes) -> Iterator[bytes | None]:
        """Yield contents in pieces; None where what came so far is void, and they come from another key. Raises Damaged
        at the end where they are absent or damaged under each key."""
        wrong = ""
        for key in self._iterate_keys(sha256):
            digest = hashlib.sha256()
            with contextlib.suppress(FileNotFoundError):
                for chunk in self._store.stream(key):
                    digest.update(chunk)
                    on_bytes(len(chunk))
                    yield chunk
                if digest.hexdigest() == sha256:
                    return
                wrong = wrong or digest.hexdigest()
            yield None
        self._store.require_identified()
        if not wrong:
            raise Damaged(
                "Contents that a manifest lists are not in the store.",
                received=sha256,
                cure="Bring the library that holds it into the store once more: roundtrip migrate --to ADDRESS.",
            )
        _require_hash(wrong, sha256, what)

    def _iterate_keys(self, sha256: str) -> Iterator[str]:
        """Yield where contents may lie; the store is asked for later keys only after the first."""
        yield self.key(sha256)
        yield from self._list_later_keys(sha256)


def _read_verified(path: Path, sha256: str, on_bytes: OnBytes) -> Iterator[bytes]:
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
            on_bytes(len(chunk))
            yield chunk
    _require_hash(digest.hexdigest(), sha256, f"of the file {path.name}")


def _require_hash(actual: str, expected: str, what: str) -> None:
    if actual != expected:
        raise Damaged(
            f"The bytes {what} are not those that were recorded (their SHA-256 differs).",
            received=actual,
            cure="Restore them from a backup, or save the run again; nothing damaged was taken over.",
        )
