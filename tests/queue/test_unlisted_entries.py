"""What a job made and no job lists, because a process was killed in between, leaves the store."""

import contextlib
import copy
import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from core.errors import StorageFailed
from core.jobs.execution.queued_work import do_attempt
from core.jobs.maintenance import delete_expired
from core.library.job_store import Job
from core.migration import migrate_from_store
from core.object_store import Manifests, ObjectStore
from core.queue import Attempt, DatabaseJobStore, QueueDatabase, recover_abandoned, take_attempt, unlisted_entries
from tests.factories.faulty_team import Killed
from tests.factories.queue_team import Team
from tests.factories.small_kinds import SMALL_KINDS
from tests.postgresql_server import execute

pytestmark = pytest.mark.trust
ID = "j0123456789"
STEPS = 9  # at which a process may be killed; the end of a job takes fewer, so that the last ones kill nobody
NOTED = "SELECT count(*) FROM unlisted_entries_1"


@pytest.fixture
def store(shared_team: Team) -> DatabaseJobStore:
    """Records of jobs, of which one waits that makes files, over a store in which there are none yet."""
    shared_team.make_server()._start("store", "Stores", {}, id_=ID)
    job_store = shared_team.open_store("here")
    empty_store(job_store)
    return job_store


def empty_store(store: DatabaseJobStore) -> None:
    objects = store.files._store
    for key in [*objects.list_keys("entries"), *objects.list_keys("contents")]:
        objects.discard(key)


def do(team: Team, attempt: Attempt) -> None:
    jobs = team.make_server("here")
    with attempt:
        do_attempt(copy.copy(jobs), SMALL_KINDS, attempt, jobs.job_store.files)


def kill_at(patch: pytest.MonkeyPatch, step: int) -> list[str]:
    """Have this process do nothing more from the `step`-th request on that it makes of store or database (0: never);
    returns what it asked for, as it goes on."""
    asked: list[str] = []

    def watch(owner: type, name: str) -> None:
        real: Callable[..., Any] = getattr(owner, name)

        def ask(*arguments: Any) -> Any:
            asked.append(name)
            if 0 < step <= len(asked):
                raise Killed
            return real(*arguments)

        patch.setattr(owner, name, ask)

    for owner, name in ((ObjectStore, "put_if_absent"), (ObjectStore, "discard"), (QueueDatabase, "run")):
        watch(owner, name)
    return asked


def end_killed(team: Team, attempt: Attempt, step: int) -> list[str]:
    """Do an attempt, and kill its process at a step of its end."""
    real, asked = Attempt.end, [""]

    with pytest.MonkeyPatch.context() as patch:

        def end(self: Attempt, job: Job) -> None:
            self.__exit__()  # nobody else asks from here on
            asked[:] = []
            asked.extend([kill_at(patch, step)])
            real(self, job)

        patch.setattr(Attempt, "end", end)
        with contextlib.suppress(Killed):
            do(team, attempt)
    return asked[0]


def recover(store: DatabaseJobStore) -> list[str]:
    return recover_abandoned(store.database, "a worker of the test", [], 0).queued


def pass_a_day(team: Team) -> None:
    execute(team.database_url, "UPDATE unlisted_entries_1 SET noted = noted - interval '25 hours'")


def list_entries(store: DatabaseJobStore) -> list[str]:
    return Manifests(store.files._store).ids()


def count_noted(store: DatabaseJobStore) -> int:
    return store.database.run(lambda connection: connection.exec_driver_sql(NOTED).scalar_one())


@pytest.mark.parametrize("step", range(1, STEPS))
def test_result_of_a_worker_killed_at_each_step_is_one_entry(shared_team: Team, store, step):
    end_killed(shared_team, take_attempt(store, ID, "gone"), step)
    if recover(store):
        do(shared_team, take_attempt(store, ID, "another"))
    pass_a_day(shared_team)
    store.delete_unlisted()
    assert (store.read(ID).state, count_noted(store)) == ("done", 0)
    assert list_entries(store) == [store._read_row(ID).entry]
    assert shared_team.open_store("elsewhere").load_arrays(ID)["numbers"].tolist() == [0, 1, 2]


