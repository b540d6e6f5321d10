"""Workers whose disk is full, and workers whose clock is hours off: the database's counts."""

import os
import signal
import threading
from pathlib import Path

import pytest

from core.error_translation import translate_store_error
from core.object_store import Manifest, Manifests
from core.queue import JobFiles, attempt, recover_abandoned
from core.settings import Settings
from tests.factories.faulty_team import FaultyTeam, shift_clock
from tests.factories.library_entries import make_imported_artifact
from tests.factories.queue_team import Team
from tests.helpers import fill_disk, wait_until

pytestmark = pytest.mark.trust
HOURS = 3600.0


@pytest.fixture
def small_worker(tmp_path: Path, team_settings: Settings, small_disk: Path) -> FaultyTeam:
    """A team of which one machine has a disk of 4 MiB."""
    (small_disk / "home").mkdir()
    (tmp_path / "there").symlink_to(small_disk / "home")
    return FaultyTeam(Team(tmp_path, team_settings.database_url), "here", "there")


def test_job_on_a_full_disk_fails_in_words_and_is_done_when_there_is_room(small_worker: FaultyTeam, small_disk: Path):
    fill_disk(small_disk / "filled")
    job = small_worker.submit("a model")
    small_worker.do("there", small_worker.take("there", job))
    end = small_worker.server.job_store.read(job.id)
    assert (end.state, end.error["sentence"]) == ("failed", "The disk is full.")
    assert end.error["cure"]
    assert small_worker.library("here").ids() == []
    (small_disk / "filled").unlink()
    again = small_worker.submit("a model")
    small_worker.do("there", small_worker.take("there", again))
    end = small_worker.server.job_store.read(again.id)
    assert end.state == "done", end.error
    assert {entry.id for entry in small_worker.library("here").find()} == set(end.result["artifacts"])


