"""A library that version 0.1.0 wrote."""

from pathlib import Path

import pytest

from core.jobs import Jobs
from core.library import Library
from core.settings import Settings
from core.worker import Worker
from tests.factories.jobs_of_0_1 import write_jobs_of_0_1
from tests.factories.library_of_0_1 import (
    write_library_of_0_1,
)


@pytest.fixture
def old_home(tmp_path) -> Path:
    """A folder that version 0.1.0 wrote."""
    home = tmp_path / "store"
    write_library_of_0_1(home)
    write_jobs_of_0_1(home / "jobs")
    return home


@pytest.fixture
def old_library(old_home) -> Library:
    """The library in it."""
    return Library(old_home)


@pytest.fixture
def old_jobs(old_library) -> Jobs:
    """Its jobs, with a worker that was not started: what is not found again fails."""
    return Jobs(old_library, Worker(), Settings(home=old_library.home))
