"""Job records: found again by any process, never a reason to fail."""

import errno
import os
import subprocess
import sys

import numpy as np
import pytest

from core.errors import UnknownName, UnreadableRecord
from core.library.ids import new_id, validate_id
from core.library.job_store import Job, JobStore
from tests.fault_injection.system_calls import FaultInjector, patch_system_calls, raising_errno


@pytest.fixture
def job_store(tmp_path) -> JobStore:
    """An empty journal that keeps three finished jobs."""
    return JobStore(tmp_path, max_finished=3)


def make_job(number: int = 0, **facts) -> Job:
    return Job(id=f"j{number:010x}", kind="train", title="A job", **facts)


def test_job_store_reads_job_as_created(job_store):
    stored = job_store.create(make_job(request={"demo": "digits-mlp"}, detail={"loss": None}))
    assert job_store.read(stored.id) == stored
    assert (stored.state, stored.is_active, stored.pid) == ("queued", True, os.getpid())


def test_a_job_shows_its_last_state(job_store):
    item = job_store.create(make_job())
    item.state, item.progress, item.note = "running", 0.5, "Epoch 3"
    job_store.write(item)
    result = job_store.read(item.id)
    assert (result.state, result.progress, result.note) == ("running", 0.5, "Epoch 3")


def test_job_of_dead_process_is_interrupted(job_store):
    with subprocess.Popen([sys.executable, "-c", ""]) as dead:
        dead.wait()
    job_store.create(make_job(state="running", pid=dead.pid))
    result = job_store.read(make_job().id)
    assert (result.state, result.is_active) == ("interrupted", False)
    assert result.finished is not None


def test_job_of_reused_pid_is_interrupted(job_store):
    job_store.create(make_job(state="running", born=make_job().born - 3600))
    assert job_store.read(make_job().id).state == "interrupted"


def test_finished_job_of_dead_process_keeps_its_state(job_store):
    job_store.create(make_job(state="done", pid=2**22, progress=1.0))
    assert job_store.read(make_job().id).state == "done"


def test_list_jobs_is_newest_first_and_drops_oldest_finished(job_store):
    for number in range(6):
        job_store.create(make_job(number, state="done", created=f"2026-01-0{number + 1}T00:00:00+00:00"))
    job_store.create(make_job(9, created="2025-01-01T00:00:00+00:00"))
    assert [job.id for job in job_store.list_jobs()] == [make_job(5).id, make_job(4).id, make_job(3).id, make_job(9).id]


def test_jobs_are_listed_by_their_kind(job_store):
    job_store.create(make_job(1))
    job_store.create(Job(id=make_job(2).id, kind="save", title="Another"))
    assert [job.id for job in job_store.list_jobs("save")] == [make_job(2).id]
    assert job_store.list_jobs("compare") == []


def test_result_is_loaded_with_read_but_not_with_list_jobs(job_store, tmp_path):
    item = job_store.create(make_job(1))
    job_store.write(item.model_copy(update={"state": "done", "result": {"rows": 3, "worst": float("nan")}}))
    assert job_store.read(item.id).result == {"rows": 3, "worst": None}
    (tmp_path / item.id / "result.json").write_text("{", encoding="utf-8")
    assert [(job.state, job.result) for job in job_store.list_jobs()] == [("done", {})]
    with pytest.raises(UnreadableRecord, match=r"The record result\.json is missing or broken"):
        job_store.read(item.id)


def test_a_record_of_an_earlier_version_has_its_result_inside(job_store, tmp_path):
    old = make_job(1, state="done", result={"rows": 3})
    (tmp_path / old.id).mkdir()
    (tmp_path / old.id / "job.json").write_text(old.to_json_text(), encoding="utf-8")
    assert job_store.read(old.id) == old
    assert [job.result for job in job_store.list_jobs()] == [{}]


def test_result_of_unfinished_job_is_not_returned(job_store):
    item = job_store.create(make_job(1, state="running"))
    job_store.write(item.model_copy(update={"result": {"rows": 3}}))
    assert job_store.read(item.id).result == {}


