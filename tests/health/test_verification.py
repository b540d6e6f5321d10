"""Verifying: every byte and every record, in words, with progress and Cancel."""

import json
import os

import pytest

from core.errors import Cancelled, Damaged
from core.health import read_last_report, verify_entries, verify_entry
from core.library import integrity
from tests.factories.library_entries import make_artifact, make_run
from tests.helpers import overwrite_file


@pytest.fixture
def stored_entries(empty_library):
    """A run and two artifacts of it."""
    run = make_run(empty_library)
    return run, make_artifact(empty_library, run), make_artifact(empty_library, run, "h5")


def states_by_id(rows) -> dict[str, str]:
    return {row.id: row.state for row in rows}


def test_verify_entries_of_unchanged_library_are_intact(empty_library, stored_entries):
    rows = verify_entries(empty_library)
    assert states_by_id(rows) == {entry.id: "intact" for entry in stored_entries}
    assert {row.id: row.bytes for row in rows}[stored_entries[1].id] == 30
    assert all((row.sentence, row.remark) == ("", "") for row in rows)


def test_verify_entries_reports_progress_from_0_to_1(empty_library, stored_entries):
    reply = []
    verify_entries(empty_library, on_progress=lambda done, note: reply.append((done, note)))
    fractions = [done for done, _ in reply]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)
    assert reply[-1][1] == f"“{stored_entries[0].name}”, 3 of 3 entries"


def test_verify_entries_is_cancelled_within_a_file(empty_library, stored_entries):
    big = make_artifact(empty_library, stored_entries[0], content=bytes(3 * 2**20))
    looked = []

    def cancelled() -> bool:
        looked.append(1)
        return len(looked) > 3

    with pytest.raises(Cancelled, match="was not changed"):
        verify_entries(empty_library, [big.id], is_cancelled=cancelled)
    assert read_last_report(empty_library) is None


def test_verify_entry_counts_damaged_files_and_names_the_first(empty_library, stored_entries):
    folder = empty_library.home / "artifacts" / stored_entries[1].id / "files"
    (folder / "model.bin").write_bytes(b"012345678X")
    (folder / "variables" / "data").unlink()
    row = verify_entry(empty_library, stored_entries[1].id)
    assert row.state == "damaged"
    assert row.sentence.startswith("The file model.bin has changed since it was saved")
    assert row.sentence.endswith("So it is with 1 more file.")


def test_verify_entry_with_symlinked_folder_reports_missing_file(empty_library, stored_entries, tmp_path):
    folder = empty_library.home / "artifacts" / stored_entries[1].id / "files" / "variables"
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    assert verify_entry(empty_library, stored_entries[1].id).sentence.startswith("The file data is missing.")
    with pytest.raises(Damaged, match="The file data is missing"):
        empty_library.verified_folder(stored_entries[1].id)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_verify_entry_with_unreadable_file_reports_it(empty_library, stored_entries):
    path = empty_library.home / "artifacts" / stored_entries[1].id / "files" / "model.bin"
    path.chmod(0)
    assert "cannot be read (Permission denied)" in verify_entry(empty_library, stored_entries[1].id).sentence


def test_verify_entry_with_extra_file_is_intact_with_remark(empty_library, stored_entries):
    (empty_library.home / "artifacts" / stored_entries[1].id / "files" / "variables" / "extra.bin").write_bytes(b"?")
    row = verify_entry(empty_library, stored_entries[1].id)
    assert row.is_intact
    assert row.remark == "Beside the files that were kept lies what was not: variables/extra.bin."


@pytest.mark.parametrize(
    ("name", "text", "state", "sentence"),
    [
        ("artifact.json", "{", "unreadable-record", "The record artifact.json is missing or broken."),
        ("artifact.json", '{"schema": 2}', "unreadable-record", "The record artifact.json has schema 2"),
        ("evidence.json", "[]", "unreadable-record", "The record evidence.json is missing or broken."),
    ],
)
def test_verify_entry_reports_broken_record(empty_library, stored_entries, name, text, state, sentence):
    overwrite_file(empty_library.home / "artifacts" / stored_entries[1].id / name, text)
    row = verify_entry(empty_library, stored_entries[1].id)
    assert row.state == state
    assert row.sentence.startswith(sentence)


