"""Ids of runs, artifacts and jobs: made, validated, and refused where nothing has them."""

import re
import secrets

from core.errors import UnknownName

ID_PATTERN = re.compile(r"[aijr][0-9a-f]{10}")
PLACE_SEPARATOR = "@"  # between an artifact's id and where it is asked; in no id and no alias


def new_id(kind: str) -> str:
    """A new id: "r" for a run, "a" for an artifact, "j" for a job, and 40 random bits. Ids are never reused."""
    return kind + secrets.token_hex(5)


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