def test_create_job_with_same_id_starts_over(job_store):
    job_store.create(make_job(state="failed", note="Failed"))
    job_store.save_arrays(make_job().id, {"y": np.ones(3)})
    job_store.request_cancel(make_job().id)
    job_store.create(make_job())
    assert (job_store.read(make_job().id).note, job_store.is_cancel_requested(make_job().id)) == ("", False)
    with pytest.raises(FileNotFoundError):
        job_store.load_arrays(make_job().id)


def test_cancel_request_is_visible_to_other_job_stores(job_store, tmp_path):
    job_store.create(make_job())
    assert not job_store.is_cancel_requested(make_job().id)
    JobStore(tmp_path, max_finished=3).request_cancel(make_job().id)
    assert job_store.is_cancel_requested(make_job().id)


@pytest.mark.trust
def test_finish_and_cancel_request_work_on_full_disk(job_store, tmp_path):
    begun = job_store.create(make_job())
    with patch_system_calls(FaultInjector(tmp_path, 1, raising_errno(errno.ENOSPC), from_then_on=True)):
        job_store.request_cancel(begun.id)
        job_store.finish(begun.model_copy(update={"state": "cancelled"}))
    assert job_store.is_cancel_requested(begun.id)
    assert JobStore(tmp_path, max_finished=3).read(begun.id).state == begun.state  # nothing of it is on the disk
    assert job_store.read(begun.id).state == "cancelled"
    assert JobStore(tmp_path, max_finished=3).read(begun.id).state == "cancelled"  # it was offered again, and taken


def test_arrays_come_back_with_their_names_and_bits(job_store):
    job_store.create(make_job())
    arrays = {"a0123456789:digit": np.array([[0.1, 0.9]], "float32"), "a0123456789:word": np.array(["ä", "b"])}
    job_store.save_arrays(make_job().id, arrays)
    result = job_store.load_arrays(make_job().id)
    assert result.keys() == arrays.keys()
    assert all(result[name].tobytes() == array.tobytes() for name, array in arrays.items())


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 2}', '{"schema": 1}'])
def test_broken_job_record_is_skipped_in_list_and_raises_on_read(job_store, tmp_path, text):
    job_store.create(make_job(1))
    job_store.create(make_job(2))
    (tmp_path / make_job(1).id / "job.json").write_text(text, encoding="utf-8")
    assert [job.id for job in job_store.list_jobs()] == [make_job(2).id]
    with pytest.raises(UnreadableRecord, match=r"The record job\.json"):
        job_store.read(make_job(1).id)


@pytest.mark.parametrize("id_", ["", "..", "../x", "a0123456789", "j0123456789/../x", "jobs"])
def test_invalid_job_id_never_becomes_a_path(job_store, id_):
    for use in (job_store.read, job_store.load_arrays, job_store.request_cancel):
        with pytest.raises(UnknownName, match="Nothing in the library has this id"):
            use(id_)


def test_read_unknown_job_raises_unknown_name(job_store):
    with pytest.raises(UnknownName) as caught:
        job_store.read(make_job(7).id)
    assert caught.value.received == make_job(7).id


def test_new_ids_are_valid_and_unique():
    made = {new_id(kind) for kind in "raj" for _ in range(100)}
    assert len(made) == 300
    assert all(validate_id(item, "raj") == item for item in made)


def test_validate_id_truncates_invalid_id_in_error():
    with pytest.raises(UnknownName) as caught:
        validate_id("x" * 5000)
    assert caught.value.received == "x" * 80


@pytest.mark.parametrize(
    "damage", [lambda data: data[:40], lambda data: b"", lambda data: b"PK" + data[2:-30] + bytes(30)]
)
def test_job_store_damaged_arrays_raise_os_error(job_store, damage):
    job = job_store.create(make_job())
    job_store.save_arrays(job.id, {"x": np.arange(9.0)})
    assert job_store.load_arrays(job.id)["x"].tolist() == np.arange(9.0).tolist()
    path = job_store.folder(job.id) / "arrays.npz"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(OSError, match="damaged"):
        job_store.load_arrays(job.id)
