"""`Contents`: the bytes of files under their SHA-256, equal files once, every byte verified when it is fetched."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

from core.errors import Damaged
from core.object_store.object_store import CHUNK_BYTES, ObjectStore
from core.object_store.unused_lists import UnusedLists

FOLDER = "contents"
SMALL_BYTES = 5 * 2**20  # up to which a file is one request
OnBytes = Callable[[int], None]  # gets the number of bytes since its last call; what it raises ends the transfer


class Contents:
    """The contents of an object store, or those below another folder of its keys, which are not collected."""

    def __init__(self, store: ObjectStore, folder: str = FOLDER):
        self._store, self._folder = store, folder
        self._unused = UnusedLists(store) if folder == FOLDER else None

    def key(self, sha256: str) -> str:
        """Return the key under which contents lie as long as no collection has listed them as unused."""
        return f"{self._folder}/{sha256[:2]}/{sha256}"

    def size(self, sha256: str) -> int | None:
        """Bytes that lie under a hash, as a number; None where none do. Raises StorageFailed."""
        size = self._store.size(self.key(sha256))
        if size is None and (key := self._find_later_key(sha256)):
            return self._store.size(key)
        return size

    def _find_later_key(self, sha256: str) -> str | None:
        """Return where contents lie that are not under their first key; None where there are none."""
        key = self.key(sha256)
        return next((each for each in self._store.list_keys(key.rpartition("/")[0]) if each.startswith(key)), None)

    def put_file(self, path: Path, sha256: str, on_bytes: OnBytes) -> bool:
        """Store a file under the hash that it was recorded with, unless equal bytes lie there; whether they did not.

        What lies there and has another size is replaced. The file is hashed while it is sent. Raises Damaged where it
        has another hash (nothing is stored then), OSError where it cannot be read, StorageFailed.
        """
        size = path.stat().st_size
        key = self._unused.choose_key(self.key(sha256)) if self._unused else self.key(sha256)
        if self._store.size(key) == size:
            on_bytes(size)
            return False
        self._put(key, _read_verified(path, sha256, on_bytes), size)
        return True

    def copy_in(self, key: str, sha256: str) -> bool:
        """Copy another object of the store that has this hash; returns whether there was one. Raises StorageFailed."""
        return self._store.copy(key, self.key(sha256))

    def replace_file(self, path: Path, sha256: str) -> None:
        """Store a file in place of bytes that lie under its hash and have another. Raises as `put_file`."""
        key = self.key(sha256)
        if self._store.size(key) is None:
            key = self._find_later_key(sha256) or key
        self._store.put_stream(key, _read_verified(path, sha256, lambda count: None))

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
        digest = hashlib.sha256()
        with target.open("xb") as file:
            for chunk in (chunk for part in parts for chunk in self._stream(part)):
                digest.update(chunk)
                file.write(chunk)
                on_bytes(len(chunk))
        _require_hash(digest.hexdigest(), sha256, f"stored for {target.name}")

    def verify(self, sha256: str, on_bytes: OnBytes) -> None:
        """Read contents back. Raises Damaged where they are absent or have another hash, StorageFailed."""
        digest = hashlib.sha256()
        for chunk in self._stream(sha256):
            digest.update(chunk)
            on_bytes(len(chunk))
        _require_hash(digest.hexdigest(), sha256, f"of {sha256[:12]}…")

    def _stream(self, sha256: str) -> Iterator[bytes]:
        try:
            try:
                yield from self._store.stream(self.key(sha256))
            except FileNotFoundError:
                if (key := self._find_later_key(sha256)) is None:
                    raise
                yield from self._store.stream(key)
        except FileNotFoundError as error:
            self._store.require_identified()
            raise Damaged(
                "Contents that a manifest lists are not in the store.",
                received=sha256,
                cure="Bring the library that holds it into the store once more: roundtrip migrate --to ADDRESS.",
            ) from error


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
