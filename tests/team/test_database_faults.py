"""A PostgreSQL that is not there, refuses, is slow or gone for a while, under a team's library, server and worker."""

import secrets
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sql

from core.errors import InputError, RoundtripError, StorageFailed
from core.health.repairs import find_catalog_differences
from core.jobs import Jobs
from core.jobs.execution.node import run_node
from core.library.catalog import schema
from core.object_store.store_entries import StoreEntries
from core.settings import Settings
from core.worker import Worker
from tests.factories.faulty_proxies import DatabaseProxy, database_proxy
from tests.factories.library_entries import make_artifact, make_imported_artifact, make_run
from tests.factories.queue_team import Team
from tests.helpers import wait_until
from tests.postgresql_server import execute, outlast_idle_limit
from tests.team.conftest import MachineOpener

pytestmark = pytest.mark.trust


@pytest.fixture
def proxy(team_settings: Settings) -> Iterator[DatabaseProxy]:
    """A proxy before the team's database."""
    with database_proxy(team_settings.database_url) as proxy:
        yield proxy


def wrong_urls(url: str) -> dict[str, tuple[str, str]]:
    """Databases that cannot be had, each with what is said of it."""
    parts = sql.make_url(url)

    def render(**changes: str) -> str:
        return parts.set(**changes).render_as_string(hide_password=False)

    return {
        "not there": ("postgresql://roundtrip@127.0.0.1:9/roundtrip", "The database does not answer"),
        "no such host": ("postgresql://roundtrip@nowhere.invalid/roundtrip", "The database does not answer"),
        "no such database": (render(database="nobody_made_this"), "There is no such database"),
        "no such user": (render(username="nobody"), "does not let this user in"),
    }


@pytest.mark.parametrize("what", wrong_urls("postgresql://u@h/d"))
def test_database_that_cannot_be_had_is_said_at_the_start(what, open_machine: MachineOpener, team_settings, tmp_path):
    url, sentence = wrong_urls(team_settings.database_url)[what]
    config = team_settings.model_copy(update={"database_url": url, "home": tmp_path / "there"})
    for start in (
        lambda: open_machine("there", database_url=url),
        lambda: Jobs(None, Worker(config), config),
        lambda: run_node(config, "there"),
    ):
        with pytest.raises(StorageFailed, match=sentence) as caught:
            start()
        assert caught.value.cure
        assert "nobody_made_this" not in caught.value.received or what == "no such database"


def test_database_that_lets_in_and_says_nothing_is_given_up(open_machine: MachineOpener, proxy, monkeypatch):
    monkeypatch.setitem(schema.SERVER_LIMITS, "connect_timeout", 2)
    proxy.is_open.clear()
    with pytest.raises(StorageFailed, match="The database does not answer"):
        open_machine(database_url=proxy.url)


def test_slow_database_gives_the_same(open_machine: MachineOpener, proxy: DatabaseProxy):
    here = open_machine(database_url=proxy.url)
    proxy.delay = 0.01
    artifact = make_imported_artifact(here)
    here.annotate(artifact.id, note="slowly")
    assert [entry.note for entry in here.find()] == ["slowly"]


def test_silence_of_the_database_is_waited_for(open_machine: MachineOpener, proxy: DatabaseProxy):
    here = open_machine(database_url=proxy.url)
    artifact = make_imported_artifact(here)
    proxy.is_open.clear()
    listed: list[str] = []
    thread = threading.Thread(target=lambda: listed.extend(entry.id for entry in here.find()))
    thread.start()
    proxy.is_open.set()
    thread.join(20)
    assert listed == [artifact.id]


def test_cut_connections_are_made_anew_unnoticed(open_machine: MachineOpener, proxy: DatabaseProxy):
    here = open_machine(database_url=proxy.url)
    artifact = make_imported_artifact(here)
    for action in (here.find, lambda: here.annotate(artifact.id, note="after a cut"), lambda: make_run(here)):
        proxy.cut()
        proxy.mend()
        action()
    assert [entry.note for entry in here.find()] == ["after a cut"]
    assert find_catalog_differences(here) == []


