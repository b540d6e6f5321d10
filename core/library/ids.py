"""Ids of runs, artifacts and jobs: made, validated, and refused where nothing has them."""

import hashlib
import re
import secrets
import threading
from collections import Counter

from core.errors import UnknownName

ID_PATTERN = re.compile(r"[aijr][0-9a-f]{10}")
PLACE_SEPARATOR = "@"  # between an artifact's id and where it is asked; in no id and no alias


def new_id(kind: str) -> str:
    """A new id: "r" for a run, "a" for an artifact, "j" for a job, and 40 random bits. Ids are never reused."""
    return kind + secrets.token_hex(5)


class RepeatableIds:
    """Ids of what one piece of work makes: the same ones where it is done again. Threads may share it.

    Args:
        work: Names the piece of work, and no other.
    """

    def __init__(self, work: str):
        self._work = work
        self._counts: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    def peek(self, kind: str, what: str = "") -> str:
        """Return what `make` returns next."""
        text = f"{self._work} {kind} {what} {self._counts[kind, what]}"
        return kind + hashlib.sha256(text.encode()).hexdigest()[:10]

    def make(self, kind: str, what: str = "") -> str:
        """Return the next id of a kind; `what` tells apart what is made side by side, in any order."""
        with self._lock:
            id_ = self.peek(kind, what)
            self._counts[kind, what] += 1
        return id_


def validate_id(id_: str, kinds: str = "ar") -> str:
    """The id itself, if it is one of ours; nothing else may become part of a path. Raises UnknownName."""
    if ID_PATTERN.fullmatch(id_) and id_[0] in kinds:
        return id_
    raise unknown_id_error(id_)


def unknown_id_error(id_: str) -> UnknownName:
    return UnknownName(
        "Nothing in the library has this id.",
        received=id_[:80],
        cure="Look it up on the Library page, or with `roundtrip list`.",
    )
