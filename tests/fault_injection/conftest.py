"""What the tests of faults share: places for libraries that may be harmed."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fault_injection import temporary_libraries
from tests.helpers import mounted_tmpfs


@pytest.fixture
def memory_disk() -> Iterator[Path]:
    """An empty folder."""
    with temporary_libraries.memory_disk() as folder:
        yield folder


@pytest.fixture
def small_tmpfs(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MiB of its own; skipped where none can be mounted."""
    with mounted_tmpfs(tmp_path / "disk", 8) as folder:
        yield folder


@pytest.fixture
def make_library_home(memory_disk: Path) -> Callable[[], Path]:
    """A function that gives a new home with a run and an artifact in it, listed once."""
    return temporary_libraries.make_home_factory(memory_disk)
