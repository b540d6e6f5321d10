"""A job is delivered at least once and takes effect once, whatever becomes of the worker that has it."""

import signal
from pathlib import Path

import pytest

from core.errors import Cancelled, InputError, StorageFailed
from core.library.job_store import Job
from core.queue import DatabaseJobStore, QueueDatabase, WorkerRequirements, defer, recover_abandoned, take_attempt
from core.queue.recovery import MAX_LOSSES
from tests.factories.faulty_team import IDLE
from tests.factories.library_entries import make_run
from tests.factories.queue_team import Team
from tests.helpers import wait_until
from tests.postgresql_server import execute

pytestmark = pytest.mark.trust


def waiting_request(folder: Path) -> dict[str, str]:
    return {"until": str(folder / "until"), "begun": str(folder / "begun")}


def begun_lines(folder: Path) -> list[str]:
    return (folder / "begun").read_text(encoding="utf-8").split("\n")[:-1] if (folder / "begun").exists() else []


def recover(database: QueueDatabase, *mine: str, seconds: float = 0):
    return recover_abandoned(database, "a worker of the test", list(mine), seconds)


@pytest.fixture
def store(team: Team) -> DatabaseJobStore:
    """Records of jobs, of which one waits."""
    jobs = team.make_server()
    jobs._start("echo", "Echo", {}, id_="j0123456789")
    return team.open_store("other")


def test_attempt_that_was_overtaken_changes_nothing(store, empty_library):
    first = take_attempt(store, "j0123456789", "gone")
    assert recover(store.database).queued == ["j0123456789"]
    waiting = store.read("j0123456789")
    assert (waiting.state, waiting.note) == ("queued", "The worker that had it is gone: waiting for another")
    second = take_attempt(store, "j0123456789", "another")
    assert (first.number, second.number) == (1, 2)
    with pytest.raises(Cancelled, match="Another worker has taken this job up"), first.fence():
        raise AssertionError
    with pytest.raises(Cancelled):
        make_run(empty_library.with_fence(first.fence))
    with first:
        first.end(first.job.model_copy(update={"state": "failed", "note": "late"}))
    with pytest.raises(Cancelled):
        first.write(first.job)
    between = store.read("j0123456789")
    assert (between.state, "late" in between.note) == ("running", False)
    assert empty_library.runs() == []
    with second.fence():
        pass
    with second:
        second.end(second.job.model_copy(update={"state": "done", "result": {"by": "second"}}))
    assert store.read("j0123456789").result == {"by": "second"}
    assert list(store._folder.glob("*.?")) == []


def test_nobody_takes_a_job_over_while_it_commits(store):
    attempt = take_attempt(store, "j0123456789", "gone")
    with attempt.fence():
        assert recover(store.database).queued == []
    assert recover(store.database).queued == ["j0123456789"]


