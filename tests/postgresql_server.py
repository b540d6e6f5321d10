"""A real PostgreSQL for the tests: the server that ROUNDTRIP_TEST_DATABASE names, else one of our own in a folder."""

import contextlib
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sql

from tests.debian import install_package

VARIABLE = "ROUNDTRIP_TEST_DATABASE"  # a SQLAlchemy URL of a server on which databases may be created
DEBIAN_FOLDERS = Path("/usr/lib/postgresql")
SETTINGS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "listen_addresses=")  # a server of tests


def find_binaries() -> Path | None:
    """The folder of PostgreSQL's programs, or None."""
    folders = sorted(DEBIAN_FOLDERS.glob("*/bin"), reverse=True)
    if path := shutil.which("postgres"):
        folders.insert(0, Path(path).resolve().parent)
    return next((folder for folder in folders if (folder / "postgres").exists()), None)


def find_or_install_binaries() -> Path | None:
    """The same, from Debian's package where there were none and it may be installed."""
    if found := find_binaries():
        return found
    install_package("postgresql")
    return find_binaries()


@contextlib.contextmanager
def run_server() -> Iterator[str | None]:
    """The SQLAlchemy URL of a server, which ends with the block; None where there is no PostgreSQL to be had.

    It listens on a socket in its own folder alone.
    """
    if url := os.environ.get(VARIABLE):
        yield url
        return
    binaries = find_binaries()
    if binaries is None:
        yield None
        return
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # a short path: a socket's has 107 characters at most
    user = "postgres" if os.geteuid() == 0 else None  # PostgreSQL does not run as root
    if user:
        shutil.chown(folder, user)
    data = folder / "data"
    try:
        _run(user, binaries / "initdb", "-D", data, "-U", "roundtrip", "-A", "trust", "--no-sync", "-E", "UTF8")
        options = " ".join(f"-c {setting}" for setting in (*SETTINGS, f"unix_socket_directories={folder}"))
        _run(user, binaries / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options, "start")
        try:
            yield f"postgresql://roundtrip@/postgres?host={folder}"
        finally:
            _run(user, binaries / "pg_ctl", "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(user: str | None, *command: str | Path) -> None:
    # Its output goes to a file: the server keeps it open, and a pipe would be waited for.
    with tempfile.TemporaryFile() as output:
        ended = subprocess.run([*map(str, command)], user=user, stdout=output, stderr=output, cwd="/", timeout=120)
        output.seek(0)
        assert ended.returncode == 0, output.read().decode()


@contextlib.contextmanager
def new_database(server_url: str) -> Iterator[str]:
    """The URL of a new, empty database on that server; it is dropped afterwards."""
    url = create_database(server_url)
    try:
        yield url
    finally:
        execute(server_url, f"DROP DATABASE IF EXISTS {sql.make_url(url).database} WITH (FORCE)")


def create_database(server_url: str) -> str:
    """The URL of a new, empty database on that server."""
    name = f"roundtrip_test_{secrets.token_hex(6)}"
    execute(server_url, f"CREATE DATABASE {name}")
    return sql.make_url(server_url).set(database=name).render_as_string(hide_password=False)


def empty_database(url: str) -> None:
    """Take all rows out of all tables."""
    names = "string_agg(quote_ident(tablename), ', ') FROM pg_tables WHERE schemaname = 'public'"
    statement = f"BEGIN EXECUTE coalesce((SELECT 'TRUNCATE ' || {names}), 'SELECT 1'); END"
    execute(url, f"DO $$ {statement} $$")


def execute(url: str, statement: str) -> None:
    """Run a statement outside of any transaction."""
    from core.library.catalog.schema import open_engine

    engine = open_engine(url)
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(sql.text(statement))
    finally:
        engine.dispose()


def outlast_idle_limit(url: str) -> None:
    """Wait for as long as the server leaves a transaction to a new connection that does nothing in it."""
    from core.library.catalog.schema import open_engine
    from tests.helpers import wait_until

    engine = open_engine(url)
    with engine.connect() as idle, engine.connect().execution_options(isolation_level="AUTOCOMMIT") as other:
        number = idle.execute(sql.text("SELECT pg_backend_pid()")).scalar()
        is_there = sql.text(f"SELECT count(*) FROM pg_stat_activity WHERE pid = {number}")
        wait_until(lambda: other.execute(is_there).scalar() == 0)
        idle.invalidate()
    engine.dispose()


if __name__ == "__main__":
    print(find_or_install_binaries() or "There is no PostgreSQL for the tests: those of the catalog on it are skipped.")
