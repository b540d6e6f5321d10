"""The files of annotations, beside the records: names, tags, notes, pins, aliases; cleaned before they are stored.

An alias ("champion") points to one artifact and can move.
"""

import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from core.errors import InputError, UnreadableRecord
from core.library import storage
from core.record import Record, now

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


ANNOTATIONS_FILE = "marks.json"
ALIASES_FILE = "aliases.json"


class Annotations(Record):
    """`name` is given to runs alone; empty where the run goes by the name of its record. `shared`: everybody who
    signs in sees what has an owner."""

    name: str = ""
    tags: list[str] = Field(default_factory=list)
    note: str = ""
    pinned: bool = False
    shared: bool = False


class AliasChange(BaseModel):
    """Where an alias pointed from this time on, and `before` it: an artifact, or None for nowhere.

    `set_by` is the name of the person who changed it, empty where nobody had signed in; `created` is empty where an
    earlier version of Roundtrip, which noted no changes, had set it.
    """

    alias: str
    artifact: str | None
    before: str | None = None
    created: str = Field(default_factory=now)
    set_by: str = ""


class Aliases(Record):
    """Artifact ids by alias, and how that came about, the oldest change first."""

    aliases: dict[str, str] = Field(default_factory=dict)
    history: list[AliasChange] = Field(default_factory=list)

    def changed(self, change: AliasChange) -> "Aliases":
        """These aliases after a change."""
        others = {alias: id_ for alias, id_ in self.aliases.items() if alias != change.alias}
        moved = others | ({change.alias: change.artifact} if change.artifact else {})
        return self.model_copy(
            update={"aliases": dict(sorted(moved.items())), "history": [*self.known_history(), change]}
        )

    def known_history(self) -> list[AliasChange]:
        """All changes; of an alias that was set before changes were noted, that it points where it does."""
        noted = {change.alias for change in self.history}
        unnoted = {alias: id_ for alias, id_ in self.aliases.items() if alias not in noted}
        return [*(AliasChange(alias=alias, artifact=id_, created="") for alias, id_ in unnoted.items()), *self.history]


def read_annotations(folder: Path) -> Annotations:
    """The annotations of an entry, empty where it has none. Raises UnreadableRecord, StorageFailed."""
    path = folder / ANNOTATIONS_FILE
    with storage.translate_disk_errors():
        exists = path.exists()
    return Annotations.read(path) if exists else Annotations()


def read_annotations_or_empty(folder: Path) -> Annotations:
    """As `read_annotations`; broken ones are empty, so that they hide no artifact. Raises StorageFailed."""
    try:
        return read_annotations(folder)
    except UnreadableRecord:
        return Annotations()


def clean_changes(changes: dict[str, Any]) -> dict[str, Any]:
    """Changes of annotations as they are stored. Raises InputError for what does not fit."""
    return {key: CLEANERS[key](value) for key, value in changes.items()}


def parse_annotations(text: str | None) -> Annotations:
    """The annotations in the text of their file. Raises UnreadableRecord."""
    return Annotations() if text is None else Annotations.parse(text, ANNOTATIONS_FILE)


def read_aliases(home: Path) -> Aliases:
    """The aliases of a library. Raises UnreadableRecord."""
    path = home / ALIASES_FILE
    return Aliases.read(path) if path.exists() else Aliases()


def write_aliases(home: Path, aliases: Aliases) -> None:
    """Raises OSError."""
    storage.write_text_atomically(home / ALIASES_FILE, aliases.to_json_text())
