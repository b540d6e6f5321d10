"""Answers that are lost, records of other versions, workers without room: no job is lost, stuck or untrue by them."""

import copy
import threading
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from core.errors import Cancelled, Gone, StorageFailed, UnreadableRecord
from core.jobs import Jobs
from core.jobs.execution.driver import JobKind
from core.jobs.execution.local_driver import LocalDriver
from core.jobs.execution.node import Node
from core.jobs.execution.queued_work import do_attempt
from core.library import Library
from core.library.job_store import Job
from core.library.storage import translate_disk_errors
from core.queue import (
    Announcement,
    Attempt,
    DatabaseJobStore,
    JobNotifications,
    WorkerRegistry,
    job_rows,
    recover_abandoned,
    take_attempt,
)
from core.queue.database import QueueDatabase
from core.queue.recovery import MAX_LOSSES
from core.queue.schema import RECOVERY_LOCK
from core.queue.tasks import make_app, read_queues
from core.settings import Settings
from core.worker import Worker
from tests.factories.event_loops import run_coroutine
from tests.factories.queue_team import Team
from tests.factories.small_kinds import SMALL_KINDS
from tests.helpers import wait_until
from tests.postgresql_server import execute

pytestmark = pytest.mark.trust
ID, OTHER = "j0123456789", "j9876543210"


@pytest.fixture
def store(shared_team: Team) -> DatabaseJobStore:
    """Records of jobs on a machine."""
    return shared_team.open_store("here")