def catch(action: Callable[[], object]) -> RoundtripError | None:
    try:
        action()
    except RoundtripError as error:
        return error
    return None


def test_library_goes_on_when_its_database_is_back(open_machine: MachineOpener, proxy: DatabaseProxy):
    here, there = open_machine("here", database_url=proxy.url), open_machine("there")
    artifact = make_imported_artifact(here)
    run = here.run(artifact.run)
    proxy.cut()
    for action in (
        here.find,
        here.runs,
        lambda: make_imported_artifact(here, b"while it is away"),
        lambda: make_artifact(here, run, content=b"while it is away"),
        lambda: here.annotate(artifact.id, note="while it is away"),
        lambda: here.set_alias("champion", artifact.id),
        lambda: here.remove(artifact.id),
    ):
        error = catch(action)
        assert isinstance(error, StorageFailed)
        assert error.sentence == "The database does not answer."
        assert error.cure
    proxy.mend()
    for library in (here, there):
        assert [entry.id for entry in library.find()] == [artifact.id]
        assert library.aliases() == {}
        assert find_catalog_differences(library) == []
    here.set_alias("champion", artifact.id)
    assert there.resolve("champion") == artifact.id


@pytest.fixture
def guest(team_settings: Settings, open_machine: MachineOpener) -> Iterator[sql.URL]:
    """The address of the team's database for a user who may do there what others may."""
    open_machine("first")  # which makes the tables
    url, name = sql.make_url(team_settings.database_url), f"guest_{secrets.token_hex(4)}"
    try:
        execute(team_settings.database_url, f"CREATE ROLE {name} LOGIN IN ROLE {url.username}")
    except sql.exc.ProgrammingError:
        pytest.skip("needs a server on which users may be created")
    yield url.set(username=name)
    execute(team_settings.database_url, f"DROP OWNED BY {name}")
    execute(team_settings.database_url, f"DROP ROLE {name}")


def test_user_who_is_shut_out_in_the_middle_is_told(open_machine: MachineOpener, team_settings, guest: sql.URL):
    here, there = open_machine("here", database_url=guest.render_as_string(hide_password=False)), open_machine("there")
    artifact = make_imported_artifact(here)
    execute(team_settings.database_url, f"ALTER ROLE {guest.username} NOLOGIN")
    ended = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{guest.username}'"
    execute(team_settings.database_url, ended)
    for action in (
        here.find,
        lambda: make_imported_artifact(here, b"shut out"),
        lambda: here.annotate(artifact.id, note="shut out"),
        lambda: here.set_alias("champion", artifact.id),
    ):
        error = catch(action)
        assert isinstance(error, StorageFailed)
        assert (error.sentence, error.cure[:28]) == (
            "The database does not let this user in.",
            "Correct the user or the pass",
        )
    execute(team_settings.database_url, f"ALTER ROLE {guest.username} LOGIN")
    here.annotate(artifact.id, note="let in again")
    assert [(entry.id, entry.note) for entry in there.find()] == [(artifact.id, "let in again")]
    assert there.aliases() == {}
    assert find_catalog_differences(here) == []


def test_jobs_go_on_when_their_database_is_back(proxy: DatabaseProxy, tmp_path: Path):
    team = Team(tmp_path, proxy.url)
    jobs = team.make_server()
    with team.running_node(lost_seconds=30):
        request = {"until": str(tmp_path / "until"), "begun": str(tmp_path / "begun")}
        job = jobs._start("commit", "Commit", request)
        wait_until(lambda: (tmp_path / "begun").exists())
        proxy.cut()
        for action in (lambda: jobs.job_store.read(job.id), lambda: jobs._start("echo", "Echo", {}), jobs.library.runs):
            with pytest.raises(StorageFailed, match="The database does not answer"):
                action()
        (tmp_path / "until").touch()
        proxy.mend()
        end = jobs.wait(job.id)
        assert end.state == "done", end.error
        assert [run.id for run in jobs.library.runs()] == [end.result["run"]]
    assert len((tmp_path / "begun").read_text().splitlines()) == 1