def test_end_of_a_job_takes_fewer_steps_than_are_tried(shared_team: Team, store):
    asked = end_killed(shared_team, take_attempt(store, ID, "a worker"), 0)
    assert asked[-1] == "run"
    assert asked.count("put_if_absent") >= 2
    assert 4 <= len(asked) < STEPS


def test_entry_whose_end_is_not_recorded_yet_stays_for_a_day(shared_team: Team, store):
    """Then it goes, and an end that comes later counts for nothing: the job is done once more."""
    attempt, late = take_attempt(store, ID, "slow"), []
    real = QueueDatabase.run

    def run(database: QueueDatabase, operation: Any, *arguments: Any) -> Any:
        if operation.__name__ == "end" and not late:
            late.append(list_entries(store))
            for hours in (23, 2):
                store.delete_unlisted()
                late.append(list_entries(store))
                execute(shared_team.database_url, f"UPDATE unlisted_entries_1 SET noted = noted - interval '{hours} h'")
            store.delete_unlisted()
            late.append(list_entries(store))
        return real(database, operation, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(QueueDatabase, "run", run)
        do(shared_team, attempt)
    assert (len(late[0]), late[1:]) == (1, [late[0], late[0], []])
    assert store.read(ID).state == "running"
    assert recover(store) == [ID]
    do(shared_team, take_attempt(store, ID, "another"))
    assert (store.read(ID).state, list_entries(store)) == ("done", [store._read_row(ID).entry])


def test_process_killed_while_it_deletes_a_job_leaves_no_entry(shared_team: Team, store, monkeypatch):
    """Also where another job of its id takes its place, and where the oldest go."""
    for delete in (
        lambda: store.delete(ID),
        lambda: store.create(Job(id=ID, kind="sweep", title="Another", state="done")),
        lambda: delete_oldest(store),
    ):
        shared_team.make_server()._start("store", "Stores", {}, id_=ID)
        do(shared_team, take_attempt(store, ID, "a worker"))
        assert len(list_entries(store)) == 1
        with monkeypatch.context() as patch:
            patch.setattr(ObjectStore, "discard", die)
            with pytest.raises(Killed):
                delete()
        assert (len(list_entries(store)), count_noted(store)) == (1, 1)
        store.delete_unlisted()
        assert (list_entries(store), count_noted(store)) == ([], 0)
        execute(shared_team.database_url, "TRUNCATE jobs_1")


def die(*_: object) -> None:
    raise Killed


def delete_oldest(store: DatabaseJobStore) -> None:
    store._max_finished = 0
    store.create(Job(id="j9876543210", kind="sweep", title="A newer one", state="done"))


def test_entry_of_a_store_that_is_not_there_is_deleted_when_it_is_back(shared_team: Team, store, caplog):
    do(shared_team, take_attempt(store, ID, "a worker"))
    objects, away = shared_team.folder / "objects", shared_team.folder / "away"
    objects.rename(away)
    objects.mkdir()
    store.delete(ID)
    assert count_noted(store) == 1
    objects.rmdir()
    away.rename(objects)
    jobs = shared_team.make_server("here")
    delete_expired(jobs)  # as a server does daily
    assert (list_entries(store), count_noted(store)) == ([], 0)
    with renamed_table(shared_team):
        delete_expired(jobs)
    assert "What no job lists was not deleted from the store: The database reported an error" in caplog.text


@contextlib.contextmanager
def renamed_table(team: Team) -> Iterator[None]:
    """While the table of such entries has another name, the database reports an error."""
    execute(team.database_url, "ALTER TABLE unlisted_entries_1 RENAME TO gone")
    try:
        yield
    finally:  # who opened the database meanwhile made another
        execute(team.database_url, "DROP TABLE IF EXISTS unlisted_entries_1")
        execute(team.database_url, "ALTER TABLE gone RENAME TO unlisted_entries_1")


def refuse_notes(patch: pytest.MonkeyPatch, times: float, do: Callable[..., object] = lambda *_: None) -> list[str]:
    """Have the first notes fail, after `do` with the store and the entry; returns the entries of these."""
    real, refused = DatabaseJobStore.note_entry, list[str]()

    def note(store: DatabaseJobStore, entry: str) -> None:
        if len(refused) < times:
            refused.append(entry)
            do(store, entry)
            raise StorageFailed("The database does not answer.")
        real(store, entry)

    patch.setattr(DatabaseJobStore, "note_entry", note)
    patch.setattr("core.queue.attempt.RETRY_SECONDS", 0.01)
    return refused


def test_note_waits_for_a_database_that_is_away(shared_team: Team, store, monkeypatch):
    """As the end of a job does, for as long as the job is this worker's."""
    attempt, refused, real = take_attempt(store, ID, "a worker"), refuse_notes(monkeypatch, 3), Attempt._touch

    def touch(attempt: Attempt, job: Job | None) -> None:
        if refused:
            raise StorageFailed("The database does not answer.")
        real(attempt, job)

    monkeypatch.setattr(Attempt, "_touch", touch)
    monkeypatch.setattr("core.queue.attempt.AWAY_SECONDS", 1e-9)
    do(shared_team, attempt)
    assert (store.read(ID).state, len(refused)) == ("done", 3)
    assert list_entries(store) == [refused[0]] == [store._read_row(ID).entry]


def test_note_whose_answer_was_lost_is_made_once(shared_team: Team, store, monkeypatch):
    attempt, real = take_attempt(store, ID, "a worker"), DatabaseJobStore.note_entry
    refused = refuse_notes(monkeypatch, 2, real)
    do(shared_team, attempt)
    assert (store.read(ID).state, len(refused), count_noted(store)) == ("done", 2, 0)
    assert list_entries(store) == [refused[0]] == [store._read_row(ID).entry]


def test_entry_that_was_withdrawn_stays_so_when_noted_again(shared_team: Team, store):
    store.note_entry("j9876543210")
    pass_a_day(shared_team)
    withdraw = partial(unlisted_entries.withdraw_old, seconds=1)
    assert store.database.run(withdraw) == ["j9876543210"]
    store.note_entry("j9876543210")
    assert not store.database.run(unlisted_entries.take, "j9876543210")


def test_note_that_the_database_never_takes_ends_the_job_in_words(shared_team: Team, store, monkeypatch):
    attempt, refused = take_attempt(store, ID, "a worker"), refuse_notes(monkeypatch, math.inf)
    monkeypatch.setattr("core.queue.attempt.AWAY_SECONDS", 0.05)
    do(shared_team, attempt)
    job = store.read(ID)
    assert (job.state, job.error["sentence"]) == ("failed", "The database does not answer.")
    assert (len(set(refused)), list_entries(store)) == (1, [])


def test_note_that_waits_ends_when_the_job_is_cancelled(shared_team: Team, store, monkeypatch):
    attempt = take_attempt(store, ID, "a worker")
    refused = refuse_notes(monkeypatch, math.inf, lambda *_: len(refused) == 3 and store.request_cancel(ID))
    do(shared_team, attempt)
    assert (store.read(ID).state, len(refused), list_entries(store)) == ("failed", 3, [])


def test_library_of_a_migration_gets_the_result_that_counts(shared_team: Team, store, empty_library):
    last = len(end_killed(shared_team, take_attempt(store, ID, "a worker"), 0))
    store.delete(ID)
    empty_store(store)  # else the contents are there, and an end takes fewer steps
    shared_team.make_server()._start("store", "Stores", {}, id_=ID)
    end_killed(shared_team, take_attempt(store, ID, "gone"), last)
    assert len(list_entries(store)) == 1
    assert recover(store) == [ID]
    do(shared_team, take_attempt(store, ID, "another"))
    assert len(list_entries(store)) == 2
    pass_a_day(shared_team)
    store.delete_unlisted()
    rows = migrate_from_store(empty_library, store.files._store).entries
    assert [(row.id, row.state) for row in rows] == [(store._read_row(ID).entry, "brought")]
    assert [path.name for path in (empty_library.home / "jobs").iterdir()] == [ID]
