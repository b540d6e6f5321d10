"""The rows of a sweep that is under way, on the disk: a line each, written as they come."""

import contextlib
import os
from pathlib import Path

from pydantic import ValidationError

from core.library.storage import translate_disk_errors
from core.sweep.rows import SweepRow

ROWS_FILE = "rows.jsonl"


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
