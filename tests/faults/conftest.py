"""Libraries to do harm to; in memory where the system has such a disk, so that thousands of flushes take no time."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.library import Library
from tests.library.conftest import keep_artifact, keep_run

IN_MEMORY = Path("/dev/shm")


@pytest.fixture
def quick_disk(tmp_path: Path) -> Iterator[Path]:
    """An empty folder."""
    if not os.access(IN_MEMORY, os.W_OK):
        yield tmp_path
        return
    folder = Path(tempfile.mkdtemp(prefix="roundtrip-", dir=IN_MEMORY))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def fresh(quick_disk: Path) -> Callable[[], Path]:
    """A function that gives a new home with a run and an artifact in it, listed once."""
    library = Library(quick_disk / "mould")
    keep_artifact(library, keep_run(library))
    library.find()
    library._catalog._engine.dispose()
    count = iter(range(10**6))
    return lambda: shutil.copytree(quick_disk / "mould", quick_disk / str(next(count)))
