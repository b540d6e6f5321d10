"""One entry, or one alias with its history, brought into a store or out of it: whole or absent on the other side.

What arrives is verified, nothing is overwritten, and no document replaces a newer one: which version of each a library
has seen is noted.
"""

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

from pydantic import Field

from core.errors import Damaged, InputError, LibraryError
from core.library import Library, storage
from core.library.annotation_files import AliasChange
from core.library.annotations import group_by_alias
from core.library.ids import validate_id
from core.library.job_store import Job
from core.library.storage import translate_disk_errors
from core.library.trash_folder import REMOVAL_FILE
from core.migration.entry_folders import find_local_entry
from core.object_store import Contents, Documents, Manifest, Manifests, ObjectStore, Putting
from core.object_store.documents import parse_change
from core.object_store.local_entry import DOCUMENT_FILES, FOLDER_BY_KIND, LocalEntry, OnBytes
from core.record import INVALID_JSON_ERRORS, Record

DIFFERENT_CURE = "Keep that which is right under its id, and move the other one away by hand."


def push_aliases(library: Library, store: ObjectStore) -> int:
    """Append to the store what a library did with its aliases and the store does not know; returns how many changes.

    Where both were changed since, where the alias points in the library becomes the newest change.
    """
    documents = Documents(store, "aliases")
    groups = group_by_alias(reversed(library.alias_history()))
    return sum(_push(documents, alias, changes) for alias, changes in groups.items())


def _push(documents: Documents, alias: str, changes: list[AliasChange]) -> int:
    texts = [change.model_dump_json() for change in changes]
    stored = documents.versions(alias)
    stored_texts = [version.text for version in stored]
    if texts[: len(stored)] == stored_texts:
        missing = texts[len(stored) :]
    else:
        is_known = texts == stored_texts[: len(texts)] or _target(stored_texts[-1]) == changes[-1].artifact
        missing = [] if is_known else texts[-1:]
    for at, text in enumerate(missing):
        if not documents.append(alias, text, len(stored) + at):  # somebody else moved it just now: look again
            return _push(documents, alias, changes)
    return len(missing)


def _target(text: str | None) -> str | None:
    try:
        target: str | None = json.loads(text or "{}").get("artifact")
    except INVALID_JSON_ERRORS:
        return None
    return target


def pull_aliases(library: Library, store: ObjectStore) -> int:
    """Bring the aliases of a store into a library; returns how many changes came. An alias that the library moved
    itself stays where it points there."""
    documents = Documents(store, "aliases")
    stored = [parse_change(alias, version.text) for alias in documents.names() for version in documents.versions(alias)]
    return library.add_alias_history([change for change in stored if change])


class SeenVersions(Record):
    """Numbers of versions by the id of an entry and the name of a document, for one store."""

    versions: dict[str, int] = Field(default_factory=dict)

    def push(self, documents: Documents, id_: str, name: str, text: str | None) -> bool:
        """Append a text that was changed here since the version that was seen; returns whether anything was.

        Raises LibraryError where the store has been changed since, too: its newest version stays.
        """
        latest, seen = documents.latest(name), self.versions.get(f"{id_}/{name}", 0)
        if text == latest.text:
            self.see(id_, name, latest.number)
            return False
        if text is None and not seen:  # what was never here is not missing there
            return False
        if latest.number == seen and documents.append(name, text, seen):
            self.see(id_, name, seen + 1)
            return True
        if seen and documents.read(name, seen).text == text:  # changed there alone
            return False
        raise LibraryError(
            f"{name} was changed both here and in the store; the store's stays there, and yours here.",
            received=id_,
            cure="Bring the store into another library to compare the two, then change one of them again.",
        )

    def see(self, id_: str, name: str, number: int) -> None:
        """Note that a version is known here."""
        self.versions[f"{id_}/{name}"] = number


@contextlib.contextmanager
def remembered_versions(library: Library, store: ObjectStore) -> Iterator[SeenVersions]:
    """The versions that a library has seen of a store; what it sees meanwhile is written at the end, come what may."""
    path = library.home / "migrations" / f"{hashlib.sha256(store.address.encode()).hexdigest()[:16]}.json"
    with storage.translate_disk_errors():
        path.parent.mkdir(exist_ok=True)
    seen = SeenVersions.read(path) if path.exists() else SeenVersions.model_validate({})
    try:
        yield seen
    finally:
        with storage.translate_disk_errors():
            storage.write_text_atomically(path, seen.to_json_text())


