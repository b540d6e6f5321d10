"""Lookup in the registries: formats, demos, environments and cards are each known by a key."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Protocol, TypeVar

from core.errors import UnknownName


class Keyed(Protocol):
    @property
    def key(self) -> str: ...


T = TypeVar("T", bound=Keyed)


def find_by_key(entries: Iterable[T], key: str, noun: str) -> T:
    """Return the entry of that key; no more entries are made than it takes.

    Raises UnknownName with the nearest key and all that exist; `noun` is what an entry is called.
    """
    keys = []
    for entry in entries:
        if entry.key == key:
            return entry
        keys.append(entry.key)
    nearest = "".join(f"Did you mean {name}? " for name in get_close_matches(key, keys, n=1))
    raise UnknownName(f"There is no such {noun}.", received=key, cure=f"{nearest}Choose from {', '.join(keys)}.")
