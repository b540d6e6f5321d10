"""Entries that are damaged, writers that are killed, and disks that are full or read-only."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.errors import Damaged, LibraryError, StorageFailed, UnreadableRecord
from core.library import Library
from core.settings import PROJECT
from tests.factories.library_entries import make_artifact, make_run
from tests.helpers import fill_disk, overwrite_file, remount
from tests.library.killed_save import KILL_STAGES

ENVIRONMENT = os.environ | {"PYTHONPATH": str(PROJECT)}


def start_script(script: str, *args: str) -> subprocess.Popen:
    command = [sys.executable, str(Path(__file__).with_name(script)), *args]
    return subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True, cwd=PROJECT)


def artifact_ids(library: Library) -> list[str]:
    return sorted(entry.id for entry in library.find())


# Damage


def flip_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[3] ^= 1
    path.write_bytes(data)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:4])


def replace_by_symlink(path: Path) -> None:
    twin = path.parent.parent / "twin"
    twin.write_bytes(path.read_bytes())
    path.unlink()
    path.symlink_to(twin)


def replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


FILE_DAMAGE = {
    "removed": (Path.unlink, "The file model.bin is missing."),
    "flipped": (flip_bit, "The file model.bin has changed since it was saved (its SHA-256 differs)."),
    "cut": (truncate, "The file model.bin has 4 bytes instead of 10."),
    "replaced by a link": (replace_by_symlink, "The file model.bin is missing."),
    "replaced by a folder": (replace_by_folder, "The file model.bin is missing."),
}


@pytest.mark.parametrize(("damage", "sentence"), FILE_DAMAGE.values(), ids=FILE_DAMAGE.keys())
def test_files_of_damaged_artifact_raises_damaged(empty_library, artifact, damage, sentence):
    damage(empty_library.verified_folder(artifact.id) / "model.bin")
    for use in (empty_library.verified_folder, empty_library.verify):
        with pytest.raises(Damaged) as caught:
            use(artifact.id)
        assert caught.value.sentence == sentence
        assert caught.value.cure.startswith("Restore it from a backup, or save the run again")
    assert artifact_ids(empty_library) == [artifact.id]


def test_damaged_reference_leaves_snapshot_and_history_readable(empty_library, run):
    flip_bit(empty_library.home / "runs" / run.id / "reference.npz")
    empty_library.snapshot(run.id)
    empty_library.history(run.id)
    for use in (empty_library.reference, empty_library.verify):
        with pytest.raises(Damaged, match=r"reference\.npz has changed"):
            use(run.id)


def test_damaged_snapshot_raises_damaged(empty_library, run):
    truncate(empty_library.snapshot(run.id) / "variables.npz")
    with pytest.raises(Damaged, match=r"variables\.npz has 4 bytes instead of 6"):
        empty_library.snapshot(run.id)


BROKEN_RECORDS = {
    "broken": ("artifact.json", "{", "The record artifact.json is missing or broken."),
    "empty": ("artifact.json", "", "The record artifact.json is missing or broken."),
    "no object": ("artifact.json", "[]", "The record artifact.json is missing or broken."),
    "newer": (
        "artifact.json",
        '{"schema": 2}',
        "The record artifact.json has schema 2, and this version of Roundtrip reads schema 1.",
    ),
    "lacking": (
        "artifact.json",
        '{"schema": 1}',
        "The record artifact.json does not hold what it should: 'id' does not fit.",
    ),
    "evidence": ("evidence.json", "nonsense", "The record evidence.json is missing or broken."),
    "deep": ("artifact.json", '{"schema":' + "[" * 100_000, "The record artifact.json is missing or broken."),
    "no moment": (
        "artifact.json",
        '{"schema": 1, "created": "yesterday"}',
        "The record artifact.json does not hold what it should: 'created' does not fit.",
    ),
    "somewhere's moment": (
        "evidence.json",
        '{"schema": 1, "created": "2026-01-01T00:00:00"}',
        "The record evidence.json does not hold what it should: 'created' does not fit.",
    ),
}


@pytest.mark.parametrize(("name", "text", "sentence"), BROKEN_RECORDS.values(), ids=BROKEN_RECORDS.keys())
def test_unreadable_record_is_listed_with_its_problem(empty_library, run, name, text, sentence):
    good, bad = make_artifact(empty_library, run), make_artifact(empty_library, run)
    assert artifact_ids(empty_library) == sorted([good.id, bad.id])
    overwrite_file(empty_library.home / "artifacts" / bad.id / name, text)
    listed = {entry.id: entry.problem for entry in empty_library.find()}
    assert listed[good.id] is None
    assert listed[bad.id].startswith(sentence)
    assert str(empty_library.home) not in listed[bad.id]


@pytest.mark.parametrize("number", [errno.EIO, errno.EMFILE, errno.ENOSPC, errno.EROFS, errno.ESTALE, errno.ENOLCK])
def test_record_with_transient_read_error_is_not_reported_broken(empty_library, artifact, monkeypatch, number):
    def failing(self: Path, *_: object, **__: object) -> str:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_text", failing)
        with pytest.raises(LibraryError) as caught:
            empty_library.artifact(artifact.id)
        assert not isinstance(caught.value, UnreadableRecord)
        empty_library.rebuild_catalog()
    assert [entry.problem for entry in empty_library.find()] == [None]


def test_artifact_with_missing_record_is_listed_and_removable(empty_library, artifact):
    (empty_library.home / "artifacts" / artifact.id / "artifact.json").unlink()
    assert empty_library.find()[0].problem.startswith("The record artifact.json is missing or broken.")
    with pytest.raises(UnreadableRecord):
        empty_library.artifact(artifact.id)
    assert empty_library.remove(artifact.id) == [artifact.id]
    assert empty_library.restore(artifact.id) == [artifact.id]


def test_an_artifact_without_its_run_is_listed_with_its_problem(empty_library, run, artifact):
    (empty_library.home / "runs" / run.id / "run.json").unlink()
    empty_library.rebuild_catalog()
    assert empty_library.find()[0].problem.startswith("The record run.json is missing or broken.")
    assert empty_library.runs() == []


def test_foreign_file_in_entry_folder_does_not_break_listing(empty_library, artifact):
    (empty_library.home / "artifacts" / "notes.txt").write_text("mine", encoding="utf-8")
    (empty_library.home / "runs" / "notes.txt").write_text("mine", encoding="utf-8")
    assert artifact.id in artifact_ids(empty_library)
    assert len(empty_library.runs()) == 1


# Kills


@pytest.mark.parametrize("stage", KILL_STAGES)
def test_killed_save_is_stored_completely_or_not_at_all(tmp_path, stage):
    with start_script("killed_save.py", str(tmp_path), stage) as killed:
        assert killed.stdout.readline() == "ready\n"
    assert killed.returncode == -9
    staged = list((tmp_path / "staging").iterdir())
    library = Library(tmp_path)
    formats = sorted(entry.format for entry in library.find())
    arrived = stage in {"after the rename", "before the parents are flushed"}
    assert formats == (["h5", "keras"] if arrived else ["h5"])
    assert len(staged) == (0 if arrived else 1)
    assert list((tmp_path / "staging").iterdir()) == []
    for id_ in library.ids():
        library.verify(id_)


def test_staging_of_living_process_is_left_alone(empty_library):
    with empty_library.staging() as staged:
        (staged / "half").write_bytes(b"written")
        Library(empty_library.home)
        assert (staged / "half").read_bytes() == b"written"
    assert not staged.exists()


def test_two_processes_write_and_list_at_once(tmp_path):
    Library(tmp_path)
    writers = [start_script("entry_writer.py", str(tmp_path), "6") for _ in range(2)]
    stored = [writer.communicate(timeout=120)[0].split() for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0]
    library = Library(tmp_path)
    assert artifact_ids(library) == sorted(stored[0] + stored[1])
    before = library.find()
    library.rebuild_catalog()
    assert library.find() == before


# Disks


def test_commit_on_full_disk_leaves_nothing_behind(small_disk):
    library = Library(small_disk / "store")
    first = make_artifact(library, run := make_run(library))
    with library.staging() as staged:
        (staged / "files").mkdir()
        (staged / "files" / "model.bin").write_bytes(b"small")
        fill_disk(small_disk / "filler")
        with pytest.raises(StorageFailed) as caught:
            library.commit_artifact(staged, run.id, library.evidence(first.id), format="h5", seconds=1.0)
    assert caught.value.sentence == "The disk is full."
    assert caught.value.cure == "Free some space, then try again; nothing half written is left."
    assert list((library.home / "staging").iterdir()) == []
    assert artifact_ids(library) == [first.id]
    library.verify(first.id)
    (small_disk / "filler").unlink()
    second = make_artifact(library, run)
    assert artifact_ids(library) == sorted([first.id, second.id])


def test_library_on_read_only_disk_is_readable(small_disk):
    text = start_script("entry_writer.py", str(small_disk), "1").communicate(timeout=60)[0].strip()
    remount(small_disk, "ro")
    library = Library(small_disk)
    assert artifact_ids(library) == [text]
    library.verify(text)
    for change in (lambda: make_run(library), lambda: library.remove(text)):
        with pytest.raises(StorageFailed) as caught:
            change()
        assert caught.value.sentence == "The library lies on a read-only disk."
        assert caught.value.cure == "Set ROUNDTRIP_HOME to a folder that can be written."


@pytest.mark.parametrize(
    ("number", "sentence"), [(errno.ENOSPC, "The disk is full."), (errno.EIO, "The disk reported an error.")]
)
@pytest.mark.parametrize("call", range(1, 8))
def test_commit_with_failed_fsync_leaves_no_partial_entry(empty_library, run, monkeypatch, number, sentence, call):
    real, calls = os.fsync, []

    def failing(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == call:
            raise OSError(number, os.strerror(number))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(StorageFailed) as caught:
        make_artifact(empty_library, run)
    assert caught.value.sentence == sentence
    monkeypatch.undo()
    assert artifact_ids(empty_library) == []
    assert list((empty_library.home / "staging").iterdir()) == []


def test_library_home_that_cannot_be_created_raises_storage_failed(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageFailed) as caught:
        Library(tmp_path / "file" / "store")
    assert caught.value.sentence == "A file lies where the library needs a folder."
