"""Records of jobs, in a folder and in a database: the same answers."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from core.errors import UnknownName, UnreadableRecord
from core.jobs.execution.job_handle import JobHandle
from core.library.ids import new_id
from core.library.job_store import Job, JobStore
from core.library.permissions import AccessControl
from core.queue import DatabaseJobStore, QueueDatabase, job_rows, recover_abandoned
from tests.factories.private_entries import ADA, BO
from tests.factories.queue_team import Team
from tests.helpers import wait_until
from tests.postgresql_server import execute


@pytest.fixture(params=["folder", "database"])
def job_store(request: pytest.FixtureRequest, tmp_path: Path) -> JobStore:
    """Empty records of jobs, which keep three that have ended."""
    if request.param == "folder":
        (tmp_path / "jobs").mkdir()
        return JobStore(tmp_path / "jobs", max_finished=3)
    return request.getfixturevalue("team").open_store("here", keep_jobs=3)


def make_job(number: int = 0, **facts) -> Job:
    return Job(id=f"j{number:010x}", kind="train", title="A job", **facts)


def test_records_show_a_job_as_it_was_written_last(job_store):
    stored = job_store.create(make_job(request={"demo": "digits-mlp"}, detail={"loss": None}))
    assert job_store.read(stored.id) == stored
    stored.state, stored.progress, stored.note = "running", 0.5, "Epoch 3 \0 ü"
    job_store.write(stored)
    assert job_store.read(stored.id) == stored
    end = stored.model_copy(update={"state": "done", "result": {"rows": 3, "worst": float("nan")}})
    job_store.finish(end)
    assert job_store.read(stored.id).result == {"rows": 3, "worst": None}
    assert [(job.state, job.result) for job in job_store.list_jobs()] == [("done", {})]


def test_records_are_listed_newest_first_and_the_oldest_ended_are_dropped(job_store):
    for number in range(6):
        job_store.create(make_job(number, state="done", created=f"2026-01-0{number + 1}T00:00:00+00:00"))
    job_store.create(make_job(9, created="2025-01-01T00:00:00+00:00"))
    job_store.create(Job(id=make_job(10).id, kind="save", title="Another", created="2024-01-01T00:00:00+00:00"))
    assert [int(job.id[1:], 16) for job in job_store.list_jobs()] == [5, 4, 3, 9, 10]
    assert [job.kind for job in job_store.list_jobs("save")] == ["save"]


def test_unknown_ids_have_no_record(job_store):
    for id_ in (new_id("j"), "../elsewhere", "a0123456789", ""):
        with pytest.raises(UnknownName):
            job_store.read(id_)


def test_unknown_jobs_and_those_of_another_person_are_not_cancelled(job_store, tmp_path: Path):
    hers = job_store.create(make_job(state="running", pid=os.getpid(), owner=ADA.id))
    for store, id_ in ((job_store, make_job(1).id), (job_store.with_access(AccessControl(tmp_path, BO)), hers.id)):
        with pytest.raises(UnknownName):
            store.request_cancel(id_)
    assert not job_store.is_cancel_requested(hers.id)
    job_store.request_cancel(hers.id)
    assert job_store.is_cancel_requested(hers.id)


def test_arrays_lie_beside_a_job_until_it_is_deleted(job_store):
    stored = job_store.create(make_job())
    job_store.save_arrays(stored.id, {"loss": np.arange(3)})
    job_store.save_arrays(stored.id, {"loss": np.arange(4)})
    assert job_store.load_arrays(stored.id)["loss"].tolist() == [0, 1, 2, 3]
    job_store.delete(stored.id)
    with pytest.raises(UnknownName):
        job_store.read(stored.id)


def test_record_that_is_broken_in_the_database_hides_no_other(team: Team):
    store = team.open_store("here")
    whole, broken = store.create(make_job(1)), store.create(make_job(2))
    execute(team.database_url, f"UPDATE jobs_1 SET record = '{{' WHERE id = '{broken.id}'")
    assert [job.id for job in store.list_jobs()] == [whole.id]
    with pytest.raises(UnreadableRecord):
        store.read(broken.id)
    assert [path.name for path, _ in store.unreadable_jobs()] == [broken.id]


def test_copies_of_what_jobs_made_are_bounded_and_fetched_again(team: Team):
    here, there = team.open_store("here"), team.open_store("there", cache_gb=3e-5)  # 3000 bytes of jobs' files
    jobs = [here.create(make_job(number, state="running")) for number in range(3)]
    for job in jobs:
        (here.folder(job.id) / "rows").write_bytes(bytes(2000))
        here.finish(job.model_copy(update={"state": "done"}))
        folder = there.folder(job.id)
        os.utime(folder / ".entry", (0, int(job.id[1:], 16)))  # seconds after 1970
    kept = there.create(make_job(3, state="running"))
    there.folder(kept.id).joinpath("rows").write_bytes(bytes(9000))
    assert sorted(path.name for path in (team.folder / "there" / "jobs").iterdir()) == [jobs[2].id, kept.id]
    assert (there.folder(jobs[0].id) / "rows").read_bytes() == bytes(2000)
    assert sorted(path.name for path in (team.folder / "there" / "jobs").iterdir()) == [jobs[0].id, kept.id]


def test_two_servers_that_start_the_same_job_start_it_once(team: Team):
    first, second = team.make_server("first"), team.make_server("second")
    jobs = [each._start("echo", "Echo", {"by": name}, id_="j0123456789") for each, name in ((first, 1), (second, 2))]
    assert {job.id for job in jobs} == {"j0123456789"}
    assert second.job_store.read("j0123456789").request == {"by": 1}
    assert isinstance(second.job_store, DatabaseJobStore)
    assert second.job_store.count_waiting()[0][:2] == ("anywhere", 1)


def test_job_beside_the_queue_is_interrupted_with_its_process(team: Team):
    here, there = team.open_store("here", lost_seconds=1), team.open_store("there", lost_seconds=60)
    job = here.create(make_job(state="running"))
    (here.folder(job.id) / "rows").write_text("so far", encoding="utf-8")
    wait_until(lambda: seconds_since_touched(there, job.id) > 0.1)
    wait_until(lambda: seconds_since_touched(there, job.id) < 0.1)  # it says that it lives
    assert there.read(job.id).state == "running"
    assert recover_abandoned(there.database, "a worker", [], 0) == ([], [])
    here.finish(job.model_copy(update={"state": "done", "result": {"rows": 1}}))
    assert (there.folder(job.id) / "rows").read_text(encoding="utf-8") == "so far"
    lost = here.create(make_job(1, state="running"))
    del here
    wait_until(lambda: seconds_since_touched(there, lost.id) > 1)  # six times it has not said that it lives
    assert there.read(lost.id).state == "running"
    execute(team.database_url, f"UPDATE jobs_1 SET claimed = now() - interval '2 minutes' WHERE id = '{lost.id}'")
    assert there.read(lost.id).state == "interrupted"
    assert [each.state for each in there.list_jobs()] == ["interrupted", "done"]


def test_sweep_of_a_team_looks_at_most_ten_times_a_second_whether_to_stop(team: Team, monkeypatch):
    """Each look is a query, of which the first that says so is the last."""
    jobs, clock, queries = team.make_server(), [100.0], []
    kept = jobs.job_store.create(make_job(state="running"))
    handle, real = JobHandle(jobs, kept), QueueDatabase.run
    monkeypatch.setattr("core.jobs.execution.job_handle.time", SimpleNamespace(monotonic=lambda: clock[0]))

    def run(database: QueueDatabase, operation: Any, *arguments: Any) -> Any:
        queries.append(operation)
        return real(database, operation, *arguments)

    monkeypatch.setattr(QueueDatabase, "run", run)
    answers = []
    for moment in (0, 0.03, 0.06, 0.125, 0.15, 0.25, 0.5):
        if moment == 0.15:
            jobs.job_store.request_cancel(kept.id)
        clock[0] = 100 + moment
        answers.append((handle.is_cancelled(), queries.count(job_rows.read_cancel_request)))
    assert answers == [(False, 1), (False, 1), (False, 1), (False, 2), (False, 2), (True, 3), (True, 3)]


def seconds_since_touched(store: DatabaseJobStore, id_: str) -> float:
    return store.database.run(job_rows.read_row, id_).silent_seconds
