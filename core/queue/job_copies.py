"""What lies on this machine of jobs whose files are in the store: what was unused longest goes first."""

import contextlib
import os
import time
from pathlib import Path

from core.errors import RoundtripError
from core.library.ids import ID_PATTERN
from core.library.staging import staging_folder
from core.library.storage import size_on_disk
from core.queue.job_files import ENTRY_FILE

IN_USE_SECONDS = 3600.0  # for which what was used stays, whatever the limit


def touch_copy(folder: Path) -> None:
    """Note that what lies here of a job was used."""
    with contextlib.suppress(OSError):
        os.utime(folder / ENTRY_FILE)


def evict_copies(jobs: Path, max_bytes: float) -> list[str]:
    """Delete copies in the folder of all jobs until all take at most so many bytes; returns the ids.

    What was used within the hour stays, and what is not known to be in the store.
    """
    uses = _find_uses(jobs)
    sizes = {id_: size_on_disk(jobs / id_) for id_ in sorted(uses, key=uses.__getitem__)}
    total, evicted = sum(sizes.values()), []
    for id_, size in sizes.items():
        if total <= max_bytes or time.time() - uses[id_] < IN_USE_SECONDS:
            break
        delete_copy(jobs / id_)
        evicted.append(id_)
        total -= size
    return evicted


def delete_copy(folder: Path) -> None:
    """Delete what lies here of a job: away first, so that nobody finds half of it."""
    with contextlib.suppress(OSError, RoundtripError), staging_folder(folder.parents[1]) as staged:
        folder.rename(staged / folder.name)


def _find_uses(jobs: Path) -> dict[str, float]:
    """When each copy was last used, in seconds, by the id of the job."""
    uses = {}
    for folder in jobs.iterdir():
        if ID_PATTERN.fullmatch(folder.name):
            with contextlib.suppress(OSError):  # no copy, or another process deletes it
                uses[folder.name] = (folder / ENTRY_FILE).stat().st_mtime
    return uses
