"""The catalog, made anew from the folders, and held against what it said before."""

from typing import NamedTuple

from core.library import Entry, Library
from core.words import counted


class Rebuilt(NamedTuple):
    """How many artifacts the catalog knew `before` and knows `after`, and in sentences where it had been wrong."""

    before: int
    after: int
    differences: list[str]


def rebuild(library: Library) -> Rebuilt:
    """Make the catalog anew; it should have said the same before. Raises StorageFailed."""
    before = library.find()
    library.rebuild()
    after = library.find()
    return Rebuilt(len(before), len(after), _differences(before, after))


def differences(library: Library) -> list[str]:
    """Where the catalog says something else than the folders, in sentences; nothing is changed but what every list
    brings in step."""
    return _differences(library.find(), library.read_anew())


def _differences(before: list[Entry], after: list[Entry]) -> list[str]:
    known, found = ({entry.id: entry for entry in entries} for entries in (before, after))
    lost = [f"{id_} was listed and is not there." for id_ in known.keys() - found.keys()]
    new = [f"{id_} is there and was not listed." for id_ in found.keys() - known.keys()]
    other = [_other(known[id_], found[id_]) for id_ in known.keys() & found.keys() if known[id_] != found[id_]]
    order = [entry.id for entry in before] != [entry.id for entry in after]
    said = ["The order of the list was another one."] if order and not (lost or new or other) else []
    return sorted(lost + new + other) + said


def _other(before: Entry, after: Entry) -> str:
    fields = [name for name in Entry._fields if getattr(before, name) != getattr(after, name)]
    return f"{after.id} was listed with {counted(len(fields), 'other fact')}: {', '.join(fields)}."
