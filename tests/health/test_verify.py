"""Verifying: every byte and every record, in words, with progress and Cancel."""

import json
import os

import pytest

from core.errors import Cancelled, Damaged
from core.health import read_last_report, verify_entries, verify_entry
from core.library import storage
from tests.library.conftest import keep_artifact, keep_run, spoil


@pytest.fixture
def kept(empty_library):
    """A run and two artifacts of it."""
    run = keep_run(empty_library)
    return run, keep_artifact(empty_library, run), keep_artifact(empty_library, run, "h5")


def states(rows) -> dict[str, str]:
    return {row.id: row.state for row in rows}


def test_what_is_as_it_was_kept_is_intact_and_its_bytes_were_hashed(empty_library, kept):
    rows = verify_entries(empty_library)
    assert states(rows) == {one.id: "intact" for one in kept}
    assert {row.id: row.bytes for row in rows}[kept[1].id] == 30
    assert all((row.sentence, row.remark) == ("", "") for row in rows)


def test_progress_runs_to_the_end_and_names_what_is_looked_at(empty_library, kept):
    told = []
    verify_entries(empty_library, on_progress=lambda done, note: told.append((done, note)))
    fractions = [done for done, _ in told]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)
    assert told[-1][1] == f"{kept[0].id}, 3 of 3 entries"


def test_cancel_is_heard_within_a_file(empty_library, kept):
    big = keep_artifact(empty_library, kept[0], content=bytes(3 * 2**20))
    looked = []

    def cancelled() -> bool:
        looked.append(1)
        return len(looked) > 3

    with pytest.raises(Cancelled, match="was not changed"):
        verify_entries(empty_library, [big.id], is_cancelled=cancelled)
    assert read_last_report(empty_library) is None


def test_every_damaged_file_counts_and_the_first_is_named(empty_library, kept):
    folder = empty_library.home / "artifacts" / kept[1].id / "files"
    (folder / "model.bin").write_bytes(b"012345678X")
    (folder / "variables" / "data").unlink()
    row = verify_entry(empty_library, kept[1].id)
    assert row.state == "damaged"
    assert row.sentence.startswith("The file model.bin has changed since it was saved")
    assert row.sentence.endswith("So it is with 1 more file.")


def test_a_folder_that_became_a_link_is_no_file_of_ours_even_with_the_same_bytes(empty_library, kept, tmp_path):
    folder = empty_library.home / "artifacts" / kept[1].id / "files" / "variables"
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    assert verify_entry(empty_library, kept[1].id).sentence.startswith("The file data is missing.")
    with pytest.raises(Damaged, match="The file data is missing"):
        empty_library.verified_folder(kept[1].id)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_said(empty_library, kept):
    path = empty_library.home / "artifacts" / kept[1].id / "files" / "model.bin"
    path.chmod(0)
    assert "cannot be read (Permission denied)" in verify_entry(empty_library, kept[1].id).sentence


def test_a_file_that_nobody_kept_is_named_and_is_no_damage(empty_library, kept):
    (empty_library.home / "artifacts" / kept[1].id / "files" / "variables" / "extra.bin").write_bytes(b"?")
    row = verify_entry(empty_library, kept[1].id)
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
def test_records_are_read_too(empty_library, kept, name, text, state, sentence):
    spoil(empty_library.home / "artifacts" / kept[1].id / name, text)
    row = verify_entry(empty_library, kept[1].id)
    assert row.state == state
    assert row.sentence.startswith(sentence)


def test_a_record_of_another_entry_is_not_taken_for_its_own(empty_library, kept):
    other = empty_library.home / "artifacts" / kept[2].id / "artifact.json"
    spoil(empty_library.home / "artifacts" / kept[1].id / "artifact.json", other.read_text())
    row = verify_entry(empty_library, kept[1].id)
    assert row.sentence.startswith(f"The record is that of another entry. Received: {kept[2].id}.")


def test_an_artifact_whose_run_is_gone_is_said(empty_library, kept):
    os.rename(empty_library.home / "runs" / kept[0].id, empty_library.home / "trash" / kept[0].id)
    row = verify_entry(empty_library, kept[1].id)
    assert (row.state, row.sentence.split(".")[0]) == (
        "damaged",
        "The run that it was saved from is not in the library",
    )


def test_what_lies_among_the_entries_and_is_none_is_named(empty_library, kept):
    (empty_library.home / "artifacts" / "notes.txt").write_text("mine")
    (empty_library.home / "runs" / kept[1].id).mkdir()
    rows = [row for row in verify_entries(empty_library) if row.state == "stranger"]
    assert [row.id for row in rows] == ["notes.txt", kept[1].id]
    assert rows[0].sentence == "It lies in the folder artifacts and is no entry of the library."


def test_the_last_look_at_everything_is_on_record_and_one_entry_is_not(empty_library, kept):
    verify_entries(empty_library, [kept[0].id])
    assert read_last_report(empty_library) is None
    (empty_library.home / "artifacts" / kept[1].id / "files" / "model.bin").unlink()
    verify_entries(empty_library)
    last = read_last_report(empty_library)
    assert (last.artifacts, last.runs, [one["id"] for one in last.wrong]) == (2, 1, [kept[1].id])
    assert last.bytes > 30
    (empty_library.home / "verified.json").write_text("{")
    assert read_last_report(empty_library) is None


def test_a_file_is_hashed_in_pieces_and_the_hash_is_the_same(tmp_path):
    path, heard = tmp_path / "big", []
    path.write_bytes(os.urandom(2**20 + 7))
    assert storage.compute_sha256(path, heard.append) == storage.compute_sha256(path)
    assert sum(heard) == 2**20 + 7
    assert max(heard) <= 2**18


def test_a_job_verifies_and_its_result_names_what_is_wrong(empty_jobs):
    run = keep_run(empty_jobs.library)
    good, bad = keep_artifact(empty_jobs.library, run), keep_artifact(empty_jobs.library, run)
    (empty_jobs.library.home / "artifacts" / bad.id / "files" / "model.bin").write_bytes(b"012345678X")
    end = empty_jobs.wait(empty_jobs.verify().id)
    assert (end.kind, end.state, end.result["entries"]) == ("verify", "done", 3)
    assert [one["id"] for one in end.result["wrong"]] == [bad.id]
    one = empty_jobs.wait(empty_jobs.verify([good.id]).id)
    assert (one.result["entries"], one.result["wrong"]) == (1, [])


def test_the_command_gives_json_and_status_1_where_something_is_wrong(say_over):
    library, say = say_over
    artifact = keep_artifact(library, keep_run(library))
    status, out, _ = say("verify", "--all", "--json")
    assert (status, {row["state"] for row in json.loads(out)}) == (0, {"intact"})
    (library.home / "artifacts" / artifact.id / "files" / "model.bin").write_bytes(b"x")
    status, out, _ = say("verify", artifact.id, "--json")
    assert (status, json.loads(out)[0]["state"]) == (1, "damaged")
