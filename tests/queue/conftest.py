"""Teams for the tests of the queue; a database is made once for a module, and each test has jobs of its own."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.jobs import Jobs
from tests.factories.queue_team import Team
from tests.postgresql_server import execute, new_database


@pytest.fixture(scope="module")
def database_url(postgresql: str) -> Iterator[str]:
    """The URL of a database."""
    with new_database(postgresql) as url:
        yield url


@pytest.fixture(scope="module")
def team_of_module(tmp_path_factory: pytest.TempPathFactory, database_url: str) -> Team:
    """A team with the tables of its database."""
    team = Team(tmp_path_factory.mktemp("team"), database_url)
    team.make_server()
    return team


@pytest.fixture
def shared_team(team_of_module: Team) -> Team:
    """The team of the module, in which no job or worker is left of the test before."""
    tables = "jobs_1, queues_1, workers_1, unlisted_entries_1, procrastinate_jobs"
    execute(team_of_module.database_url, f"TRUNCATE {tables} CASCADE")
    return team_of_module


@pytest.fixture
def team(tmp_path: Path, postgresql: str) -> Iterator[Team]:
    """A team with a database of the test's own."""
    with new_database(postgresql) as url:
        yield Team(tmp_path, url)


@pytest.fixture
def sending_jobs(team_of_module: Team, monkeypatch: pytest.MonkeyPatch) -> Iterator[Jobs]:
    """A server of a team, to which files come in parts of 1,000 bytes."""
    monkeypatch.setattr("core.uploads.store_place.PART_BYTES", 1000)
    yield team_of_module.make_server()
    execute(team_of_module.database_url, "TRUNCATE jobs_1, procrastinate_jobs CASCADE")


@pytest.fixture
def count_bytes(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """A function that says how many bytes of objects came to this process, or went from it."""
    counted = [0]
    monkeypatch.setattr(
        "core.object_store.object_store.measure",
        lambda name, value=1, **_: counted.append(value) if name == "store_bytes" else None,
    )
    return lambda: sum(counted)


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    """A small model of Keras."""
    model = "keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])"
    program = f"import keras, sys; {model}.save(sys.argv[1])"
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "model.keras")], check=True)
    return tmp_path / "model.keras"