def test_verify_entry_rejects_record_of_another_entry(empty_library, stored_entries):
    other = empty_library.home / "artifacts" / stored_entries[2].id / "artifact.json"
    overwrite_file(empty_library.home / "artifacts" / stored_entries[1].id / "artifact.json", other.read_text())
    row = verify_entry(empty_library, stored_entries[1].id)
    assert row.sentence.startswith(f"The record is that of another entry. Received: {stored_entries[2].id}.")


def test_verify_entry_of_artifact_without_run_is_damaged(empty_library, stored_entries):
    os.rename(empty_library.home / "runs" / stored_entries[0].id, empty_library.home / "trash" / stored_entries[0].id)
    row = verify_entry(empty_library, stored_entries[1].id)
    assert (row.state, row.sentence.split(".")[0]) == (
        "damaged",
        "The run that it was saved from is not in the library",
    )


def test_verify_entries_names_foreign_files(empty_library, stored_entries):
    (empty_library.home / "artifacts" / "notes.txt").write_text("mine")
    (empty_library.home / "runs" / stored_entries[1].id).mkdir()
    rows = [row for row in verify_entries(empty_library) if row.state == "foreign"]
    assert [row.id for row in rows] == ["notes.txt", stored_entries[1].id]
    assert rows[0].sentence == "It lies in the folder artifacts and is no entry of the library."


def test_only_full_verification_is_recorded_as_last_report(empty_library, stored_entries):
    verify_entries(empty_library, [stored_entries[0].id])
    assert read_last_report(empty_library) is None
    (empty_library.home / "artifacts" / stored_entries[1].id / "files" / "model.bin").unlink()
    verify_entries(empty_library)
    last = read_last_report(empty_library)
    assert (last.artifacts, last.runs, [item["id"] for item in last.wrong]) == (2, 1, [stored_entries[1].id])
    assert last.bytes > 30
    (empty_library.home / "verified.json").write_text("{")
    assert read_last_report(empty_library) is None


def test_compute_sha256_with_progress_gives_same_hash(tmp_path):
    path, received = tmp_path / "big", []
    path.write_bytes(os.urandom(2**20 + 7))
    assert integrity.compute_sha256(path, received.append) == integrity.compute_sha256(path)
    assert sum(received) == 2**20 + 7
    assert max(received) <= 2**18


def test_verify_job_names_damaged_entries(empty_jobs):
    run = make_run(empty_jobs.library)
    good, bad = make_artifact(empty_jobs.library, run), make_artifact(empty_jobs.library, run)
    (empty_jobs.library.home / "artifacts" / bad.id / "files" / "model.bin").write_bytes(b"012345678X")
    end = empty_jobs.wait(empty_jobs.verify().id)
    assert (end.kind, end.state, end.result["entries"]) == ("verify", "done", 3)
    assert [item["id"] for item in end.result["wrong"]] == [bad.id]
    job = empty_jobs.wait(empty_jobs.verify([good.id]).id)
    assert (job.result["entries"], job.result["wrong"]) == (1, [])


def test_verify_command_prints_json_and_exits_with_1_on_damage(library_cli):
    library, say = library_cli
    artifact = make_artifact(library, make_run(library))
    status, out, _ = say("verify", "--all", "--json")
    assert (status, {row["state"] for row in json.loads(out)}) == (0, {"intact"})
    (library.home / "artifacts" / artifact.id / "files" / "model.bin").write_bytes(b"x")
    status, out, _ = say("verify", artifact.id, "--json")
    assert (status, json.loads(out)[0]["state"]) == (1, "damaged")
