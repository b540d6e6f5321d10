"""The catalog on a real PostgreSQL: the same lists, and what the server refuses is said, never replaced in silence."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sql

from core.errors import InputError, StorageFailed
from core.library import Library
from core.settings import PROJECT
from tests.factories.library_entries import make_artifact, make_run
from tests.postgresql_server import execute, new_database


@pytest.fixture
def database_url(postgresql: str) -> Iterator[str]:
    """The URL of an empty database."""
    with new_database(postgresql) as url:
        yield url


def change_url(url: str, **parts: str) -> str:
    return sql.make_url(url).set(**parts).render_as_string(hide_password=False)


@pytest.fixture
def library(tmp_path, database_url: str) -> Library:
    """Two artifacts of one run, listed once."""
    library = Library(tmp_path / "store", database_url)
    run = make_run(library)
    make_artifact(library, run, "keras")
    make_artifact(library, run, "h5")
    assert len(library.find()) == 2
    return library


def test_library_on_postgresql_lists_what_the_folders_hold(library: Library, database_url: str):
    assert library.catalog_backend() == "postgresql"
    assert library.find() == library.find_on_disk()
    (found,) = library.find("h5")
    library.annotate(found.id, tags=["nightly"])
    library.set_alias("champion", found.id)
    assert [entry.id for entry in library.find("champ")] == [found.id]
    assert Library(library.home, database_url).find() == library.find_on_disk()


def test_what_another_process_saves_is_listed_here(library: Library, database_url: str):
    environment = {**os.environ, "ROUNDTRIP_DATABASE_URL": database_url}
    command = [sys.executable, "-m", "tests.library.entry_writer", str(library.home), "3"]
    subprocess.run(command, cwd=PROJECT, env=environment, check=True, timeout=120)
    assert library.find() == library.find_on_disk()
    assert len(library.find()) > 2


def test_connection_that_was_cut_is_made_anew(library: Library, database_url: str, postgresql: str):
    before, name = library.find(), sql.make_url(database_url).database
    execute(postgresql, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    assert library.find() == before


def test_database_that_is_gone_is_said_and_what_was_saved_is_listed_later(
    library: Library, database_url: str, postgresql: str
):
    name = sql.make_url(database_url).database
    execute(postgresql, f"DROP DATABASE {name} WITH (FORCE)")
    artifact = make_artifact(library, library.runs()[0], "onnx")
    with pytest.raises(StorageFailed, match="There is no such database"):
        library.find()
    execute(postgresql, f"CREATE DATABASE {name}")
    again = Library(library.home, database_url)
    assert (again.catalog_backend(), artifact.id in {entry.id for entry in again.find()}) == ("postgresql", True)


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ({"query": {"host": "/no/such/folder"}}, "The database does not answer."),
        ({"query": {}, "host": "127.0.0.1", "port": 9}, "The database does not answer."),
        ({"database": "no_such_database"}, "There is no such database."),
        ({"username": "no_such_user"}, "The database does not let this user in."),
    ],
    ids=["folder", "port", "database", "user"],
)
def test_server_that_refuses_is_said_without_a_password(tmp_path, database_url: str, parts: dict, sentence: str):
    with pytest.raises(StorageFailed) as caught:
        Library(tmp_path / "store", change_url(database_url, password="secret", **parts))
    assert caught.value.sentence == sentence
    assert "secret" not in caught.value.received


def test_user_without_rights_is_told_which_are_missing(tmp_path, database_url: str):
    reader = f"reader_{secrets.token_hex(6)}"
    execute(database_url, f"CREATE ROLE {reader} LOGIN")
    try:
        with pytest.raises(StorageFailed, match="may not be written by this user"):
            Library(tmp_path / "store", change_url(database_url, username=reader))
    finally:
        execute(database_url, f"DROP ROLE {reader}")


def test_servers_that_start_at_once_make_the_tables_once(tmp_path, database_url: str):
    with ThreadPoolExecutor(4) as pool:
        libraries = list(pool.map(lambda _: Library(tmp_path / "store", database_url), range(4)))
    assert [library.find() for library in libraries] == [[]] * 4


def test_refused_statement_is_said_without_its_values(library: Library, database_url: str):
    execute(database_url, "ALTER TABLE entries_4 ADD CONSTRAINT short CHECK (length(entry) < 10) NOT VALID")
    library.annotate(library.find_on_disk()[0].id, note="a secret of another person")
    with pytest.raises(StorageFailed) as caught:
        library.find()
    assert "secret" not in str(caught.value.to_json())


def test_two_libraries_never_share_a_database(library: Library, database_url: str, tmp_path):
    with pytest.raises(InputError, match="belongs to another library"):
        Library(tmp_path / "another", database_url)
    assert len(library.find()) == 2
