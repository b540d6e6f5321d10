"""Which version of each document of a store a library has seen, so that no newer one is replaced by an older."""

import contextlib
import hashlib
from collections.abc import Iterator

from pydantic import Field

from core.errors import LibraryError
from core.library import Library, storage
from core.object_store import Documents, ObjectStore
from core.record import Record


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
