"""Libraries to do harm to; in memory where the system has such a disk, so that thousands of flushes take no time."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from core.library import Library
from tests.factories.library_entries import make_artifact, make_run

SHARED_MEMORY = Path("/dev/shm")


@contextlib.contextmanager
def memory_disk() -> Iterator[Path]:
    """An empty folder, which is gone afterwards."""
    place = SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="roundtrip-", dir=place, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def make_home_factory(folder: Path) -> Callable[[], Path]:
    """A function that gives a new home below `folder` with a run and an artifact in it, listed once."""
    library = Library(folder / "mould")
    make_artifact(library, make_run(library))
    library.find()
    library._catalog._engine.dispose()
    count = iter(range(10**6))
    return lambda: shutil.copytree(folder / "mould", folder / str(next(count)))
