"""The catalog can be lost, cut, locked or unwritable at any time: the list stays the same."""

import sqlite3
import threading
import time

import pytest

from core.errors import InputError
from core.library import Library
from core.library.catalog.catalog import FOLDERS_PER_TRANSACTION, Catalog
from core.library.catalog.schema import ENTRIES
from core.library.records import Entry, IndexedEntry, Query
from tests.factories.library_entries import make_artifact, make_run
from tests.helpers import overwrite_file


@pytest.fixture
def library(empty_library: Library) -> Library:
    """Three artifacts of two runs, listed once."""
    first, second = make_run(empty_library), make_run(empty_library, demo="digits-core", name="Another")
    for run, format_key in ((first, "keras"), (first, "h5"), (second, "checkpoint")):
        make_artifact(empty_library, run, format_key)
    assert len(empty_library.find()) == 3
    return empty_library


def catalog_path(library: Library):
    return library.home / "catalog.sqlite"


def delete_catalog(path):
    for item in path.parent.glob("catalog.sqlite*"):
        item.unlink()


def truncate_catalog(path):
    path.write_bytes(path.read_bytes()[:5000])


def write_garbage(path):
    path.write_bytes(b"this is no database " * 500)


def empty_catalog(path):
    path.write_bytes(b"")


def replace_schema(path):
    delete_catalog(path)
    with sqlite3.connect(path) as connection:
        connection.execute(f"CREATE TABLE {ENTRIES.name} (id TEXT, colour TEXT)")


def replace_by_folder(path):
    delete_catalog(path)
    path.mkdir()


CATALOG_DAMAGE = [delete_catalog, truncate_catalog, write_garbage, empty_catalog, replace_schema, replace_by_folder]


@pytest.mark.parametrize("harm", CATALOG_DAMAGE, ids=lambda harm: harm.__name__)
def test_new_library_lists_the_same_after_catalog_damage(library, harm):
    before = library.find()
    library._catalog._engine.dispose()
    harm(catalog_path(library))
    again = Library(library.home)
    assert again.find() == before
    assert again.find("checkpoint") == [entry for entry in before if entry.format == "checkpoint"]


def test_catalog_url_of_foreign_file_leaves_it_untouched(library, tmp_path):
    other = tmp_path / "holiday.jpg"
    other.write_bytes(b"no database " * 500)
    assert Library(library.home, f"sqlite:///{other}").find() == library.find()
    assert other.read_bytes() == b"no database " * 500


@pytest.mark.parametrize("harm", CATALOG_DAMAGE, ids=lambda harm: harm.__name__)
def test_open_library_lists_the_same_after_catalog_damage(library, harm):
    before = library.find()
    harm(catalog_path(library))
    assert library.find() == before
    artifact = make_artifact(library, library.runs()[0])
    assert library.find()[0].id == artifact.id
    assert len(library.find()) == 4


def test_the_catalog_equals_what_a_rebuild_gives(library):
    overwrite_file(library.home / "artifacts" / library.find()[0].id / "artifact.json", "{")
    library.remove(library.find("h5")[0].id)
    before = library.find()
    library.rebuild_catalog()
    once = library.find()
    library.rebuild_catalog()
    assert before == once == library.find()
    assert sum(entry.problem is not None for entry in once) == 1


def synchronize(catalog: Catalog, stamps: dict[str, int], read) -> None:
    catalog.sync(stamps, lambda id_, run: stamps[id_], read)


def find_all(catalog: Catalog, search: str = "") -> list[Entry]:
    return catalog.page(Query(search, size=None)).entries


def test_sync_reads_only_changed_entries():
    read, item = [], Catalog("sqlite://")

    def source(id_: str) -> IndexedEntry:
        read.append(id_)
        return IndexedEntry(Entry(id=id_, created=id_))

    synchronize(item, {"a1": 10, "a2": 10}, source)
    synchronize(item, {"a1": 10, "a2": 10}, source)
    synchronize(item, {"a1": 11, "a3": 10}, lambda id_: None if id_ == "a2" else source(id_))
    assert sorted(read) == ["a1", "a1", "a2", "a3"]
    assert [result.id for result in find_all(item)] == ["a3", "a1"]


def test_sync_adds_and_deletes_thousands_of_rows():
    item, count = Catalog("sqlite://"), FOLDERS_PER_TRANSACTION + 1200
    synchronize(item, {f"a{number}": 1 for number in range(count)}, lambda id_: IndexedEntry(Entry(id=id_, bytes=2)))
    assert len(find_all(item)) == count
    assert item.page(Query(size=1))[1:3] == (count, 2 * count)
    synchronize(item, {}, lambda id_: None)
    assert item.page(Query())[:3] == ([], 0, 0)


def test_a_search_is_text_and_no_pattern():
    catalog = Catalog("sqlite://")
    names = {"a1": "50 % of _all_", "a2": "50 apples"}
    synchronize(catalog, dict.fromkeys(names, 1), lambda id_: IndexedEntry(Entry(id=id_, run_name=names[id_])))
    assert [entry.id for entry in find_all(catalog, "%")] == ["a1"]
    assert [entry.id for entry in find_all(catalog, "_all_")] == ["a1"]
    assert find_all(catalog, "' OR 1=1 --") == []
    assert len(find_all(catalog, "   ")) == 2


def test_a_reader_does_not_wait_for_a_writer(library):
    before = library.find()
    with sqlite3.connect(catalog_path(library), isolation_level=None) as writer:
        writer.execute("BEGIN IMMEDIATE")
        assert library.find() == before
        writer.execute("ROLLBACK")


def test_a_writer_waits_for_another(library):
    run = library.runs()[0]
    writer = sqlite3.connect(catalog_path(library), isolation_level=None, check_same_thread=False)
    writer.execute("BEGIN IMMEDIATE")
    done = threading.Timer(0.5, lambda: writer.execute("COMMIT"))
    done.start()
    artifact = make_artifact(library, run)
    assert artifact.id in {entry.id for entry in library.find()}
    done.join()
    writer.close()


def test_catalog_url_selects_another_file(library, tmp_path):
    before = library.find()
    other = Library(library.home, f"sqlite:///{tmp_path / 'elsewhere.sqlite'}")
    assert other.find() == before
    assert (tmp_path / "elsewhere.sqlite").is_file()


def test_two_libraries_never_share_a_catalog(library, tmp_path):
    url = f"sqlite:///{tmp_path / 'elsewhere.sqlite'}"
    before = Library(library.home, url).find()
    with pytest.raises(InputError, match="belongs to another library") as caught:
        Library(tmp_path / "another", url)
    assert str(tmp_path) not in str(caught.value)
    assert Library(library.home, url).find() == before


@pytest.mark.trust
def test_find_works_while_another_process_locks_catalog(library, monkeypatch, tally):
    monkeypatch.setattr("core.library.catalog.schema.BUSY_TIMEOUT", 0.3)
    opened = Library(library.home)
    before = opened.find()
    connection = sqlite3.connect(catalog_path(library), isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    artifact = make_artifact(opened, opened.runs()[0])
    started = time.monotonic()
    assert {entry.id for entry in opened.find()} == {artifact.id, *(entry.id for entry in before)}
    assert time.monotonic() - started < 20
    connection.close()
    assert len(opened.find()) == 4
    tally("faults injected and survived: a catalog that is locked")
