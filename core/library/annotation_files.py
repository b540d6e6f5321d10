"""The files of what people say of runs and artifacts, beside their records: names, tags, notes, pins, aliases.

An alias ("champion") points to one artifact and can move.
"""

from pathlib import Path
from typing import Any

from pydantic import Field

from core.errors import UnreadableRecord
from core.library import storage
from core.library.annotation_cleaning import CLEANERS
from core.record import Record

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


class Aliases(Record):
    """Artifact ids by alias."""

    aliases: dict[str, str] = Field(default_factory=dict)


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


def write_annotations(folder: Path, changes: dict[str, Any]) -> Annotations:
    """Change some annotations of an entry. Raises InputError for what does not fit, UnreadableRecord, OSError."""
    cleaned = {key: CLEANERS[key](value) for key, value in changes.items()}
    annotations = read_annotations(folder).model_copy(update=cleaned)
    storage.write_text_atomically(folder / ANNOTATIONS_FILE, annotations.to_json_text())
    return annotations


def read_aliases(home: Path) -> dict[str, str]:
    """Artifact ids by alias. Raises UnreadableRecord."""
    path = home / ALIASES_FILE
    return Aliases.read(path).aliases if path.exists() else {}


def write_aliases(home: Path, aliases: dict[str, str]) -> None:
    """Raises OSError."""
    storage.write_text_atomically(home / ALIASES_FILE, Aliases(aliases=dict(sorted(aliases.items()))).to_json_text())
