"""Rebuild the catalog from the folders, and say where it differed from them."""

from typing import NamedTuple

from core.library import Entry, Library
from core.text.labels import pluralize


class RebuildResult(NamedTuple):
    """How many artifacts the catalog listed and lists now, and in sentences where it was wrong."""

    before: int
    after: int
    differences: list[str]


def rebuild_catalog(library: Library) -> RebuildResult:
    """Rebuild the catalog from the folders, and compare with what it was. Raises StorageFailed."""
    before = library.find()
    library.rebuild_catalog()
    after = library.find()
    return RebuildResult(len(before), len(after), _describe_differences(before, after))


def find_catalog_differences(library: Library) -> list[str]:
    """Say where the catalog differs from the folders, after the sync that every list does."""
    return _describe_differences(library.find(), library.find_on_disk())


def _describe_differences(before: list[Entry], after: list[Entry]) -> list[str]:
    old, new = ({entry.id: entry for entry in entries} for entries in (before, after))
    differences = [f"{id_} was listed and is not there." for id_ in old.keys() - new.keys()]
    differences += [f"{id_} is there and was not listed." for id_ in new.keys() - old.keys()]
    for id_ in old.keys() & new.keys():
        if fields := [name for name in Entry._fields if getattr(old[id_], name) != getattr(new[id_], name)]:
            differences.append(f"{id_} was listed with {pluralize(len(fields), 'other fact')}: {', '.join(fields)}.")
    if not differences and list(old) != list(new):
        return ["The order of the list was another one."]
    return sorted(differences)
