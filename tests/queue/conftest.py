"""Teams for the tests of the queue; a database is made once for a module, and each test has jobs of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.factories.queue_team import Team
from tests.postgresql_server import new_database


@pytest.fixture(scope="module")
def database_url(postgresql: str) -> Iterator[str]:
    """The URL of a database."""
    with new_database(postgresql) as url:
        yield url


@pytest.fixture
def team(tmp_path: Path, postgresql: str) -> Iterator[Team]:
    """A team with a database of the test's own."""
    with new_database(postgresql) as url:
        yield Team(tmp_path, url)
