"""One line of the library's list, and the ids that entries go by."""

import re
import secrets
from typing import NamedTuple

from core.errors import UnknownName

ID = re.compile(r"[aijr][0-9a-f]{10}")


class Entry(NamedTuple):
    """An artifact as the list shows it. `problem` says in words why it cannot be read; then little else is known."""

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
