"""Staging folders, and the commit that makes an entry appear whole or not at all."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from core.library.storage import delete_folder, translate_disk_errors
from core.system import is_process_alive, process_start_time

_released_names: set[str] = set()  # by this process: what is still there could not be deleted then


@contextlib.contextmanager
def staging_folder(home: Path) -> Iterator[Path]:
    """An empty folder on the disk of `home`; whatever is still in it at the end is deleted."""
    folder = create_staging_folder(home)
    try:
        yield folder
    finally:
        release_staging_folder(folder)


def release_staging_folder(folder: Path) -> None:
    """Delete a staging folder of this process. What cannot be deleted now is abandoned from here on."""
    delete_folder(folder)
    _released_names.add(folder.name)


def find_abandoned_staging(home: Path) -> list[Path]:
    """Return the staging folders that no process writes into any more."""
    return [path for path in (home / "staging").iterdir() if not _is_in_use(path.name)]


def _is_in_use(name: str) -> bool:
    """Whether its process still writes into it; earlier versions named only the process's number, and none is left."""
    pid, _, started = name.rpartition("-")[0].partition("-")
    try:
        return name not in _released_names and is_process_alive(int(pid), float(started))
    except ValueError:
        return False


def create_staging_folder(home: Path) -> Path:
    """The same for a caller that releases it later."""
    folder = home / "staging" / f"{os.getpid()}-{process_start_time():.2f}-{secrets.token_hex(4)}"
    with translate_disk_errors():
        folder.mkdir(parents=True)
    return folder
