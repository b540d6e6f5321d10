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
from core.library.job_store import Job, JobStore
from tests.library.conftest import keep_artifact, keep_run, spoil


@pytest.fixture
def kept(empty_library):
    """A run and an artifact of it."""
    run = keep_run(empty_library)
    return run, keep_artifact(empty_library, run)


@pytest.fixture
def dead() -> int:
    """The number of a process that is gone."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def half_written(path: Path) -> Path:
    """A small file whose writer is gone for an hour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("half")
    os.utime(path, (time.time() - 3600,) * 2)
    return path


def tree(home: Path) -> dict[str, bytes | None]:
    """Every file and folder with its bytes; the catalog is not looked at."""
    return {
        path.relative_to(home).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(home.rglob("*"))
        if not path.name.startswith("catalog.sqlite")
    }


def test_a_library_in_order_needs_nothing(empty_library, kept):
    assert repair_library(empty_library) == []


def test_everything_that_a_crash_leaves_is_mended_and_twice_is_once(empty_library, kept, dead):
    run, artifact = kept
    home = empty_library.home
    (home / "staging" / f"{dead}-1.00-abcd" / "files").mkdir(parents=True)
    JobStore(home / "jobs", 9).create(Job(id="j0000000001", kind="save", title="A save", state="running", pid=dead))
    leftovers = [
        half_written(home / "artifacts" / artifact.id / ".evidence.json.0123abcd.new"),
        half_written(home / "jobs" / "j0000000001" / "job.new"),
        half_written(home / "jobs" / "j0000000001" / "arrays.new.npz"),
    ]
    os.rename(home / "runs" / run.id, home / "trash" / run.id)
    before = tree(home)
    would = repair_library(empty_library, dry_run=True)
    assert tree(home) == before
    done = repair_library(empty_library)
    assert [one.state for one in would] == ["would"] * 6
    assert [(one.kind, one.id) for one in done] == [(one.kind, one.id) for one in would]
    assert [one.kind for one in done] == ["staging", "half-written", "half-written", "half-written", "run", "job"]
    assert {one.state for one in done} == {"done"}
    assert done[4].sentence == (
        f"The run {run.id} of 1 artifact is not in the library. It was taken back from the trash."
    )
    assert not any(path.exists() for path in leftovers)
    assert list((home / "staging").iterdir()) == []
    assert Job.read(home / "jobs" / "j0000000001" / "job.json").state == "interrupted"
    once = tree(home)
    assert (repair_library(empty_library), tree(home)) == ([], once)
    empty_library.verify(artifact.id)


def test_what_is_being_written_now_is_left_alone(empty_library, kept):
    fresh = empty_library.home / "artifacts" / kept[1].id / ".evidence.json.0123abcd.new"
    fresh.write_text("half")
    with empty_library.staging() as staged:
        assert repair_library(empty_library) == []
        assert staged.is_dir()
    assert fresh.exists()


def test_a_process_that_was_given_the_same_number_keeps_nothing_staged(empty_library):
    left = empty_library.home / "staging" / f"{os.getpid()}-1.00-abcd"
    left.mkdir()
    Library(empty_library.home)
    assert not left.exists()


def test_a_run_that_is_nowhere_is_said_and_left(empty_library, kept):
    run, artifact = kept
    os.rename(empty_library.home / "runs" / run.id, empty_library.home.parent / "gone")
    (one,) = repair_library(empty_library)
    assert (one.kind, one.state) == ("run", "left")
    assert one.sentence.endswith(f"Restore it from a backup, or remove what was saved from it: {artifact.id}.")


def test_what_cannot_be_read_is_moved_aside_only_where_a_person_says_so(empty_library, kept):
    home = empty_library.home
    spoil(home / "artifacts" / kept[1].id / "artifact.json", "{")
    (home / "artifacts" / "notes.txt").write_text("mine")
    left = repair_library(empty_library)
    assert [(one.id, one.state) for one in left] == [(kept[1].id, "left"), ("notes.txt", "left")]
    assert "until a person has it moved aside" in left[0].sentence
    done = repair_library(empty_library, quarantine=True)
    assert {one.state for one in done} == {"done"}
    assert [one.id for one in empty_library.find()] == []
    aside = {path.name.rpartition("-")[0]: path for path in (home / "quarantine").iterdir()}
    assert (aside[kept[1].id] / "files" / "model.bin").read_bytes() == b"0123456789"
    assert aside["notes.txt"].read_text() == "mine"
    assert repair_library(empty_library, quarantine=True) == []


