"""How much of the disk a library takes, by what takes it."""

import os
import shutil
from pathlib import Path
from typing import NamedTuple


class Space(NamedTuple):
    """Bytes of runs and artifacts, of the trash, of what jobs found, of sets of inputs, of the rest (the catalog, the
    server's log); `free` is what the disk has left."""

    runs: int
    artifacts: int
    trash: int
    jobs: int
    inputs: int
    rest: int
    free: int

    @property
    def total(self) -> int:
        return sum(self[:-1])


def space(home: Path) -> Space:
    """Looks at every file below the home of a library."""
    parts = {name: size_of(home / name) for name in ("runs", "artifacts", "trash", "jobs", "inputs")}
    rest = sum(size_of(Path(one.path)) for one in os.scandir(home) if one.name not in parts)
    return Space(**parts, rest=rest, free=shutil.disk_usage(home).free)


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files below a folder; links are not followed, and what goes meanwhile is nothing."""
    try:
        if not path.is_dir() or path.is_symlink():
            return path.lstat().st_size
        with os.scandir(path) as found:
            entries = list(found)
        return sum(
            size_of(Path(one.path)) if one.is_dir(follow_symlinks=False) else one.stat(follow_symlinks=False).st_size
            for one in entries
        )
    except OSError:
        return 0
