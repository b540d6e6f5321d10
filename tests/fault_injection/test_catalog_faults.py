"""A catalog that cannot be written, whatever the reason: everything goes on, and the list is what the folders say."""

import contextlib
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sql

from core.library import Library
from tests.factories.library_entries import make_artifact, make_imported_artifact, make_run
from tests.fault_injection.invariants import assert_invariants, hash_entries

SURVIVED = "faults injected and survived: a catalog that is {}"

pytestmark = pytest.mark.trust


def use_library(library: Library) -> set[str]:
    """All that people do, each followed by a list; gives the ids of the artifacts that are there."""
    run, there = make_run(library), {entry.id for entry in library.find()}
    for _ in range(3):
        there.add(make_artifact(library, run).id)
        assert list_ids(library) == there
    there.add(stored := make_imported_artifact(library).id)
    library.tag([stored], ["good"])
    assert [entry.id for entry in library.find("good")] == [stored]
    there -= set(library.remove(stored))
    assert list_ids(library) == there
    library.restore(stored)
    library.rebuild_catalog()
    assert list_ids(library) == there | {stored}
    return there | {stored}


def list_ids(library: Library) -> set[str]:
    return {entry.id for entry in library.find()}


@contextlib.contextmanager
def locked_catalog(library: Library, how: str) -> Iterator[None]:
    connection = sqlite3.connect(library.home / "catalog.sqlite", isolation_level=None)
    connection.execute(f"BEGIN {how}")
    try:
        yield
    finally:
        connection.close()


@contextlib.contextmanager
def read_only_catalog(library: Library) -> Iterator[None]:
    """Its file alone: the folder around it can be written."""
    path = str(library.home / "catalog.sqlite")
    if not shutil.which("mount") or subprocess.run(["mount", "--bind", path, path], capture_output=True).returncode:
        pytest.skip("mounting a file takes root")
    subprocess.run(["mount", "-o", "remount,ro,bind", path], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)


@contextlib.contextmanager
def full_catalog(library: Library) -> Iterator[None]:
    """SQLite's own limit: not one page more than there are, as on a disk that is full for it."""

    def limit(connection: sqlite3.Connection, _: object) -> None:
        if connection.execute("PRAGMA database_list").fetchone()[2]:  # which one in memory has no file for
            connection.execute("PRAGMA max_page_count=1")

    sql.event.listen(sql.Engine, "connect", limit)
    library._catalog._engine.dispose()
    try:
        yield
    finally:
        sql.event.remove(sql.Engine, "connect", limit)


@contextlib.contextmanager
def repeatedly_deleted_catalog(library: Library) -> Iterator[None]:
    stop = threading.Event()

    def delete() -> None:
        while not stop.wait(0.01):
            for path in library.home.glob("catalog.sqlite*"):
                path.unlink(missing_ok=True)

    deleting = threading.Thread(target=delete)
    deleting.start()
    try:
        yield
    finally:
        stop.set()
        deleting.join()


FAULTS: dict[str, Callable] = {
    "locked by a writer": lambda library: locked_catalog(library, "IMMEDIATE"),
    "locked for all": lambda library: locked_catalog(library, "EXCLUSIVE"),
    "read-only": read_only_catalog,
    "full": full_catalog,
    "deleted again and again": repeatedly_deleted_catalog,
}


LONG = pytest.mark.long


@pytest.mark.parametrize("fault", [pytest.param(item, marks=() if item == "full" else LONG) for item in FAULTS])
@pytest.mark.parametrize("opened", [pytest.param("before", marks=LONG), "meanwhile"])
def test_library_stays_usable_with_catalog_fault(tmp_path: Path, monkeypatch, fault: str, opened: str, tally: Callable):
    monkeypatch.setattr("core.library.catalog.schema.BUSY_TIMEOUT", 0.2)
    library = Library(tmp_path / "store")
    make_artifact(library, make_run(library))
    before = list_ids(library)
    with FAULTS[fault](library):
        there = use_library(library if opened == "before" else Library(library.home))
    assert before < there
    assert list_ids(library) == there
    assert_invariants(library.home, hash_entries(library.home))
    tally(SURVIVED.format(fault))
