"""Names, tags and notes as people type them, made fit to be stored and shown: one line, small letters, a length."""

import re
import unicodedata
from collections.abc import Iterable
from typing import Any

from core.errors import InputError

MAX_NAME_LENGTH = 200  # characters
MAX_TAG_LENGTH = 40  # characters
MAX_TAGS = 30
MAX_NOTE_LENGTH = 20_000  # characters
# Control characters would break a line of a table, and marks that turn the reading direction would forge one.
INVISIBLE_CHARACTERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


def clean_name(text: str) -> str:
    """A name in one line. Raises InputError."""
    return _require_max_length("name", _normalize_line(text), MAX_NAME_LENGTH)


def clean_tags(tags: Iterable[str]) -> list[str]:
    """Tags in small letters, each once, in order. Raises InputError."""
    lines = (_normalize_line(text).lower() for text in tags)
    cleaned = sorted({_require_max_length("tag", line, MAX_TAG_LENGTH) for line in lines if line})
    if len(cleaned) > MAX_TAGS:
        raise InputError(f"An entry takes {MAX_TAGS} tags.", received=f"{len(cleaned)} tags", cure="Leave some out.")
    return cleaned


def clean_note(text: str) -> str:
    """A note with its line breaks. Raises InputError."""
    lines = unicodedata.normalize("NFC", _replace_surrogates(text)).replace("\r\n", "\n").replace("\r", "\n")
    return _require_max_length("note", INVISIBLE_CHARACTERS.sub("", lines).strip(), MAX_NOTE_LENGTH)


def _normalize_line(text: str) -> str:
    """Text without line breaks and invisible characters, with single blanks."""
    line = unicodedata.normalize("NFC", re.sub(r"\s", " ", _replace_surrogates(text)))
    return " ".join(INVISIBLE_CHARACTERS.sub("", line).split())


def _replace_surrogates(text: str) -> str:
    """What a disk can store: half of a surrogate pair has no UTF-8."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _require_max_length(field: str, text: str, limit: int) -> str:
    if len(text) > limit:
        raise InputError(
            f"A {field} has at most {limit:,} characters.", received=f"{len(text):,} characters", cure="Shorten it."
        )
    return text


CLEANERS: dict[str, Any] = {"name": clean_name, "tags": clean_tags, "note": clean_note, "pinned": bool, "shared": bool}