@pytest.fixture
def no_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers say that they live only where a test says so: on a busy machine their threads say it late."""
    monkeypatch.setattr("core.queue.kept_jobs._keep", lambda *_: None)


def enter(team: Team, id_: str = ID, kind: str = "echo") -> None:
    """Have a job wait."""
    team.make_server()._start(kind, "A job", {}, id_=id_)


def do(team: Team, attempt: Attempt, kinds: dict[str, JobKind] = SMALL_KINDS) -> None:
    jobs = team.make_server("here")
    with attempt:
        do_attempt(copy.copy(jobs), kinds, attempt, jobs.job_store.files)


def recover(store: DatabaseJobStore) -> tuple[list[str], list[str]]:
    return recover_abandoned(store.database, "a worker of the test", [], 0)


def break_record(team: Team, id_: str) -> None:
    execute(team.database_url, f"UPDATE jobs_1 SET record = '{{\"schema\": 99}}' WHERE id = '{id_}'")


def test_end_whose_answer_is_lost_keeps_what_the_job_made(shared_team, store, monkeypatch):
    enter(shared_team, kind="store")
    attempt, real, ends = take_attempt(store, ID, "a worker"), QueueDatabase.run, []

    def run(database: QueueDatabase, operation: Any, *arguments: Any) -> Any:
        answer = real(database, operation, *arguments)
        if operation is job_rows.end:
            ends.append(answer)
            if len(ends) == 1:
                raise StorageFailed("The answer was lost.")
        return answer

    monkeypatch.setattr(QueueDatabase, "run", run)
    monkeypatch.setattr("core.queue.attempt.RETRY_SECONDS", 0.01)
    do(shared_team, attempt)
    assert (ends, store.read(ID).state) == ([True, False], "done")
    elsewhere = shared_team.open_store("elsewhere")
    assert elsewhere.load_arrays(ID)["numbers"].tolist() == [0, 1, 2]
    elsewhere.files.forget(elsewhere._read_row(ID).entry)
    with pytest.raises(Gone):
        shared_team.open_store("third").folder(ID)


def test_job_that_nobody_here_can_read_holds_up_no_other(shared_team, store):
    for id_ in (ID, OTHER):
        enter(shared_team, id_)
        assert take_attempt(store, id_, "gone")
    break_record(shared_team, ID)
    assert recover(store) == ([OTHER], [])
    with pytest.raises(UnreadableRecord):
        store.read(ID)
    break_record(shared_team, OTHER)
    node = shared_team.make_node()
    assert node._deliver(OTHER, lambda: False) is None
    assert store._read_row(OTHER).state == "queued"


def test_job_whose_files_cannot_be_stored_at_all_has_failed(shared_team, store, monkeypatch):
    enter(shared_team)
    monkeypatch.setattr(DatabaseJobStore, "put_files", lambda *_: refuse(UnreadableRecord("It was changed meanwhile.")))
    do(shared_team, take_attempt(store, ID, "a worker"))
    end = store.read(ID)
    assert (end.state, end.result, end.error["sentence"]) == ("failed", {}, "It was changed meanwhile.")


def refuse(error: Exception) -> Any:
    raise error


def test_worker_without_room_says_so_in_the_job(shared_team, store, monkeypatch):
    def make(*_: Any) -> None:
        with translate_disk_errors():
            raise OSError(28, "No space left on device")

    enter(shared_team)
    monkeypatch.setattr(DatabaseJobStore, "make_attempt_folder", make)
    do(shared_team, take_attempt(store, ID, "a worker"))
    assert (store.read(ID).state, store.read(ID).error["code"]) == ("failed", "storage")


def test_worker_frozen_while_it_recovers_jobs_blocks_others_briefly(shared_team, store, monkeypatch):
    monkeypatch.setattr("core.library.catalog.schema.IDLE_SECONDS", 1)
    frozen = QueueDatabase(shared_team.database_url)
    enter(shared_team)
    assert take_attempt(store, ID, "gone")
    with frozen.connect() as connection:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({RECOVERY_LOCK})")
        assert recover(store) == ([], [])
        wait_until(lambda: recover(store) == ([ID], []))
        with pytest.raises(DBAPIError, match="idle-in-transaction timeout") as raised:
            connection.exec_driver_sql("SELECT 1")
    assert raised.value.connection_invalidated
    assert frozen.run(lambda again: again.exec_driver_sql("SELECT 1").scalar()) == 1


def test_connections_of_procrastinate_have_the_limit_too(shared_team, store):
    async def read_limit() -> object:
        app, _ = make_app(store.database, shared_team.make_node(), lambda *_: None, 1)
        async with app.open_async():
            return await app.connector.execute_query_one_async("SHOW idle_in_transaction_session_timeout")

    assert run_coroutine(read_limit()) == {"idle_in_transaction_session_timeout": "30s"}


def test_job_given_back_has_lost_no_worker(shared_team, store):
    enter(shared_team)
    for _ in range(MAX_LOSSES):
        take_attempt(store, ID, "restarted").give_back()
    for number in range(1, MAX_LOSSES + 1):
        assert take_attempt(store, ID, "gone")
        assert recover(store) == (([ID], []) if number < MAX_LOSSES else ([], [ID]))


def test_job_of_a_server_that_is_gone_makes_room_for_its_successor(shared_team, no_beats):
    here, there = (shared_team.open_store(name, lost_seconds=60) for name in ("here", "there"))
    first = Job(id=ID, kind="sweep", title="A sweep", state="running")
    assert here.create(first) is first
    assert there.create(Job(id=ID, kind="sweep", title="Another")) != first.model_copy(update={"title": "Another"})
    assert (there.read(ID).title, ID in there._kept) == ("A sweep", False)
    execute(shared_team.database_url, "UPDATE jobs_1 SET claimed = now() - interval '61 seconds'")
    assert there.read(ID).state == "interrupted"
    again = Job(id=ID, kind="sweep", title="Again")
    assert there.create(again) is again
    assert (here.read(ID).title, here.read(ID).state) == ("Again", "queued")


def test_server_that_was_cut_off_changes_nothing_of_its_successors_job(shared_team, no_beats):
    here, there = (shared_team.open_store(name, lost_seconds=60) for name in ("here", "there"))
    late = here.create(Job(id=ID, kind="sweep", title="Cut off", state="running"))
    (here.folder(ID) / "rows").write_text("of the first")
    execute(shared_team.database_url, "UPDATE jobs_1 SET claimed = now() - interval '61 seconds'")
    again = there.create(Job(id=ID, kind="sweep", title="Again", state="running"))
    assert there.read(ID).title == "Again"
    here._kept.touch()
    here.write(late.model_copy(update={"note": "late"}))
    assert (here.is_cancel_requested(ID), there.is_cancel_requested(ID)) == (True, False)
    here.finish(late.model_copy(update={"state": "failed", "note": "late"}))
    assert (there.read(ID).title, there.read(ID).state, there.read(ID).note) == ("Again", "running", again.note)
    assert there.files._manifests.ids() == []
    there._kept.touch()
    there.finish(again.model_copy(update={"state": "done", "note": "Done"}))
    assert (here.read(ID).state, here.read(ID).note, here.is_cancel_requested(ID)) == ("done", "Done", False)


def test_server_that_was_cut_off_keeps_no_successor_alive(shared_team, no_beats):
    here, there = (shared_team.open_store(name, lost_seconds=60) for name in ("here", "there"))
    here.create(Job(id=ID, kind="sweep", title="Cut off", state="running"))
    execute(shared_team.database_url, "UPDATE jobs_1 SET claimed = now() - interval '61 seconds'")
    there.create(Job(id=ID, kind="sweep", title="Again", state="running"))
    execute(shared_team.database_url, "UPDATE jobs_1 SET claimed = now() - interval '61 seconds'")
    here._kept.touch()
    assert here.read(ID).state == "interrupted"


def test_attempt_at_an_earlier_job_of_an_id_changes_nothing_of_the_next(shared_team, store):
    """Both have the number 1."""
    enter(shared_team, kind="store")
    late = take_attempt(store, ID, "gone")
    store.request_cancel(ID)
    recover(store)
    assert store.read(ID).state == "cancelled"
    enter(shared_team)
    attempt = take_attempt(store, ID, "a worker")
    assert (late.number, attempt.number) == (1, 1)
    do(shared_team, late)
    assert (store.read(ID).state, store.read(ID).kind) == ("running", "echo")
    late.give_back()
    with pytest.raises(Cancelled), late.fence():
        raise AssertionError
    do(shared_team, attempt)
    assert (store.read(ID).state, store.read(ID).kind) == ("done", "echo")


def test_database_that_is_away_ends_no_waiting(shared_team, store, monkeypatch):
    jobs, real, refusals = shared_team.make_server(), QueueDatabase.run, []
    kept = jobs.job_store.create(Job(id=ID, kind="sweep", title="A sweep", state="done"))

    def run(database: QueueDatabase, operation: Any, *arguments: Any) -> Any:
        if len(refusals) < 2:
            refusals.append(operation)
            raise StorageFailed("The database does not answer.")
        return real(database, operation, *arguments)

    monkeypatch.setattr("core.jobs.execution.runner.RETRY_SECONDS", 0.01)
    monkeypatch.setattr(QueueDatabase, "run", run)
    assert store.is_cancel_requested(ID) is False
    assert jobs.wait(kept.id).state == "done"
    assert len(refusals) == 2


def test_files_of_an_earlier_job_are_not_those_of_the_next(shared_team, store):
    enter(shared_team, kind="store")
    do(shared_team, take_attempt(store, ID, "a worker"))
    elsewhere = shared_team.open_store("elsewhere")
    assert (elsewhere.folder(ID) / "arrays.npz").exists()
    store.delete(ID)
    enter(shared_team)
    assert not (elsewhere.folder(ID) / "arrays.npz").exists()


def test_fetching_one_job_in_two_processes_at_once_gives_all_of_it(shared_team, store):
    enter(shared_team, kind="store")
    do(shared_team, take_attempt(store, ID, "a worker"))
    both = [shared_team.open_store("elsewhere") for _ in range(2)]  # of which each has its own lock
    gate, found = threading.Barrier(2), []

    def fetch(one: DatabaseJobStore) -> None:
        gate.wait(10)
        found.append(one.folder(ID))

    threads = [threading.Thread(target=fetch, args=(each,)) for each in both]
    [thread.start() for thread in threads]
    [thread.join(20) for thread in threads]
    assert len(found) == 2
    assert (found[0] / "arrays.npz").exists()
    assert list((shared_team.folder / "elsewhere" / "staging").iterdir()) == []


def test_needs_that_are_not_known_here_are_left_to_others():
    class Rows:
        async def execute_query_all_async(self, _: str) -> list[dict[str, str]]:
            return [{"name": "a", "requirements": '{"moon": true}'}, {"name": "b", "requirements": "{}"}]

    assert [name for name, _ in run_coroutine(read_queues(Rows()))] == ["b"]


def test_kind_that_is_not_known_here_is_left_to_others(shared_team, store):
    enter(shared_team)
    do(shared_team, take_attempt(store, ID, "of another version"), kinds={})
    assert store.read(ID).state == "queued"
    do(shared_team, take_attempt(store, ID, "of this version"))
    assert store.read(ID).state == "done"


def test_given_files_and_workers_of_another_version_are_told_in_words(shared_team, store):
    enter(shared_team)
    execute(shared_team.database_url, "UPDATE jobs_1 SET files = '{\"files\": 3}'")
    do(shared_team, take_attempt(store, ID, "a worker"))
    assert store.read(ID).error["code"] == "unreadable-record"
    registry = WorkerRegistry(store.database)
    facts = {"version": "1", "python": "3", "system": "x", "processor": "x", "processors": 1, "memory": 1}
    for name in ("a", "b"):
        registry.announce(name, Announcement(name=name, **facts), lost_seconds=60)
    execute(shared_team.database_url, "UPDATE workers_1 SET announcement = '{}' WHERE id = 'a'")
    assert [worker.id for worker in registry.list_workers()] == ["b"]


def test_nothing_is_kept_of_jobs_that_nobody_waits_for(store):
    notifications = JobNotifications(store.database)
    notifications.wait(ID, 0.01)
    assert (notifications._numbers, +notifications._waiting) == ({}, {})


def test_each_job_is_given_back_whatever_becomes_of_another(shared_team, store, monkeypatch):
    node: Node = shared_team.make_node()
    for id_ in (ID, OTHER):
        enter(shared_team, id_)
        node._attempts[id_] = take_attempt(store, id_, node.id)
    monkeypatch.setattr(node._attempts[ID], "give_back", lambda: refuse(StorageFailed("It does not answer.")))
    monkeypatch.setattr(node, "drain", lambda: None)
    node.stop()
    wait_until(lambda: store.read(OTHER).state == "queued")
    assert store.read(ID).state == "running"


def test_sign_of_life_goes_on_after_any_error(shared_team, monkeypatch):
    node, beats = shared_team.make_node(), []
    node._lost_seconds = 0.01

    def beat() -> None:
        beats.append(len(beats))
        if len(beats) == 2:
            node._ended.set()
        raise ValueError("a word of another version")

    monkeypatch.setattr(node, "_beat", beat)
    node._beat_until_end()
    assert beats == [0, 1]


def test_job_whose_thread_does_not_start_leaves_no_record(tmp_path, monkeypatch):
    config = Settings(home=tmp_path)
    jobs = Jobs(Library(tmp_path), Worker(config), config, kinds=SMALL_KINDS, driver=LocalDriver(SMALL_KINDS, 2))
    monkeypatch.setattr(threading.Thread, "start", lambda _: refuse(RuntimeError("can't start new thread")))
    with pytest.raises(RuntimeError):
        jobs._start("echo", "Echo", {}, id_=ID)
    monkeypatch.undo()
    assert jobs.job_store.list_jobs() == []
