"""`Manifest`: the files of one entry by path and hash; put last, and only where there was none."""

import contextlib
import hashlib
import json
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from core.errors import RoundtripError
from core.library.ids import ID_PATTERN, validate_id
from core.library.records import FileEntry
from core.object_store.object_store import ObjectStore
from core.record import Record

EntryState = Literal["written", "present", "different"]


def _require_plain_path(entry: FileEntry) -> FileEntry:
    """A manifest comes from outside: its paths stay below the entry's folder."""
    path = PurePosixPath(entry.path)
    is_plain = entry.path == path.as_posix() and not path.is_absolute() and ".." not in path.parts
    if not is_plain or not path.parts or "\\" in entry.path or "\0" in entry.path or ":" in path.parts[0]:
        raise ValueError(f"no plain path: {entry.path[:80]!r}")
    if entry.bytes < 0 or len(entry.sha256) != 64 or not set(entry.sha256) <= set("0123456789abcdef"):
        raise ValueError(f"no size and SHA-256: {entry.path[:80]!r}")
    return entry


class Manifest(Record):
    """The files of an entry that never change, sorted by path.

    An entry that `needs` another, with which it was made, is not there as long as that one is not, or where that one
    has other files: its hash of them is `needs_files`.
    """

    id: str = Field(pattern=ID_PATTERN.pattern)
    needs: str | None = Field(None, pattern=ID_PATTERN.pattern)
    needs_files: str | None = None
    files: list[Annotated[FileEntry, AfterValidator(_require_plain_path)]]

    @property
    def bytes(self) -> int:
        return sum(entry.bytes for entry in self.files)

    def hash_files(self) -> str:
        """Return the SHA-256 of the list of files."""
        text = json.dumps([file.model_dump(mode="json") for file in self.files], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def needing(self, other: "Manifest | None") -> "Manifest":
        """This one, as of an entry that was made with that other one."""
        needs = {"needs": other.id, "needs_files": other.hash_files()} if other else {}
        return self.model_copy(update=needs)

    def has_same_files(self, other: "Manifest") -> bool:
        return self.id == other.id and self.files == other.files


class Manifests:
    """The manifests of an object store."""

    def __init__(self, store: ObjectStore):
        self._store = store

    def put(self, manifest: Manifest) -> EntryState:
        """Make an entry appear, all of whose contents are stored; returns whether it was written, was there with these
        files, or with different ones."""
        if self._store.put_if_absent(self._key(manifest.id), manifest.to_json_text().encode()):
            return "written"
        there = self.read(manifest.id)
        if there == manifest:  # to the moment: the answer was lost, and the store was asked again
            return "written"
        return "present" if there and there.has_same_files(manifest) else "different"

    def read(self, id_: str) -> Manifest | None:
        """Return the manifest of an entry; None where there is none. Raises UnreadableRecord, StorageFailed."""
        data = self._store.get(self._key(validate_id(id_, "aijr")))
        return None if data is None else Manifest.parse(data, f"{id_}.json")

    def read_whole(self, id_: str) -> Manifest | None:
        """Return the manifest of an entry that is there with what it needs; None for another. Raises as `read`."""
        manifest = self.read(id_)
        return manifest if manifest and manifest.id == id_ and self.has_needed(manifest) else None

    def has(self, id_: str) -> bool:
        """Whether there is a manifest of that id, readable or not."""
        return self._store.size(self._key(validate_id(id_, "aijr"))) is not None

    def has_needed(self, manifest: Manifest) -> bool:
        """Whether what an entry needs is there, as it was when both were made. Raises as `read`."""
        if manifest.needs is None:
            return True
        needed = self.read(manifest.needs)
        return needed is not None and manifest.needs_files in (None, needed.hash_files())

    def delete(self, id_: str) -> bool:
        """Delete the manifest of an entry, which is gone then; returns whether there was one."""
        return self._store.delete(self._key(validate_id(id_, "aijr")))

    def withdraw(self, manifest: Manifest) -> None:
        """Delete a manifest that this process has put, as far as the store answers; another's of that id stays."""
        with contextlib.suppress(RoundtripError):
            if self.read(manifest.id) == manifest:
                self.delete(manifest.id)

    def ids(self) -> list[str]:
        """Return the ids of all entries, sorted; objects that are not ours are passed over."""
        names = (key.removeprefix("entries/") for key in self._store.list_keys("entries"))
        return [id_ for name in names if ID_PATTERN.fullmatch(id_ := name.removesuffix(".json")) and id_ != name]

    def _key(self, id_: str) -> str:
        return f"entries/{id_}.json"
