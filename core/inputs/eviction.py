"""Which input sets go from the disk when there are too many: those that were not used for longest."""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from core.errors import RoundtripError
from core.inputs.input_set import DAY, HOUR, RECORD_FILE
from core.library import staging
from core.settings import MB, Settings


def evict_input_sets(home: Path, config: Settings, newest_id: str) -> None:
    """Delete sets over the limits: by number those not used for a day, by bytes those not used for an hour."""
    total = 0
    for at, (used, size, folder) in enumerate(sorted(_list_sets(home), reverse=True)):
        total += size
        age = time.time() - used
        is_one_too_many = at >= config.keep_inputs and age > DAY
        is_too_large = total > config.inputs_total_mb * MB and age > HOUR
        if (is_one_too_many or is_too_large) and folder.name != newest_id:
            delete_input_set(home, folder)


def _list_sets(home: Path) -> Iterator[tuple[float, int, Path]]:
    """Yield when each was used last, its bytes, and its folder."""
    for folder in (home / "inputs").iterdir():
        with contextlib.suppress(OSError):  # deleted just now
            record = folder / RECORD_FILE
            used = (record if record.exists() else folder).stat().st_mtime
            yield used, sum(file.stat().st_size for file in folder.iterdir()), folder


def delete_input_set(home: Path, folder: Path) -> None:
    """Delete a set, moved away first so that no reader meets half of it."""
    with contextlib.suppress(RoundtripError, OSError), staging.staging_folder(home) as staged:
        os.rename(folder, staged / folder.name)
