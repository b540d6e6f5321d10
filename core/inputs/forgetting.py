"""Input sets that nobody has used for long make room for new ones; they are work, not property."""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from core.errors import RoundtripError
from core.inputs.records import RECORD
from core.library import files
from core.settings import Settings

DAY = 24 * 3600
HOUR = 3600
MIB = 2**20


def forget(home: Path, config: Settings, newest: str) -> None:
    """Of more sets than are kept, forget those that were not used for a day; of more bytes, for an hour."""
    total = 0
    for at, (used, size, folder) in enumerate(sorted(_sets(home), reverse=True)):
        total += size
        age = time.time() - used
        crowded = at >= config.keep_inputs and age > DAY
        too_much = total > config.inputs_total_mib * MIB and age > HOUR
        if (crowded or too_much) and folder.name != newest:
            discard(home, folder)


def _sets(home: Path) -> Iterator[tuple[float, int, Path]]:
    """When each was used last, its bytes, and where it lies."""
    for folder in (home / "inputs").iterdir():
        with contextlib.suppress(OSError):  # gone just now
            record = folder / RECORD
            used = (record if record.exists() else folder).stat().st_mtime
            yield used, sum(one.stat().st_size for one in folder.iterdir()), folder


def discard(home: Path, folder: Path) -> None:
    """Delete a set: first out of its place, so that nobody finds half of it."""
    with contextlib.suppress(RoundtripError, OSError), files.staging(home) as staged:
        os.rename(folder, staged / folder.name)