def test_what_a_newer_version_wrote_is_never_moved_aside(empty_library, kept):
    spoil(empty_library.home / "artifacts" / kept[1].id / "artifact.json", '{"schema": 2}')
    (one,) = repair_library(empty_library, quarantine=True)
    assert one.state == "left"
    assert "Open the library with the version that wrote it" in one.sentence
    assert (empty_library.home / "artifacts" / kept[1].id).is_dir()


def test_what_fails_is_a_line_and_the_rest_goes_on(empty_library, kept, monkeypatch, dead):
    home = empty_library.home
    spoil(home / "artifacts" / kept[1].id / "artifact.json", "{")
    JobStore(home / "jobs", 9).create(Job(id="j0000000001", kind="save", title="A save", state="running", pid=dead))

    def refuse(*_):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("core.library.storage.os.rename", refuse)
    states = {one.kind: (one.state, one.sentence) for one in repair_library(empty_library, quarantine=True)}
    assert states["unreadable"][0] == "failed"
    assert "The library lies on a read-only disk." in states["unreadable"][1]
    assert states["job"][0] == "done"


# The catalog


def spoil_rows(library: Library) -> None:
    with sqlite3.connect(library.home / "catalog.sqlite") as connection:
        said = """UPDATE entries_3 SET entry = replace(entry, '"bytes": 30', '"bytes": 7')"""
        assert connection.execute(said).rowcount == 1


def test_a_catalog_that_lies_is_found_out_and_made_anew(empty_library, kept):
    empty_library.find()
    assert find_catalog_differences(empty_library) == []
    spoil_rows(empty_library)
    said = f"{kept[1].id} was listed with 1 other fact: bytes."
    assert find_catalog_differences(empty_library) == [said]
    (one,) = repair_library(empty_library)
    assert (one.kind, one.state) == ("catalog", "done")
    assert said in one.sentence
    assert (find_catalog_differences(empty_library), repair_library(empty_library)) == ([], [])


def test_a_rebuild_says_what_had_been_wrong(empty_library, kept):
    empty_library.find()
    assert rebuild_catalog(empty_library) == (1, 1, [])
    spoil_rows(empty_library)
    assert rebuild_catalog(empty_library) == (1, 1, [f"{kept[1].id} was listed with 1 other fact: bytes."])
    assert empty_library.find()[0].bytes == 30


def test_the_commands_say_what_they_did_and_what_is_left(say_over):
    library, say = say_over
    artifact = keep_artifact(library, keep_run(library))
    assert say("repair") == (0, "Everything is in order.\n", "")
    assert say("rebuild")[:2] == (
        0,
        "1 artifacts were listed before, and 1 are now.\nThe catalog said the same before.\n",
    )
    spoil(library.home / "artifacts" / artifact.id / "artifact.json", "{")
    status, out, _ = say("repair", "--dry-run", "--quarantine", "--json")
    assert (status, [one["state"] for one in json.loads(out)]) == (1, ["would"])
    assert say("repair", "--quarantine")[0] == 0
    assert library.ids() == [library.runs()[0].id]


def test_a_command_over_a_disk_that_refuses_is_one_sentence(tmp_path):
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
    keep_artifact(empty_jobs.library, keep_run(empty_jobs.library))
    assert empty_jobs.wait(empty_jobs.rebuild().id).result == {"before": 1, "after": 1, "differences": []}
    assert empty_jobs.wait(empty_jobs.repair().id).result == {"mended": []}


def test_opening_a_library_on_a_failing_disk_is_said_in_words(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("core.library.storage.find_abandoned_staging", fail)
    with pytest.raises(StorageFailed, match="The disk reported an error"):
        Library(tmp_path)
