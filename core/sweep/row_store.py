"""What sweeps found out, on the disk: the rows of the one under way, and answers of earlier ones by what was asked.

Answers are a cache in the library's folder: where it cannot be read or written, what it held is asked anew.
"""

import contextlib
import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from core.environments.base import Environment
from core.library.storage import translate_disk_errors
from core.sweep.rows import SweepRow
from core.upgrade.row_store import hash_scripts

SCHEMA_VERSION = 2
MAX_ANSWERS = 100_000  # that are kept, those written last
PRUNE_EVERY = 1_000  # answers between two looks whether there are too many
WAIT_SECONDS = 10  # for another writer
COLUMNS = "number INTEGER PRIMARY KEY, key TEXT UNIQUE NOT NULL, answer TEXT NOT NULL"
ROWS_FILE = "rows.jsonl"


def answer_key(*parts: object) -> str:
    """Return the key of a question."""
    return hashlib.sha256(json.dumps([SCHEMA_VERSION, *parts]).encode()).hexdigest()


def cell_key(artifact: str, environment: Environment, machine: str = "") -> str:
    """Return the key of a copy in an environment: of its packages, of its machine and of our scripts there; `machine`
    is what identifies another one than this."""
    more = [machine] if machine else []
    return answer_key("cell", artifact, environment.key, environment.folder_name, hash_scripts(), *more)


class AnswerStore:
    """Answers as JSON by key. Safe to use from several threads and processes."""

    def __init__(self, home: Path):
        self._path = home / "cache" / "sweeps.sqlite"

    def find(self, key: str) -> dict[str, Any] | None:
        """Return an answer; None where there is none."""
        with contextlib.suppress(sqlite3.Error, OSError, ValueError), self._open() as database:
            row = database.execute("SELECT answer FROM answers WHERE key = ?", (key,)).fetchone()
            return dict(json.loads(row[0])) if row else None
        return None

    def add(self, key: str, answer: dict[str, Any]) -> None:
        """Keep an answer, in place of an earlier one."""
        with contextlib.suppress(sqlite3.Error, OSError), self._open() as database:
            values = (key, json.dumps(answer))
            number = database.execute("INSERT OR REPLACE INTO answers (key, answer) VALUES (?, ?)", values).lastrowid
            if number and number % PRUNE_EVERY == 0:
                database.execute("DELETE FROM answers WHERE number <= ?", (number - MAX_ANSWERS,))

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.closing(sqlite3.connect(self._path, timeout=WAIT_SECONDS)) as database, database:
            database.execute(f"CREATE TABLE IF NOT EXISTS answers ({COLUMNS})")
            yield database


def append_row(folder: Path, row: SweepRow) -> None:
    """Write a row behind the others. Raises StorageFailed."""
    with translate_disk_errors():
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / ROWS_FILE).open("a", encoding="utf-8") as file:
            file.write(row.model_dump_json() + "\n")


def read_row_file(folder: Path, last_bytes: int | None = None) -> list[SweepRow]:
    """Return the rows that are there, or those in the `last_bytes`; a line that was cut off is none."""
    rows = []
    with contextlib.suppress(OSError), (folder / ROWS_FILE).open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - last_bytes) if last_bytes else 0)
        for line in file:
            with contextlib.suppress(ValidationError):
                rows.append(SweepRow.model_validate_json(line))
    return rows
