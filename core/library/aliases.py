"""Names that point to one artifact each and can move: "champion"."""

import re
from pathlib import Path

from pydantic import Field

from core.errors import InputError, UnknownName
from core.library import files
from core.library.entries import ID
from core.record import Record

FILE = "aliases.json"
ALIAS = re.compile(r"[^\W\d_][\w.-]{0,63}")
TAKEN = {"none", "demo"}  # what `--code ID=SOURCE` takes beside ids


class Aliases(Record):
    """Alias to artifact id."""

    aliases: dict[str, str] = Field(default_factory=dict)


def read_aliases(home: Path) -> dict[str, str]:
    """Alias to artifact id. Raises UnreadableRecord."""
    path = home / FILE
    return Aliases.read(path).aliases if path.exists() else {}


def write_aliases(home: Path, aliases: dict[str, str]) -> None:
    """Raises OSError."""
    files.write_text(home / FILE, Aliases(aliases=dict(sorted(aliases.items()))).text())


def checked_alias(text: str) -> str:
    """The alias itself, if it can be one. Raises InputError."""
    if not ALIAS.fullmatch(text) or ID.fullmatch(text) or text in TAKEN:
        raise InputError(
            "An alias begins with a letter and has letters, digits, '_', '-' and '.', 64 at most.",
            received=text[:80],
            cure="For example champion, or tips-best.",
        )
    return text


def no_alias(text: str) -> UnknownName:
    return UnknownName("There is no such alias.", received=text[:80], cure="See `python -m core alias`.")
