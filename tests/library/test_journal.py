"""Job records: found again by any process, never a reason to fail."""

import errno
import os
import subprocess
import sys

import numpy as np
import pytest

from core.errors import UnknownName, UnreadableRecord
from core.library.job_store import Job, JobStore
from core.library.records import new_id, validate_id
from tests.faults.injection import Calls, patched, refusing


@pytest.fixture
def journal(tmp_path) -> JobStore:
    """An empty journal that keeps three finished jobs."""
    return JobStore(tmp_path, max_finished=3)


def job(number: int = 0, **facts) -> Job:
    return Job(id=f"j{number:010x}", kind="train", title="A job", **facts)


def test_a_job_is_found_again_as_it_was(journal):
    kept = journal.create(job(request={"demo": "digits-mlp"}, detail={"loss": None}))
    assert journal.read(kept.id) == kept
    assert (kept.state, kept.is_active, kept.pid) == ("queued", True, os.getpid())


def test_a_job_shows_its_last_state(journal):
    one = journal.create(job())
    one.state, one.progress, one.note = "running", 0.5, "Epoch 3"
    journal.write(one)
    found = journal.read(one.id)
    assert (found.state, found.progress, found.note) == ("running", 0.5, "Epoch 3")


def test_a_job_of_a_process_that_is_gone_is_interrupted(journal):
    with subprocess.Popen([sys.executable, "-c", ""]) as dead:
        dead.wait()
    journal.create(job(state="running", pid=dead.pid))
    found = journal.read(job().id)
    assert (found.state, found.is_active) == ("interrupted", False)
    assert found.finished is not None


def test_a_process_that_was_given_the_same_number_is_not_the_owner(journal):
    journal.create(job(state="running", born=job().born - 3600))
    assert journal.read(job().id).state == "interrupted"


def test_a_finished_job_of_a_process_that_is_gone_stays_as_it_ended(journal):
    journal.create(job(state="done", pid=2**22, progress=1.0))
    assert journal.read(job().id).state == "done"


def test_the_newest_is_first_and_the_oldest_finished_are_forgotten(journal):
    for number in range(6):
        journal.create(job(number, state="done", created=f"2026-01-0{number + 1}T00:00:00+00:00"))
    journal.create(job(9, created="2025-01-01T00:00:00+00:00"))
    assert [one.id for one in journal.list_jobs()] == [job(5).id, job(4).id, job(3).id, job(9).id]


def test_jobs_are_listed_by_their_kind(journal):
    journal.create(job(1))
    journal.create(Job(id=job(2).id, kind="save", title="Another"))
    assert [one.id for one in journal.list_jobs("save")] == [job(2).id]
    assert journal.list_jobs("compare") == []


def test_a_result_is_read_with_its_job_and_not_with_the_list(journal, tmp_path):
    one = journal.create(job(1))
    journal.write(one.model_copy(update={"state": "done", "result": {"rows": 3, "worst": float("nan")}}))
    assert journal.read(one.id).result == {"rows": 3, "worst": None}
    (tmp_path / one.id / "result.json").write_text("{", encoding="utf-8")
    assert [(found.state, found.result) for found in journal.list_jobs()] == [("done", {})]
    with pytest.raises(UnreadableRecord, match=r"The record result\.json is missing or broken"):
        journal.read(one.id)


def test_a_record_of_an_earlier_version_has_its_result_inside(journal, tmp_path):
    old = job(1, state="done", result={"rows": 3})
    (tmp_path / old.id).mkdir()
    (tmp_path / old.id / "job.json").write_text(old.to_json_text(), encoding="utf-8")
    assert journal.read(old.id) == old
    assert [one.result for one in journal.list_jobs()] == [{}]


def test_a_result_without_the_record_that_says_done_is_not_told(journal):
    one = journal.create(job(1, state="running"))
    journal.write(one.model_copy(update={"result": {"rows": 3}}))
    assert journal.read(one.id).result == {}


def test_the_same_id_begins_anew(journal):
    journal.create(job(state="failed", note="Failed"))
    journal.save_arrays(job().id, {"y": np.ones(3)})
    journal.request_cancel(job().id)
    journal.create(job())
    assert (journal.read(job().id).note, journal.is_cancel_requested(job().id)) == ("", False)
    with pytest.raises(FileNotFoundError):
        journal.load_arrays(job().id)


def test_a_wish_to_cancel_is_seen_by_every_process(journal, tmp_path):
    journal.create(job())
    assert not journal.is_cancel_requested(job().id)
    JobStore(tmp_path, max_finished=3).request_cancel(job().id)
    assert journal.is_cancel_requested(job().id)


@pytest.mark.trust
def test_an_end_and_a_wish_to_cancel_are_heard_where_the_disk_takes_nothing(journal, tmp_path):
    begun = journal.create(job())
    with patched(Calls(tmp_path, 1, refusing(errno.ENOSPC), from_then_on=True)):
        journal.request_cancel(begun.id)
        journal.finish(begun.model_copy(update={"state": "cancelled"}))
    assert journal.is_cancel_requested(begun.id)
    assert JobStore(tmp_path, max_finished=3).read(begun.id).state == begun.state  # nothing of it is on the disk
    assert journal.read(begun.id).state == "cancelled"
    assert JobStore(tmp_path, max_finished=3).read(begun.id).state == "cancelled"  # it was offered again, and taken


def test_arrays_come_back_with_their_names_and_bits(journal):
    journal.create(job())
    arrays = {"a0123456789:digit": np.array([[0.1, 0.9]], "float32"), "a0123456789:word": np.array(["ä", "b"])}
    journal.save_arrays(job().id, arrays)
    found = journal.load_arrays(job().id)
    assert found.keys() == arrays.keys()
    assert all(found[name].tobytes() == array.tobytes() for name, array in arrays.items())


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 2}', '{"schema": 1}'])
def test_a_broken_job_is_passed_over_in_the_list_and_said_when_asked_for(journal, tmp_path, text):
    journal.create(job(1))
    journal.create(job(2))
    (tmp_path / job(1).id / "job.json").write_text(text, encoding="utf-8")
    assert [one.id for one in journal.list_jobs()] == [job(2).id]
    with pytest.raises(UnreadableRecord, match=r"The record job\.json"):
        journal.read(job(1).id)


@pytest.mark.parametrize("id_", ["", "..", "../x", "a0123456789", "j0123456789/../x", "jobs"])
def test_nothing_but_a_job_id_becomes_part_of_a_path(journal, id_):
    for use in (journal.read, journal.load_arrays, journal.request_cancel):
        with pytest.raises(UnknownName, match="Nothing in the library has this id"):
            use(id_)


def test_a_job_that_never_was_is_unknown(journal):
    with pytest.raises(UnknownName) as caught:
        journal.read(job(7).id)
    assert caught.value.received == job(7).id


def test_new_ids_are_ids_and_differ():
    made = {new_id(kind) for kind in "raj" for _ in range(100)}
    assert len(made) == 300
    assert all(validate_id(one, "raj") == one for one in made)


def test_an_id_that_is_not_ours_is_cut_when_it_is_said():
    with pytest.raises(UnknownName) as caught:
        validate_id("x" * 5000)
    assert caught.value.received == "x" * 80
