"""What was deleted for good in a team leaves the store in time, once a day, and nothing that is used ever does."""

import contextlib
import hashlib
import json
import shutil
import time
from datetime import timedelta

import pytest

from core.errors import InputError, StorageFailed
from core.health import verify_entries
from core.jobs.execution.node_facts import describe_node
from core.jobs.execution.workers import require_no_earlier_workers
from core.jobs.maintenance import collect_unused_contents
from core.library import Library
from core.object_store import Contents, Manifest, Manifests, open_object_store
from core.object_store.collection import Collector
from core.object_store.store_entries import StoreEntries
from core.queue import QueueDatabase, WorkerRegistry
from core.settings import get_settings
from tests.factories.aged_store import AgedStore
from tests.factories.library_entries import make_artifact, make_run
from tests.factories.queue_team import WORKER_FACTS
from tests.helpers import run_command
from tests.postgresql_server import execute
from tests.team.conftest import MachineOpener
from tests.team.test_team_faults import Killed

CONTENT = b"0123456789"
EARLIER = json.dumps({"name": "old box", **WORKER_FACTS, "knows_collections": False})


def delete_for_good(library: Library) -> None:
    """One artifact of a run, whose files another one shares but for `model.bin`."""
    run = make_run(library)
    make_artifact(library, run, content=b"kept")
    library.remove(make_artifact(library, run, content=CONTENT).id)
    library.empty_trash(0)


def sizes_of(library: Library, content: bytes) -> set[int | None]:
    """The bytes of both files of such an artifact, as they lie in the store; None for those that do not."""
    contents = Contents(library.entries.store)
    expected = {hashlib.sha256(each).hexdigest(): len(each) for each in (content, content * 2)}
    return {size if contents.has_size(sha256, size) else None for sha256, size in expected.items()}


def test_what_was_deleted_for_good_leaves_the_store_in_time(open_machine: MachineOpener, team_settings, monkeypatch):
    here, there = open_machine("here"), open_machine("there")
    delete_for_good(here)
    aged = AgedStore(here.entries.store, monkeypatch)
    for day in range(8):
        assert sizes_of(here, CONTENT) == {10, 20}, day
        for library in (here, there):
            collect_unused_contents(library, 7, team_settings)
        aged.grow_older(1)
        execute(team_settings.database_url, "UPDATE state_4 SET value = '2026-01-01' WHERE name = 'collected'")
    assert sizes_of(there, CONTENT) == {None}
    assert sizes_of(there, b"kept") == {4, 8}
    again = make_artifact(there, there.runs()[0], content=CONTENT)
    assert [row.id for row in verify_entries(there) if not row.is_intact] == []
    assert (open_machine("third").verified_folder(again.id) / "model.bin").read_bytes() == CONTENT


def test_contents_are_collected_once_a_day_by_all_machines_together(open_machine, team_settings, monkeypatch):
    collected, real = [], Collector.collect
    monkeypatch.setattr(Collector, "collect", lambda each: collected.append(each) or real(each))
    for name in ("here", "there", "here"):
        collect_unused_contents(open_machine(name), 7, team_settings)
    assert len(collected) == 1


def test_housekeeping_that_fails_is_logged_and_ends_nothing(open_machine: MachineOpener, team_settings, caplog):
    here = open_machine("here")
    here.entries.store.put_if_absent("entries/x.json", b"{")
    collect_unused_contents(here, 7, team_settings)
    assert "The contents of the store were not collected: An entry of the store cannot be read" in caplog.text


def test_collection_that_failed_is_tried_again_by_whoever_comes_next(open_machine: MachineOpener, team_settings):
    here, there = open_machine("here"), open_machine("there")
    delete_for_good(here)
    here.entries.store.put_if_absent("entries/x.json", b"{")
    collect_unused_contents(here, 7, team_settings)
    assert here.entries.store.list_keys("unused") == []
    here.entries.store.delete("entries/x.json")
    collect_unused_contents(there, 7, team_settings)
    assert here.entries.store.list_keys("unused") == ["unused/000000001.json"]


@pytest.mark.parametrize("what", ["none", "another"])
def test_store_that_is_not_mounted_any_more_is_not_collected(
    open_machine: MachineOpener, team_settings, tmp_path, what, caplog
):
    """Also nothing is written there, and the process knows its own store when that is back."""
    here, mounted = open_machine("here"), tmp_path / "shared store"
    artifact = make_artifact(here, make_run(here))
    shutil.move(mounted, tmp_path / "away")
    mounted.mkdir()
    if what == "another":
        other = open_object_store(f"file://{tmp_path}/shared%20store")
        other.claim()
        other.put_if_absent(f"contents/ab/ab{'0' * 62}", b"another's")
    before = sorted(mounted.rglob("*"))
    collect_unused_contents(here, 7, team_settings)
    assert "The store is not where it was" in caplog.text
    assert "The store is not where it was" in here.entries.check_store().problem
    with pytest.raises(StorageFailed, match="The store is not where it was"):
        make_artifact(here, here.runs()[0])
    assert sorted(mounted.rglob("*")) == before
    shutil.rmtree(mounted)
    shutil.move(tmp_path / "away", mounted)
    assert here.entries.check_store().problem == ""
    assert make_artifact(here, here.runs()[0]).id != artifact.id


