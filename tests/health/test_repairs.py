"""Repairing and rebuilding: what a crash left is put in order, twice is the same as once, nothing kept is lost."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.errors import StorageFailed
from core.health import rebuild_catalog, repair_library
from core.health.repairs import find_catalog_differences
from core.library import Library
from core.library.catalog.schema import ENTRIES
from core.library.entry_names import name_entry
from core.library.job_store import Job, JobStore
from tests.factories.library_entries import make_artifact, make_run
from tests.helpers import overwrite_file


@pytest.fixture
def stored_entries(empty_library):
    """A run and an artifact of it."""
    run = make_run(empty_library)
    return run, make_artifact(empty_library, run)


@pytest.fixture
def dead_pid() -> int:
    """The number of a process that is gone."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def write_abandoned_file(path: Path) -> Path:
    """A small file whose writer is gone for an hour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("half")
    os.utime(path, (time.time() - 3600,) * 2)
    return path


def read_tree(home: Path) -> dict[str, bytes | None]:
    """Every file and folder with its bytes; the catalog is not looked at."""
    return {
        path.relative_to(home).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(home.rglob("*"))
        if not path.name.startswith("catalog.sqlite")
    }


def test_repair_of_healthy_library_does_nothing(empty_library, stored_entries):
    assert repair_library(empty_library) == []


def test_repair_removes_crash_leftovers_and_is_idempotent(empty_library, stored_entries, dead_pid):
    run, artifact = stored_entries
    home = empty_library.home
    (home / "staging" / f"{dead_pid}-1.00-abcd" / "files").mkdir(parents=True)
    JobStore(home / "jobs", 9).create(Job(id="j0000000001", kind="save", title="A save", state="running", pid=dead_pid))
    leftovers = [
        write_abandoned_file(home / "artifacts" / artifact.id / ".evidence.json.0123abcd.new"),
        write_abandoned_file(home / "jobs" / "j0000000001" / "job.new"),
        write_abandoned_file(home / "jobs" / "j0000000001" / "arrays.new.npz"),
    ]
    os.rename(home / "runs" / run.id, home / "trash" / run.id)
    before = read_tree(home)
    would = repair_library(empty_library, dry_run=True)
    assert read_tree(home) == before
    done = repair_library(empty_library)
    assert [item.state for item in would] == ["would"] * 6
    assert [(item.kind, item.id) for item in done] == [(item.kind, item.id) for item in would]
    assert [item.kind for item in done] == ["staging", "half-written", "half-written", "half-written", "run", "job"]
    assert {item.state for item in done} == {"done"}
    assert done[4].sentence == (
        f"The run {run.id} of 1 artifact is not in the library. It was taken back from the trash."
    )
    assert not any(path.exists() for path in leftovers)
    assert list((home / "staging").iterdir()) == []
    assert Job.read(home / "jobs" / "j0000000001" / "job.json").state == "interrupted"
    once = read_tree(home)
    assert (repair_library(empty_library), read_tree(home)) == ([], once)
    empty_library.verify(artifact.id)


def test_repair_leaves_files_being_written(empty_library, stored_entries):
    fresh = empty_library.home / "artifacts" / stored_entries[1].id / ".evidence.json.0123abcd.new"
    fresh.write_text("half")
    with empty_library.staging() as staged:
        assert repair_library(empty_library) == []
        assert staged.is_dir()
    assert fresh.exists()


def test_staging_of_reused_pid_is_cleared(empty_library):
    left = empty_library.home / "staging" / f"{os.getpid()}-1.00-abcd"
    left.mkdir()
    Library(empty_library.home)
    assert not left.exists()


def test_repair_reports_and_leaves_missing_run(empty_library, stored_entries):
    run, artifact = stored_entries
    os.rename(empty_library.home / "runs" / run.id, empty_library.home.parent / "gone")
    (item,) = repair_library(empty_library)
    assert (item.kind, item.state) == ("run", "left")
    assert item.sentence.endswith(f"Restore it from a backup, or remove what was saved from it: {artifact.id}.")


def test_repair_quarantines_unreadable_entries_only_on_request(empty_library, stored_entries):
    home = empty_library.home
    overwrite_file(home / "artifacts" / stored_entries[1].id / "artifact.json", "{")
    (home / "artifacts" / "notes.txt").write_text("mine")
    left = repair_library(empty_library)
    assert [(item.id, item.state) for item in left] == [(stored_entries[1].id, "left"), ("notes.txt", "left")]
    assert "until a person has it moved aside" in left[0].sentence
    done = repair_library(empty_library, quarantine=True)
    assert {item.state for item in done} == {"done"}
    assert [item.id for item in empty_library.find()] == []
    aside = {path.name.rpartition("-")[0]: path for path in (home / "quarantine").iterdir()}
    assert (aside[stored_entries[1].id] / "files" / "model.bin").read_bytes() == b"0123456789"
    assert aside["notes.txt"].read_text() == "mine"
    assert repair_library(empty_library, quarantine=True) == []


def test_repair_never_quarantines_records_of_newer_version(empty_library, stored_entries):
    overwrite_file(empty_library.home / "artifacts" / stored_entries[1].id / "artifact.json", '{"schema": 2}')
    (item,) = repair_library(empty_library, quarantine=True)
    assert item.state == "left"
    assert "Open the library with the version that wrote it" in item.sentence
    assert (empty_library.home / "artifacts" / stored_entries[1].id).is_dir()


def test_repair_reports_failed_step_and_continues(empty_library, stored_entries, monkeypatch, dead_pid):
    home = empty_library.home
    overwrite_file(home / "artifacts" / stored_entries[1].id / "artifact.json", "{")
    JobStore(home / "jobs", 9).create(Job(id="j0000000001", kind="save", title="A save", state="running", pid=dead_pid))

    def refuse(*_):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("core.library.storage.os.rename", refuse)
    states = {item.kind: (item.state, item.sentence) for item in repair_library(empty_library, quarantine=True)}
    assert states["unreadable"][0] == "failed"
    assert "The library lies on a read-only disk." in states["unreadable"][1]
    assert states["job"][0] == "done"


# The catalog


def corrupt_catalog_rows(library: Library) -> None:
    with sqlite3.connect(library.home / "catalog.sqlite") as connection:
        statement = f"""UPDATE {ENTRIES.name} SET entry = replace(entry, '"bytes": 30', '"bytes": 7')"""
        assert connection.execute(statement).rowcount == 1


def test_repair_finds_and_rebuilds_wrong_catalog(empty_library, stored_entries):
    empty_library.find()
    assert find_catalog_differences(empty_library) == []
    corrupt_catalog_rows(empty_library)
    text = f"{name_entry(empty_library, stored_entries[1].id)} was listed with 1 other fact: bytes."
    assert find_catalog_differences(empty_library) == [text]
    (item,) = repair_library(empty_library)
    assert (item.kind, item.state) == ("catalog", "done")
    assert text in item.sentence
    assert (find_catalog_differences(empty_library), repair_library(empty_library)) == ([], [])


def test_rebuild_catalog_reports_previous_differences(empty_library, stored_entries):
    empty_library.find()
    assert rebuild_catalog(empty_library) == (1, 1, [])
    corrupt_catalog_rows(empty_library)
    name = name_entry(empty_library, stored_entries[1].id)
    assert rebuild_catalog(empty_library) == (1, 1, [f"{name} was listed with 1 other fact: bytes."])
    assert empty_library.find()[0].bytes == 30


def test_repair_and_rebuild_commands_report_results(library_cli):
    library, say = library_cli
    artifact = make_artifact(library, make_run(library))
    assert say("repair") == (0, "Everything is in order.\n", "")
    assert say("rebuild")[:2] == (
        0,
        "1 artifacts were listed before, and 1 are now.\nThe catalog said the same before.\n",
    )
    overwrite_file(library.home / "artifacts" / artifact.id / "artifact.json", "{")
    status, out, _ = say("repair", "--dry-run", "--quarantine", "--json")
    assert (status, [load["state"] for load in json.loads(out)]) == (1, ["would"])
    assert say("repair", "--quarantine")[0] == 0
    assert library.ids() == [library.runs()[0].id]


def test_command_on_failing_disk_prints_one_sentence(tmp_path):
    home = tmp_path / "file"
    home.write_text("in the way")
    ended = subprocess.run(
        [sys.executable, "-m", "core", "list"],
        env=os.environ | {"ROUNDTRIP_HOME": str(home / "store")},
        capture_output=True,
        text=True,
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("A file lies where the library needs a folder.")
    assert ended.stderr.count("\n") == 1


def test_jobs_rebuild_and_repair(empty_jobs):
    make_artifact(empty_jobs.library, make_run(empty_jobs.library))
    assert empty_jobs.wait(empty_jobs.rebuild().id).result == {"before": 1, "after": 1, "differences": []}
    assert empty_jobs.wait(empty_jobs.repair().id).result == {"mended": []}


def test_library_on_failing_disk_raises_storage_failed(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("core.library.staging.find_abandoned_staging", fail)
    with pytest.raises(StorageFailed, match="The disk reported an error"):
        Library(tmp_path)