@pytest.fixture
def refusals(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the store says to each piece that a job has made, the next one last; it takes what comes after these."""
    said: list[str] = []
    real = JobFiles.put_made

    def put_made(files: JobFiles, *arguments):
        if said:
            raise translate_store_error(said.pop(), "s3://models/roundtrip")
        return real(files, *arguments)

    monkeypatch.setattr(JobFiles, "put_made", put_made)
    monkeypatch.setattr(attempt, "RETRY_SECONDS", 0.01)
    return said


def test_result_waits_for_a_store_whose_credentials_expired(small_worker: FaultyTeam, refusals: list[str]):
    job = small_worker.server._start("store", "Stores", {})
    refusals += ["ExpiredToken"] * 3
    small_worker.do("here", small_worker.take("here", job))
    assert small_worker.server.job_store.read(job.id).state == "done"
    assert small_worker.server.job_store.load_arrays(job.id)["numbers"].tolist() == [0, 1, 2]


def test_result_whose_answer_was_lost_is_one_entry_of_the_store(small_worker: FaultyTeam, monkeypatch):
    job, real = small_worker.server._start("store", "Stores", {}), Manifests.put

    def lose_answer(manifests: Manifests, manifest: Manifest):
        monkeypatch.setattr(Manifests, "put", real)
        real(manifests, manifest)
        raise translate_store_error("connection closed before message completed", "s3://models/roundtrip")

    monkeypatch.setattr(Manifests, "put", lose_answer)
    monkeypatch.setattr(attempt, "RETRY_SECONDS", 0.01)
    small_worker.do("here", small_worker.take("here", job))
    assert small_worker.server.job_store.read(job.id).state == "done"
    assert len(Manifests(small_worker.library("here").entries.store).ids()) == 1


def test_result_that_the_store_never_takes_ends_the_job_in_words(small_worker, refusals, monkeypatch):
    job = small_worker.server._start("store", "Stores", {})
    refusals += ["ExpiredToken"] * 100
    monkeypatch.setattr(attempt, "AWAY_SECONDS", 0.1)
    small_worker.do("here", small_worker.take("here", job))
    end = small_worker.server.job_store.read(job.id)
    assert (end.state, end.result) == ("failed", {})
    assert end.error["sentence"] == "The credentials for the store have expired."
    assert end.error["cure"].startswith("Renew them")


def test_job_whose_result_waits_for_the_store_can_be_cancelled(small_worker, refusals):
    job = small_worker.server._start("store", "Stores", {})
    refusals += ["ExpiredToken"] * 10_000
    taken = small_worker.take("here", job)
    thread = threading.Thread(target=lambda: small_worker.do("here", taken))
    thread.start()
    wait_until(lambda: "waits for the store" in small_worker.server.job_store.read(job.id).note)
    small_worker.server.cancel(job.id)
    thread.join(20)
    assert small_worker.server.job_store.read(job.id).state == "failed"


@pytest.mark.parametrize("hours", [-5, 5])
def test_worker_with_another_clock_neither_takes_nor_loses_jobs(tmp_path: Path, team_settings: Settings, hours: int):
    team = Team(tmp_path, team_settings.database_url)
    machines = FaultyTeam(team, "here", "there")
    job = machines.submit("a model")
    with pytest.MonkeyPatch.context() as patch:
        shift_clock(patch, hours * HOURS)
        node = team.make_node("there", lost_seconds=60)
        node._announce()
        taken = machines.take("there", job)
        node._store.database.run(lambda c: c.exec_driver_sql(f"UPDATE jobs_1 SET worker = '{node.id}'"))
        assert 0 <= taken.waited < 60
        assert [worker.is_live for worker in team.workers()] == [True]
        machines.do("there", taken)
        machines.library("there").set_alias("champion", machines.library("there").find()[0].id)
    end = machines.server.job_store.read(job.id)
    assert end.state == "done", end.error
    second = make_imported_artifact(machines.library("here"))
    machines.library("here").set_alias("champion", second.id)
    for name in machines.machines:
        library = machines.library(name)
        assert {entry.id for entry in library.find()} == {second.id, *end.result["artifacts"]}
        assert library.resolve("champion") == second.id
        assert library.alias_history("champion")[0].artifact == second.id


@pytest.mark.parametrize("hours", [-5, 5])
def test_worker_with_another_clock_takes_no_job_of_one_that_lives(tmp_path: Path, team_settings: Settings, hours: int):
    team = Team(tmp_path, team_settings.database_url)
    machines = FaultyTeam(team, "here", "there")
    node = team.make_node("here", lost_seconds=60)
    node._announce()
    job, database = machines.submit("a model"), node._store.database
    assert machines.take("here", job)
    database.run(lambda connection: connection.exec_driver_sql(f"UPDATE jobs_1 SET worker = '{node.id}'"))
    with pytest.MonkeyPatch.context() as patch:
        shift_clock(patch, hours * HOURS)
        assert recover_abandoned(database, "there", [], 0).queued == []
        database.run(lambda c: c.exec_driver_sql("UPDATE workers_1 SET heartbeat = now() - interval '61 seconds'"))
        assert recover_abandoned(database, "there", [], 0).queued == [job.id]


@pytest.mark.long
def test_killed_worker_with_another_clock_is_noticed_in_time(tmp_path: Path, team_settings, monkeypatch):
    team = Team(tmp_path, team_settings.database_url)
    jobs, request = team.make_server(), {"until": str(tmp_path / "until"), "begun": str(tmp_path / "begun")}
    job = jobs._start("commit", "Commit", request)
    monkeypatch.setenv("ROUNDTRIP_TEST_CLOCK", str(5 * HOURS))
    with team.node_process("ahead") as killed:
        wait_until(lambda: (tmp_path / "begun").exists())
        with team.running_node("here"):
            wait_until(lambda: all(worker.heartbeat > worker.started for worker in team.workers()))
            assert jobs.job_store.read(job.id).state == "running"
            assert len((tmp_path / "begun").read_text().splitlines()) == 1
            os.kill(killed.pid, signal.SIGKILL)
            (tmp_path / "until").touch()
            end = jobs.wait(job.id)
    assert end.state == "done", end.error
    assert [run.id for run in jobs.library.runs()] == [end.result["run"]]
