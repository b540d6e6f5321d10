"""One line of the library's list, what is asked of the list, and the ids that entries go by."""

import re
import secrets
from dataclasses import dataclass
from typing import NamedTuple

from core.errors import UnknownName

ID = re.compile(r"[aijr][0-9a-f]{10}")
KINDS = {"r": "runs", "a": "artifacts"}  # the folder in which entries lie, by the first letter of their ids
SORTS = ("created", "bytes", "name", "format", "demo", "verdict")
UNREADABLE = "unreadable"  # asked for among the verdicts: what has a problem


class Entry(NamedTuple):
    """An artifact as the list shows it. `problem` says in words why it cannot be read; then little else is known.

    `note` is the beginning of its note, in one line; `owner` the id of whose it is, None where it is nobody's.
    """

    id: str
    run: str | None = None
    run_name: str | None = None
    demo: str | None = None
    format: str | None = None
    created: str | None = None
    bytes: int | None = None
    verdict: str | None = None
    needs_code: bool | None = None
    problem: str | None = None
    trust: str | None = None
    made_from: str | None = None
    pinned: bool = False
    tags: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    note: str = ""
    owner: str | None = None
    shared: bool = False


class Source(NamedTuple):
    """A line with what it is found by beside what it shows: the whole note, the SHA-256 of each of its files; `only` is
    the id of the only person who sees it (see `core.library.access`).

    Where the disk refused for now, the line is not `sure`, and is read again at the next look.
    """

    entry: Entry
    note: str = ""
    hashes: tuple[str, ...] = ()
    sure: bool = True
    only: str = ""


@dataclass(frozen=True)
class Query:
    """Which artifacts, in which order, which page of them (the first is 1).

    Each word of `search` is looked for in ids, run names, demos, formats, tags, aliases and notes, or is the beginning
    of a file's SHA-256, six digits at least. Any of `demos` ("" for those of no demo), `formats` and `verdicts` will
    do ("unreadable" among the verdicts is what has a problem), and so will any of `ids`; all of `tags` must be there.
    `whose` is "mine" or
    "others" for a person who signed in, whose id is `me`; None sees all.
    """

    search: str = ""
    demos: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    verdicts: tuple[str, ...] = ()
    trust: str = ""
    pinned: bool | None = None
    alias: bool | None = None
    run: str = ""
    ids: tuple[str, ...] = ()
    whose: str = ""
    me: str | None = None
    sort: str = "created"
    descending: bool = True
    page: int = 1
    size: int | None = 50


class Page(NamedTuple):
    """One page of entries, how many there are on all pages, and their bytes.

    Where too many fit a search to count them all, there are `more` than `total`, and nobody knows the bytes.
    """

    entries: list[Entry]
    total: int
    bytes: int | None
    more: bool = False


def new_id(kind: str) -> str:
    """A new id: "r" for a run, "a" for an artifact, "j" for a job, and 40 random bits. Ids are never reused."""
    return kind + secrets.token_hex(5)


def checked_id(id_: str, kinds: str = "ar") -> str:
    """The id itself, if it is one of ours; nothing else may become part of a path.

    Raises UnknownName.
    """
    if ID.fullmatch(id_) and id_[0] in kinds:
        return id_
    raise unknown(id_)


def unknown(id_: str) -> UnknownName:
    return UnknownName(
        "Nothing in the library has this id.",
        received=id_[:80],
        cure="Look it up on the Library page, or with `python -m core list`.",
    )
