"""What the tests of faults share: places for libraries that may be harmed."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import mounted
from tests.faults import homes


@pytest.fixture
def quick_disk() -> Iterator[Path]:
    """An empty folder."""
    with homes.quick_disk() as folder:
        yield folder


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MiB of its own; skipped where none can be mounted."""
    with mounted(tmp_path / "disk", 8) as folder:
        yield folder


@pytest.fixture
def fresh(quick_disk: Path) -> Callable[[], Path]:
    """A function that gives a new home with a run and an artifact in it, listed once."""
    return homes.fresh_homes(quick_disk)