@pytest.mark.parametrize("error", [InputError("Of its own."), None], ids=["an error", "none"])
def test_lost_fence_is_said_and_hides_no_error_of_the_work(store, team: Team, error: InputError | None):
    attempt = take_attempt(store, "j0123456789", "one")
    expected = error or StorageFailed("The database does not answer.")

    def work() -> None:
        execute(team.database_url, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {IDLE}")
        if error:
            raise error

    with pytest.raises(type(expected), match=expected.sentence), attempt.fence():
        work()


def test_job_whose_workers_are_gone_time_and_again_ends_in_words(store):
    for number in range(1, MAX_LOSSES + 1):
        assert take_attempt(store, "j0123456789", f"worker {number}").number == number
        recovered = recover(store.database)
        assert recovered.queued == (["j0123456789"] if number < MAX_LOSSES else [])
    end = store.read("j0123456789")
    assert (end.state, end.error["code"]) == ("interrupted", "child-died")
    assert end.error["sentence"] == "3 workers that did this were gone before it ended."
    assert take_attempt(store, "j0123456789", "one more") is None


def test_cancelled_job_of_a_worker_that_is_gone_is_not_done_again(store):
    take_attempt(store, "j0123456789", "gone")
    store.request_cancel("j0123456789")
    recover(store.database)
    assert store.read("j0123456789").state == "cancelled"


def test_claim_whose_answer_was_lost_is_given_back(team):
    jobs = team.make_server()
    with team.running_node() as node:
        jobs.wait(jobs._start("echo", "Echo", {}).id)
        store = team.open_store("other")
        store.insert([Job(id="j0123456789", kind="echo", title="Echo")], lambda _, new: [{"queue": "anywhere"}])
        assert take_attempt(store, "j0123456789", node.id)  # of which the worker knows nothing
        assert jobs.wait("j0123456789").state == "done"


def test_job_that_was_delivered_twice_runs_once(team, tmp_path):
    jobs = team.make_server()
    job = jobs._start("wait", "Wait", waiting_request(tmp_path))
    jobs.job_store.database.run(defer, [(job.id, WorkerRequirements(), 0)] * 2)
    with team.running_node(concurrency=3):
        wait_until(lambda: begun_lines(tmp_path))
        (tmp_path / "until").touch()
        assert jobs.wait(job.id).state == "done"
        echo = jobs._start("echo", "After it", {})
        assert jobs.wait(echo.id).state == "done"
    assert len(begun_lines(tmp_path)) == 1
    assert jobs.job_store.database.run(count_tasks) == 0


def count_tasks(connection) -> int:
    return connection.exec_driver_sql("SELECT count(*) FROM procrastinate_jobs").scalar_one()


def test_job_of_a_killed_worker_is_done_by_another(team, tmp_path):
    jobs = team.make_server()
    job = jobs._start("commit", "Commit", waiting_request(tmp_path))
    with team.node_process("first") as killed:
        wait_until(lambda: begun_lines(tmp_path))
        killed.send_signal(signal.SIGKILL)
        killed.wait()
    (tmp_path / "until").touch()
    with team.running_node("second"):
        end = jobs.wait(job.id)
    assert (end.state, len(begun_lines(tmp_path))) == ("done", 2)
    assert [run.id for run in jobs.library.runs()] == [end.result["run"]]


def test_late_result_of_a_frozen_worker_does_not_win(team, tmp_path):
    jobs = team.make_server()
    job = jobs._start("commit", "Commit", waiting_request(tmp_path))
    with team.node_process("first") as frozen:
        wait_until(lambda: begun_lines(tmp_path))
        frozen.send_signal(signal.SIGSTOP)
        (tmp_path / "until").touch()
        with team.running_node("second"):
            end = jobs.wait(job.id)
        frozen.send_signal(signal.SIGCONT)
        echo = jobs.wait(jobs._start("echo", "Echo", {}).id)  # which only it can do
        assert echo.result["process"] == frozen.pid
        frozen.send_signal(signal.SIGTERM)
        assert frozen.wait(20) == 0
    assert jobs.job_store.read(job.id) == end
    assert [run.id for run in jobs.library.runs()] == [end.result["run"]]


def test_jobs_go_on_while_the_database_is_away(team, tmp_path, postgresql):
    jobs, name = team.make_server(), team.database_url.rpartition("/")[2].partition("?")[0]
    with team.running_node(lost_seconds=30):
        both = [jobs._start(kind, kind, waiting_request(tmp_path)) for kind in ("commit", "wait")]
        wait_until(lambda: len(begun_lines(tmp_path)) == 2)
        execute(postgresql, f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false")
        execute(postgresql, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        with pytest.raises(StorageFailed, match="The database does not answer"):
            jobs.job_store.list_jobs()
        (tmp_path / "until").touch()  # both end, and have nowhere to say so
        execute(postgresql, f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true")
        assert [jobs.wait(job.id).state for job in both] == ["done", "done"]
        assert jobs.wait(jobs._start("echo", "Echo", {}).id).state == "done"
    assert len(begun_lines(tmp_path)) == 2