def test_database_of_a_newer_schema_stops_servers_and_workers(team_settings: Settings, tmp_path: Path):
    team = Team(tmp_path, team_settings.database_url)
    team.make_server()
    execute(team.database_url, "UPDATE queue_state_1 SET value = '2' WHERE name = 'schema'")
    for start in (team.make_server, team.make_node):
        with pytest.raises(InputError, match="schema 2, and this version of Roundtrip knows schema 1") as caught:
            start()
        assert "Install the version" in caught.value.cure


@pytest.mark.long
def test_two_servers_and_a_command_line_move_one_alias(open_machine: MachineOpener, team_settings: Settings, tmp_path):
    libraries = [open_machine("here"), open_machine("there")]
    run = make_run(libraries[0])
    artifacts = [make_artifact(libraries[0], run, content=bytes([number])).id for number in range(3)]
    environment = {
        "ROUNDTRIP_HOME": str(tmp_path / "command"),
        "ROUNDTRIP_DATABASE_URL": team_settings.database_url,
        "ROUNDTRIP_STORE_URL": team_settings.store_url,
        "PATH": "/usr/bin:/bin",
    }
    errors: list[RoundtripError | None] = []

    def move(library: int) -> None:
        for _ in range(5):
            errors.append(catch(lambda: libraries[library].set_alias("champion", artifacts[library])))

    threads = [threading.Thread(target=move, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    command = [sys.executable, "-m", "core", "alias", "champion", artifacts[2]]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    for thread in threads:
        thread.join(60)
    assert (ended.returncode, [error for error in errors if error]) == (0, []), ended.stderr
    changes = libraries[0].alias_history("champion")[::-1]
    assert artifacts[2] in {change.artifact for change in changes}
    assert [change.before for change in changes] == [None, *(change.artifact for change in changes[:-1])]
    for library in libraries:
        assert library.resolve("champion") == changes[-1].artifact
        assert find_catalog_differences(library) == []


def test_write_lock_outlasts_the_limit_of_other_transactions(open_machine: MachineOpener, team_settings, monkeypatch):
    """What is done under it waits for the store."""
    monkeypatch.setattr("core.library.catalog.schema.IDLE_SECONDS", 1)
    monkeypatch.setattr("core.object_store.entry_index.LOCK_TIMEOUT", 1)
    here, there = open_machine("here"), open_machine("there")
    ids = [make_artifact(here, make_run(here)).id for _ in range(2)]
    with here.entries.write_lock():
        outlast_idle_limit(team_settings.database_url)
        with pytest.raises(StorageFailed, match="has been changing the library"):
            there.remove_all(ids)
    assert sorted(there.remove_all(ids)) == sorted(ids)


def test_writer_that_lost_its_lock_changes_nothing_more(open_machine: MachineOpener, team_settings, monkeypatch):
    library, deleted, real = open_machine(), [], StoreEntries.delete
    ids = [make_artifact(library, make_run(library)).id for _ in range(3)]
    library.remove_all(ids)
    lost = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"

    def delete(entries: StoreEntries, id_: str) -> bool:
        if deleted:
            execute(team_settings.database_url, lost)
        deleted.append(id_)
        return real(entries, id_)

    monkeypatch.setattr(StoreEntries, "delete", delete)
    with pytest.raises(StorageFailed):
        library.empty_trash(0)
    monkeypatch.undo()
    assert len(deleted) == 2
    assert sorted(library.trash_ids()) == sorted({*ids} - {deleted[0]})
    assert sorted(library.empty_trash(0)) == sorted({*ids} - {deleted[0]})