class Transfer:
    """Brings entries of one library into one store, and out of it. Threads may share it.

    Args:
        on_bytes: Called with the number of bytes that were read since its last call; what it raises ends the transfer.
        is_read_back: Whether all contents of an entry are read back and hashed before its manifest is written.
        seen: The versions of documents that the library knows.
    """

    def __init__(self, library: Library, store: ObjectStore, on_bytes: OnBytes, is_read_back: bool, seen: SeenVersions):
        self._library, self._store, self._on_bytes, self._is_read_back = library, store, on_bytes, is_read_back
        self._contents, self._manifests, self._seen = Contents(store), Manifests(store), seen
        self._read_back: set[str] = set()  # hashes of contents

    def push(self, entry: LocalEntry) -> tuple[bool, int]:
        """Bring an entry into the store; returns whether it was not there, and its bytes.

        Of a job, which may be done again under its id, the one that is there stays. Raises InputError where the store
        has another entry of its id, LibraryError where a document was changed on both sides, Damaged, StorageFailed.
        """
        with translate_disk_errors():
            stored = self._manifests.read(entry.id)
            if stored and (entry.has_sizes_of(stored) or _is_job(entry.id)):
                manifest, is_new = stored, False
                self._on_bytes(manifest.bytes)
            else:
                putting = Putting(lambda: self._put_contents(entry))
                with putting.listed(lambda: self._manifests.withdraw(manifest)):
                    manifest = putting.result
                    if (state := self._manifests.put(manifest)) == "different" and not _is_job(entry.id):
                        raise _different_error(entry.id, "The store")
                is_new = state == "written"
            for name, text in entry.documents().items():
                is_new |= self._seen.push(self._documents(entry.id), entry.id, name, text)
        return is_new, manifest.bytes

    def _put_contents(self, entry: LocalEntry) -> Manifest:
        """A damaged file is brought along as it is: its record still says what it should be."""
        manifest = entry.make_manifest(self._on_bytes, is_recorded=True)
        try:
            self._put_files(entry, manifest, self._on_bytes)
        except Damaged:
            manifest = entry.make_manifest(_ignore_bytes, is_recorded=False)
            self._put_files(entry, manifest, _ignore_bytes)
        if self._is_read_back:
            self._verify_contents(entry, manifest)
        return manifest

    def _put_files(self, entry: LocalEntry, manifest: Manifest, on_bytes: OnBytes) -> None:
        for file in manifest.files:
            self._contents.put_file(entry.folder / file.path, file.sha256, on_bytes)

    def _verify_contents(self, entry: LocalEntry, manifest: Manifest) -> None:
        """Read all contents back, also those that were there; what has another hash is put anew. Raises Damaged."""
        for file in manifest.files:
            if file.sha256 in self._read_back:
                continue
            try:
                self._contents.verify(file.sha256, _ignore_bytes)
            except Damaged:
                self._contents.replace_file(entry.folder / file.path, file.sha256)
                self._contents.verify(file.sha256, _ignore_bytes)
            self._read_back.add(file.sha256)

    def pull(self, id_: str) -> tuple[bool, int]:
        """Bring an entry of the store into the library, a job under its own id; returns whether it was not there, and
        its bytes.

        What is there already keeps its annotations. Raises InputError where the library has another entry of its id,
        UnreadableRecord for a manifest that is none of ours, Damaged, StorageFailed.
        """
        manifest = self._manifests.read(id_)
        if manifest is None or manifest.id != id_:
            raise LibraryError("The store lists an entry without its manifest.", received=id_, cure="Try again.")
        if not self._manifests.has_needed(manifest):
            return False, 0  # the commit of both was never ended, so it is not there
        with translate_disk_errors():
            target = self._read_job_id(manifest) if _is_job(id_) else id_
            if entry := find_local_entry(self._library, target):
                if not entry.has_sizes_of(manifest) and not _is_job(id_):
                    raise _different_error(id_, "The library")
                self._on_bytes(manifest.bytes)
                return False, manifest.bytes
            self._fetch(manifest, target)
        return True, manifest.bytes

    def _read_job_id(self, manifest: Manifest) -> str:
        """The id of a job by its record: the entry of what a worker of a team made has an id of its own."""
        record = next((file for file in manifest.files if file.path == "job.json"), None)
        if record is None:
            return manifest.id
        with self._library.staging() as staged:
            self._contents.fetch_file(record.sha256, staged / record.path, self._on_bytes)
            return validate_id(Job.read(staged / record.path).id, "j")

    def _fetch(self, manifest: Manifest, target_id: str) -> None:
        with self._library.staging() as staged:
            folder = staged / target_id
            folder.mkdir()
            for file in manifest.files:
                target = folder / file.path
                target.parent.mkdir(parents=True, exist_ok=True)
                self._contents.fetch_file(file.sha256, target, self._on_bytes)
            is_removed = self._write_documents(folder, manifest.id)
            storage.flush_folder(folder)
            place = "trash" if is_removed else FOLDER_BY_KIND[manifest.id[0]]
            storage.rename_durably(folder, self._library.home / place / target_id)

    def _write_documents(self, folder: Path, id_: str) -> bool:
        """Write the newest version of each document; returns whether the entry lies in the trash."""
        latest = {name: self._documents(id_).latest(name) for name in DOCUMENT_FILES}
        for name, version in latest.items():
            self._seen.see(id_, name, version.number)
            if version.text is not None:
                (folder / name).write_text(version.text, encoding="utf-8")
        return latest[REMOVAL_FILE].text is not None

    def _documents(self, id_: str) -> Documents:
        return Documents(self._store, f"documents/{id_}")


def _is_job(id_: str) -> bool:
    return id_.startswith("j")


def _different_error(id_: str, place: str) -> InputError:
    return InputError(
        f"{place} has another entry under this id, which was not touched.", received=id_, cure=DIFFERENT_CURE
    )


_ignore_bytes: Callable[[int], None] = storage.ignore_progress
