"""`Documents`: small texts that people change, each version an object of its own under the next number."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from core.errors import InputError
from core.library.annotation_files import AliasChange, Aliases, clean_name
from core.library.annotations import validate_alias
from core.library.ids import validate_id
from core.object_store.object_store import ObjectStore

DIGITS = 9  # of a version's number in its key, so that keys sort by it
REMOVED = b""  # the version of a document that is there no more


class Version(NamedTuple):
    """One version of a document, numbered from 1; 0 where it never was. `text` is None where it is not there."""

    number: int
    text: str | None


class Documents:
    """The documents below one folder of keys in an object store."""

    def __init__(self, store: ObjectStore, folder: str):
        self._store = store
        self._folder = folder

    def latest(self, name: str) -> Version:
        """Return the newest version of a document."""
        numbers = self._numbers(name)
        return self.read(name, numbers[-1]) if numbers else Version(0, None)

    def versions(self, name: str) -> list[Version]:
        """Return all versions of a document, the oldest first."""
        return [self.read(name, number) for number in self._numbers(name)]

    def read(self, name: str, number: int) -> Version:
        """Return one version of a document; without a text where there is none of that number."""
        data = self._store.get(self._key(name, number)) or REMOVED
        return Version(number, data.decode(errors="replace") if data != REMOVED else None)

    def append(self, name: str, text: str | None, after: int) -> bool:
        """Write the version that follows number `after`; False where another writer did so first. None removes it.

        Where the answer to this one was lost, and it was asked again, its own version is there.
        """
        data, key = REMOVED if text is None else text.encode(), self._key(name, after + 1)
        return self._store.put_if_absent(key, data) or self._store.get(key) == data

    def replace(self, name: str, text: str | None) -> bool:
        """Make `text` the newest version, whoever else writes; returns whether it was not already."""
        while (newest := self.latest(name)).text != text:
            if self.append(name, text, newest.number):
                return True
        return False

    def names(self) -> list[str]:
        """Return the names of all documents, sorted."""
        start = len(self._folder) + 1
        return sorted({key[start:].rpartition("/")[0] for key in self._store.list_keys(self._folder)} - {""})

    def numbers(self) -> dict[str, int]:
        """Return the number of the newest version of each document."""
        return latest_numbers(self._store.list_keys(self._folder), self._folder)

    def delete_all(self) -> None:
        """Delete every version of every document."""
        for key in self._store.list_keys(self._folder):
            self._store.discard(key)

    def _numbers(self, name: str) -> list[int]:
        ends = (key.rpartition("/")[2] for key in self._store.list_keys(f"{self._folder}/{name}"))
        return sorted(int(end) for end in ends if end.isdecimal() and len(end) == DIGITS)

    def _key(self, name: str, number: int) -> str:
        return f"{self._folder}/{name}/{number:0{DIGITS}}"


def latest_numbers(keys: Iterable[str], folder: str) -> dict[str, int]:
    """Return the number of the newest version by what stands before it in a key below `folder`."""
    numbers: dict[str, int] = {}
    for key in keys:
        name, _, end = key.removeprefix(f"{folder}/").rpartition("/")
        if name and end.isdecimal() and len(end) == DIGITS:
            numbers[name] = max(numbers.get(name, 0), int(end))
    return numbers


def parse_change(alias: str, text: str | None) -> AliasChange | None:
    """A change of that alias; None for an object that is none of ours."""
    try:
        change = AliasChange.model_validate_json(text or "")
        validate_alias(change.alias)
        for id_ in filter(None, (change.artifact, change.before)):
            validate_id(id_, "a")
        named = change.model_copy(update={"set_by": clean_name(change.set_by)})
    except (ValueError, InputError):
        return None
    return named if change.alias == alias else None


def changes_of(alias: str, versions: Iterable[Version]) -> list[AliasChange]:
    """The changes of an alias, the oldest first."""
    return [change for version in versions if (change := parse_change(alias, version.text))]


def targets(changes: Iterable[AliasChange]) -> set[str]:
    """The artifacts that an alias points or pointed to."""
    return {id_ for change in changes for id_ in (change.artifact, change.before) if id_}


def join_histories(versions_by_alias: Mapping[str, list[Version]]) -> Aliases:
    """All aliases with their history, the oldest change first.

    Those of one alias stay in their order, whatever the clocks said of the machines that made them.
    """
    dated: list[tuple[str, AliasChange]] = []
    pointed: dict[str, str] = {}
    for alias, versions in versions_by_alias.items():
        latest = ""
        for change in changes_of(alias, versions):
            latest = max(latest, change.created)
            dated.append((latest, change))
            pointed[alias] = change.artifact or ""
    history = [change for _, change in sorted(dated, key=lambda item: item[0])]
    aliases = {alias: id_ for alias, id_ in sorted(pointed.items()) if id_}
    return Aliases.model_validate({"aliases": aliases, "history": history})
