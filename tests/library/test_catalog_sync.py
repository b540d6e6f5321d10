"""A catalog that stays in step with the folders, whoever changes them."""

import json
import os
import threading
import time

import pytest

from core.library import Library, Query
from core.library.catalog import sync
from core.library.records import IndexedEntry
from tests.factories.library_entries import make_artifact, make_run
from tests.helpers import overwrite_file

# In step with the folders


@pytest.fixture
def large_library(empty_library, monkeypatch) -> Library:
    """A library that counts as large, of three artifacts: not every list looks at all folders."""
    monkeypatch.setattr(sync, "ALWAYS_SCANNED", 0)
    monkeypatch.setattr(sync, "SCAN_INTERVAL_FACTOR", 1e6)
    monkeypatch.setattr(sync, "MAX_FOREGROUND_SCAN", 1e6)
    run = make_run(empty_library)
    for _ in range(3):
        make_artifact(empty_library, run)
    assert len(empty_library.find()) == 3
    return empty_library


@pytest.fixture
def full_scans(monkeypatch) -> list[str]:
    """The folders that were looked at, all of them each time."""
    taken: list[str] = []
    real = sync.fingerprint_all
    monkeypatch.setattr(sync, "fingerprint_all", lambda home, *rest: (taken.append(str(home)), real(home, *rest))[1])
    return taken


def test_own_writes_are_seen_without_full_scan(large_library, full_scans):
    first, *_ = ids = [entry.id for entry in large_library.find()]
    run = large_library.runs()[0]
    other = Library(large_library.home)
    changes = {
        "kept": lambda: make_artifact(other, run, "h5"),
        "removed": lambda: other.remove(ids[1]),
        "restored": lambda: other.restore(ids[1]),
        "marked": lambda: other.annotate(first, pinned=True),
        "pointed": lambda: other.set_alias("champion", first),
        "renamed": lambda: other.annotate(run.id, name="Another"),
    }
    for change in changes.values():
        change()
        assert large_library.find() == large_library.find_on_disk()
        full_scans.clear()
        assert large_library.find() == other.find()
        assert full_scans == []
    assert {entry.run_name for entry in large_library.find()} == {"Another"}


def test_manually_removed_folder_is_noticed_at_once(large_library, full_scans):
    first = large_library.find()[0].id
    os.rename(large_library.home / "artifacts" / first, large_library.home / "elsewhere")
    assert first not in {entry.id for entry in large_library.find()}
    assert len(full_scans) == 1


def test_manual_edit_is_noticed_by_next_full_scan(large_library, full_scans, monkeypatch):
    first, second, third = (entry.id for entry in large_library.find())
    overwrite_file(large_library.home / "artifacts" / first / "artifact.json", "{")
    assert all(entry.problem is None for entry in large_library.find())
    assert full_scans == []
    monkeypatch.setattr(sync, "SCAN_INTERVAL_FACTOR", 0)
    assert {entry.id for entry in large_library.find() if entry.problem} == {first}
    overwrite_file(large_library.home / "runs" / large_library.runs()[0].id / "run.json", "{")
    assert {entry.id for entry in large_library.find() if entry.problem} == {first, second, third}


def test_repaired_run_record_clears_problem_of_its_artifacts(large_library, monkeypatch):
    monkeypatch.setattr(sync, "SCAN_INTERVAL_FACTOR", 0)
    path = large_library.home / "runs" / large_library.runs()[0].id / "run.json"
    whole = path.read_text()
    overwrite_file(path, "{")
    assert all(entry.problem for entry in large_library.find())
    overwrite_file(path, whole + " " * 7)
    assert not any(entry.problem for entry in large_library.find())


def test_long_scan_runs_in_background(large_library, monkeypatch):
    first = large_library.find()[0].id
    overwrite_file(large_library.home / "artifacts" / first / "artifact.json", "{")
    monkeypatch.setattr(sync, "SCAN_INTERVAL_FACTOR", 0)
    monkeypatch.setattr(sync, "MAX_FOREGROUND_SCAN", -1)
    loaded, real = threading.Event(), sync.fingerprint_all
    monkeypatch.setattr(sync, "fingerprint_all", lambda *rest: (loaded.wait(30), real(*rest))[1])
    assert all(entry.problem is None for entry in large_library.find())  # and did not wait
    loaded.set()
    large_library._catalog_sync._scan_thread.join(30)
    monkeypatch.setattr(sync, "SCAN_INTERVAL_FACTOR", 1e6)
    assert {entry.id for entry in large_library.find() if entry.problem} == {first}


def test_overdue_scan_is_waited_for(large_library, monkeypatch):
    first = large_library.find()[0].id
    overwrite_file(large_library.home / "artifacts" / first / "artifact.json", "{")
    monkeypatch.setattr(sync, "SCAN_INTERVAL_FACTOR", 0)
    monkeypatch.setattr(sync, "MAX_FOREGROUND_SCAN", -1)
    later = time.time() + 2 * sync.MAX_SCAN_AGE
    monkeypatch.setattr(sync.time, "time", lambda: later)
    assert {entry.id for entry in large_library.find() if entry.problem} == {first}


def test_truncated_or_deleted_change_log_loses_no_entry(large_library, monkeypatch):
    run = large_library.runs()[0]
    monkeypatch.setattr("core.library.catalog.sync.MAX_LOG_BYTES", 0)
    for _ in range(3):
        make_artifact(large_library, run)
    assert (large_library.home / "changes.log").stat().st_size == 12
    assert len(large_library.find()) == 6
    (large_library.home / "changes.log").unlink()
    make_artifact(large_library, run)
    assert len(large_library.find()) == 7


def test_invalid_change_log_or_sync_state_is_ignored(large_library):
    with (large_library.home / "changes.log").open("a") as log:
        log.write("../../x\n\nnonsense\na0000000000\n")
    assert len(large_library.find()) == 3
    for state in ("", "x", "[]", '["1 2", 0, 0, 0]', json.dumps(["x y z w", "a", 0, 0])):
        large_library._catalog.save_sync_state(state)
        assert len(Library(large_library.home).find()) == 3


def test_find_during_rebuild_lists_all_entries(large_library, monkeypatch):
    seen, read = [], large_library._catalog_sync.read_entry

    def slow(id_: str) -> IndexedEntry | None:
        seen.append(len(Library(large_library.home)._catalog.page(Query(size=None)).entries))
        return read(id_)

    monkeypatch.setattr(large_library._catalog_sync, "read_entry", slow)
    large_library.rebuild_catalog()
    assert seen == [3, 3, 3]