def test_save_that_stood_still_and_is_killed_leaves_a_whole_entry(open_machine: MachineOpener, monkeypatch):
    """Its contents were deleted as unused meanwhile; the process is killed as soon as its entry is there."""
    here = open_machine()
    delete_for_good(here)
    run, aged, real_time = here.runs()[0], AgedStore(here.entries.store, monkeypatch), time.time
    real_announced, real_put = StoreEntries._announced, Manifests.put

    def stand_still(entries: StoreEntries, *keys: str):
        for _ in range(2):
            Collector(here.entries.store, timedelta(days=7)).collect()
            aged.grow_older(8)
        monkeypatch.setattr(time, "time", lambda: real_time() + 16 * 86_400)
        assert sizes_of(here, CONTENT) == {None}
        return real_announced(entries, *keys)

    def put_and_die(manifests: Manifests, manifest: Manifest):
        real_put(manifests, manifest)
        raise Killed

    monkeypatch.setattr(StoreEntries, "_announced", stand_still)
    monkeypatch.setattr(Manifests, "put", put_and_die)
    with pytest.raises(Killed):
        make_artifact(here, run, content=CONTENT)
    assert sizes_of(here, CONTENT) == {10, 20}


def test_nothing_is_deleted_while_an_earlier_worker_runs(open_machine, team_settings, team_variables, caplog):
    here, registry = open_machine(), WorkerRegistry(QueueDatabase(team_settings.database_url))
    facts = describe_node(team_settings, "a new one", 1)
    delete_for_good(here)
    registry.announce("new", facts, lost_seconds=60)
    registry.announce("old", facts.model_copy(update={"name": "old box", "knows_collections": False}), lost_seconds=60)
    collect_unused_contents(here, 7, team_settings)
    said = "while workers of an earlier version run, which may rely on it. Received: old box."
    assert said in caplog.text
    assert said in run_command("collect")[2]
    assert run_command("collect", "--dry-run")[0] == 0
    assert here.entries.store.list_keys("unused") == []
    registry.remove("old")
    collect_unused_contents(here, 7, team_settings)
    assert here.entries.store.list_keys("unused") == ["unused/000000001.json"]


@pytest.mark.parametrize(
    ("announcement", "hours", "named"),
    [
        ("{}", 0, "box-1"),
        ("{", 0, "box-1"),
        (EARLIER, 0, "old box"),
        (EARLIER, 20, "old box"),  # it may only be slow
        (EARLIER, 30, ""),
        (EARLIER.replace("false", "true"), 20, ""),
    ],
)
def test_worker_that_may_know_of_no_collections_keeps_contents(team_settings, announcement, hours, named):
    registry = WorkerRegistry(QueueDatabase(team_settings.database_url))
    registry.announce("box-1", describe_node(team_settings, "box", 1), lost_seconds=60)
    heard = f"heartbeat = now() - interval '{hours} hours'"
    execute(team_settings.database_url, f"UPDATE workers_1 SET announcement = '{announcement}', {heard}")
    assert registry.list_earlier_workers() == ([named] if named else [])
    with pytest.raises(InputError, match="Nothing is deleted") if named else contextlib.nullcontext() as caught:
        require_no_earlier_workers(QueueDatabase(team_settings.database_url))
    assert not named or caught.value.received == named


def test_wrong_option_is_said_before_workers_are_asked_about(open_machine, team_settings, team_variables):
    open_machine()
    facts = describe_node(team_settings, "old box", 1).model_copy(update={"knows_collections": False})
    WorkerRegistry(QueueDatabase(team_settings.database_url)).announce("old", facts, lost_seconds=60)
    assert "cannot be deleted so soon" in run_command("collect", "--older-than", "0")[2]


def test_library_in_a_folder_has_nothing_to_collect(tmp_path):
    assert Library(tmp_path).entries.collect_if_due(7) == (0, 0)


@pytest.fixture
def team_variables(team_settings, monkeypatch: pytest.MonkeyPatch):
    """The team as the environment of a command names it."""
    for name in ("home", "database_url", "store_url"):
        monkeypatch.setenv(f"ROUNDTRIP_{name.upper()}", str(getattr(team_settings, name)))
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


def test_command_previews_and_collects(open_machine: MachineOpener, team_variables, monkeypatch):
    here = open_machine()
    delete_for_good(here)
    aged = AgedStore(here.entries.store, monkeypatch)
    status, output, _ = run_command("collect", "--dry-run")
    assert (status, output.splitlines()[0]) == (0, "0 unused files, 0 B, would be deleted now.")
    listed = json.loads(run_command("collect", "--json")[1])
    assert (listed["listed"] > 2, listed["deleted"], listed["days"], listed["is_done"]) == (True, 0, 7, True)
    aged.grow_older(2)
    assert "were noted before, and wait." in run_command("collect")[1]
    status, output, _ = run_command("collect", "--older-than", "2")
    assert f"{listed['listed']} unused files" in output.splitlines()[0]
    assert (status, sizes_of(here, CONTENT), sizes_of(here, b"kept")) == (0, {None}, {4, 8})


def test_command_says_what_it_cannot_do(team_variables, monkeypatch):
    assert "cannot be deleted so soon" in run_command("collect", "--older-than", "0")[2]
    for days in ("10000000000", "-10000000000", "36501"):
        status, output, error = run_command("collect", "--older-than", days)
        assert (status, output) == (1, "")
        assert error.startswith(f"The option --older-than takes no such number. Received: {days}.")
    monkeypatch.setenv("ROUNDTRIP_UNUSED_DAYS", "0")
    get_settings.cache_clear()
    assert run_command("collect")[2].endswith("Give --older-than DAYS.")
    for name in ("STORE_URL", "DATABASE_URL"):
        monkeypatch.delenv(f"ROUNDTRIP_{name}")
    get_settings.cache_clear()
    assert "in the store of a team, and none is set" in run_command("collect")[2]
