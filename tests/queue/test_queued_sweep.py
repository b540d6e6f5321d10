"""A sweep over the workers of a team: its jobs are theirs, its own record is in no queue, another server goes on."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from core.jobs.sweeps.sweep import Sweeps
from core.jobs.sweeps.sweep_model import ModelSweep
from core.queue import QueueDatabase, recover_abandoned
from core.sweep.plan import make_plan
from core.sweep.rows import Status, SweepRow
from tests.factories.library_entries import make_run
from tests.factories.queue_team import Team
from tests.postgresql_server import execute


def test_workers_do_the_jobs_of_a_sweep_and_leave_its_record_alone(team: Team, monkeypatch: pytest.MonkeyPatch):
    server, is_done, gate = team.make_server(), threading.Event(), threading.Event()
    run = make_run(server.library)

    def ask(self: ModelSweep, model: Any) -> Iterator[SweepRow]:
        result = self._work.run(lambda: self._work.jobs._start("echo", "Echo", {"run": model.run}))
        is_done.set()  # from now on no worker has anything of it
        gate.wait(30)
        yield SweepRow(model=model.name, status=Status.ALIKE, run=result["request"]["run"])

    monkeypatch.setattr(ModelSweep, "ask", ask)
    with team.running_node():
        job = Sweeps(server).start(make_plan({"models": [run.id]}))
        assert is_done.wait(60)
        assert server.job_store.read(job.id).state == "running"
        database = QueueDatabase(team.database_url)
        assert recover_abandoned(database, "a worker of the test", [], 0.0) == ([], [])
        gate.set()
        assert server.wait(job.id).state == "done"
    other = team.make_server("other")
    assert [row.run for row in Sweeps(other).read_rows(job.id)] == [run.id]
    assert [each.kind for each in other.job_store.list_jobs()] == ["sweep"]


def test_sweep_whose_server_is_gone_is_ended_and_goes_on_at_another(team: Team, monkeypatch: pytest.MonkeyPatch):
    server = team.make_server()
    run = make_run(server.library)
    sweeps, plan = Sweeps(server), make_plan({"models": [run.id]})
    left = sweeps._make_job(plan, server.library.home, "nightly", again=False, has_files=False)
    # Inserted, not created: no process says that it does it.
    server.job_store.insert([left.model_copy(update={"state": "running"})], lambda _, jobs: [{} for _ in jobs])
    assert server.job_store.read(left.id).is_active
    execute(team.database_url, "UPDATE jobs_1 SET queued = now() - interval '1 hour'")
    assert server.job_store.read(left.id).state == "interrupted"
    monkeypatch.setattr(ModelSweep, "ask", lambda self, model: iter([SweepRow(model="a", status=Status.ALIKE)]))
    assert sweeps.start(plan).id == left.id
    assert server.wait(left.id).state == "done"


def test_sweep_whose_server_says_nothing_is_resumed_at_another(team: Team, monkeypatch: pytest.MonkeyPatch):
    gone, server = team.make_server("gone"), team.make_server()
    run = make_run(gone.library)
    plan = make_plan({"models": [run.id]})
    left = Sweeps(gone)._make_job(plan, gone.library.home, "nightly", again=False, has_files=False)
    monkeypatch.setattr(gone.job_store._kept, "touch", lambda: None)
    gone.job_store.create(left.model_copy(update={"state": "running"}))
    execute(team.database_url, "UPDATE jobs_1 SET claimed = now() - interval '1 hour'")
    assert server.job_store.read(left.id).state == "interrupted"
    monkeypatch.setattr(ModelSweep, "ask", lambda self, model: iter([SweepRow(model="a", status=Status.ALIKE)]))
    assert Sweeps(server).resume(left.id).id == left.id
    assert server.wait(left.id).state == "done"
