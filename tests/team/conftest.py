"""Libraries of every kind, empty: in a folder, and in a store that a team shares."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sql

from core.library import Library
from core.object_store.team_library import open_library
from core.settings import Settings
from tests.postgresql_server import create_database, empty_database, execute

MachineOpener = Callable[..., Library]


@pytest.fixture(scope="session")
def free_databases(postgresql: str) -> Iterator[list[str]]:
    """The URLs of databases that nothing uses now: to make and drop one for each test would take most of its time."""
    yield (free := [])
    for url in free:
        execute(postgresql, f"DROP DATABASE {sql.make_url(url).database} WITH (FORCE)")


@pytest.fixture
def team_database(postgresql: str, free_databases: list[str]) -> Iterator[Callable[[], str]]:
    """A function that gives the URL of an empty database."""
    used: list[str] = []

    def take() -> str:
        if not free_databases:
            free_databases.append(create_database(postgresql))
        used.append(free_databases.pop())
        return used[-1]

    yield take
    for url in used:
        empty_database(url)
    free_databases += used


@pytest.fixture
def team_settings(tmp_path: Path, team_database: Callable[[], str]) -> Settings:
    """The settings of a team over an empty folder and an empty database."""
    (tmp_path / "shared store").mkdir()
    address = f"file://{tmp_path}/shared%20store"
    return Settings(home=tmp_path / "here", database_url=team_database(), store_url=address)


@pytest.fixture
def open_machine(tmp_path: Path, team_settings: Settings) -> MachineOpener:
    """A function that opens the team's library on a machine of that name, as with more settings that it is given."""

    def open_(name: str = "here", **settings: object) -> Library:
        return open_library(team_settings.model_copy(update={"home": tmp_path / name, **settings}))

    return open_


@pytest.fixture
def team_library(open_machine: MachineOpener) -> Library:
    """An empty library of a team."""
    return open_machine()


LONG = [pytest.param(name, marks=pytest.mark.long) for name in ("team on S3", "team on Azure")]


@pytest.fixture(params=["folder", "team", *LONG])
def any_library(request: pytest.FixtureRequest, tmp_path: Path) -> Library:
    """An empty library of each kind."""
    if request.param == "folder":
        return Library(tmp_path / "store")
    if request.param == "team":
        return request.getfixturevalue("open_machine")()
    make = request.getfixturevalue("make_bucket" if request.param == "team on S3" else "make_container")
    address = make()
    return request.getfixturevalue("open_machine")(store_url=address)
