"""A job that is delivered again, because its worker was killed, frozen or slow, takes effect once (I1–I6)."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from core.health import rebuild_catalog, repair_library, verify_entries
from core.health.repairs import find_catalog_differences
from core.library.job_store import Job
from core.object_store import Manifest, Manifests
from core.object_store.entry_cache import EntryCache
from core.object_store.entry_index import EntryIndex
from core.object_store.manifests import EntryState
from core.object_store.store_entries import StoreEntries
from core.queue import Attempt
from tests.factories.faulty_team import FaultyTeam, KilledAt
from tests.factories.library_entries import make_artifact
from tests.factories.queue_team import Team
from tests.parameter_pairs import drawn_values
from tests.postgresql_server import execute, outlast_idle_limit

pytestmark = pytest.mark.trust
STEPS = 24  # at which a worker may be killed; a job takes fewer, so that the last ones kill nobody


@pytest.fixture
def machines(tmp_path: Path, team_database) -> Iterator[FaultyTeam]:
    """Two machines of a team."""
    return FaultyTeam(Team(tmp_path, team_database()), "here", "there")


def assert_took_effect_once(machines: FaultyTeam, job_id: str, content: bytes) -> None:
    end = machines.server.job_store.read(job_id)
    assert end.state == "done", end.error
    for name in machines.machines:
        library = machines.library(name)
        assert library.ids() == sorted([end.result["run"], *end.result["artifacts"]])
        assert sorted(entry.id for entry in library.find()) == sorted(end.result["artifacts"])
        assert [row.id for row in verify_entries(library) if not row.is_intact] == []
        assert library.run(end.result["run"]).brought["artifact"] == end.result["artifacts"][0]
        for id_ in end.result["artifacts"]:
            assert (library.verified_folder(id_) / "model.bin").read_bytes() == content
        assert find_catalog_differences(library) == []
        assert library.entries.find_unshared() == []
    assert rebuild_catalog(machines.library("here")).differences == []
    assert repair_library(machines.library("here")) == []


@pytest.mark.parametrize("step", drawn_values(range(1, STEPS), 8))
def test_job_of_a_worker_killed_at_each_step_takes_effect_once(machines, step):
    job = machines.submit("killed")
    machines.do_killed("here", "there", job, step)
    assert_took_effect_once(machines, job.id, b"killed")


def test_job_takes_fewer_steps_than_are_tried(machines):
    job, attempt = machines.submit("all"), None
    attempt = machines.take("here", job)
    with KilledAt(0) as steps:
        machines.do("here", attempt)
    assert 12 < steps.count < STEPS


def test_worker_clears_away_what_an_earlier_one_left(machines):
    job, store = machines.submit("cleared"), machines.store("here")
    machines.take("here", job).make_folder()
    machines.recover()
    attempt = machines.take("there", job)
    store.make_attempt_folder(store.attempt_path(job.id, attempt.number))  # of a job that is being done
    store.delete_old_attempts()
    assert [path.name for path in (machines.library("here").home / "jobs").iterdir()] == [f"{job.id}.2"]


def test_job_that_two_workers_do_one_after_the_other_takes_effect_once(machines):
    job = machines.submit("late")
    machines.do_late("here", "there", job)
    assert_took_effect_once(machines, job.id, b"late")


@pytest.mark.parametrize("step", [0, 1, pytest.param(2, marks=pytest.mark.long)])
def test_worker_that_freezes_while_it_commits_changes_nothing_afterwards(machines, step):
    job = machines.submit("frozen")
    machines.do_frozen("here", "there", job, step)
    assert_took_effect_once(machines, job.id, b"frozen")
    orphans = {*Manifests(machines.library("here").entries.store).ids()} - {*machines.library("here").ids()}
    assert all(id_.startswith("a") for id_ in orphans)


@pytest.mark.parametrize("step", [0, 1, 2])
def test_entry_that_comes_after_its_job_was_cancelled_is_withdrawn(machines, step):
    """At the first two the run and its first copy come too late, at the third the second copy alone. It can be brought
    back, but for a copy that nobody saw because its run did not come."""
    job = machines.submit("late")
    attempt = machines.take("here", job)

    def cancel() -> None:
        machines.server.cancel(job.id)
        assert machines.recover() == []
        assert machines.server.job_store.read(job.id).state == "cancelled"

    machines.do_freezing("here", attempt, step, cancel)
    assert machines.server.job_store.read(job.id).state == "cancelled"
    for name in machines.machines:
        library = machines.library(name)
        assert (len(library.ids()), len(library.trash_ids())) == ((0, [0, 2][step]) if step < 2 else (2, 1))
        assert sorted([*library.ids(), *library.trash_ids()]) == Manifests(library.entries.store).ids()
        assert find_catalog_differences(library) == []
        assert [row.id for row in verify_entries(library) if not row.is_intact] == []


def freeze_after_second_copy(machines: FaultyTeam, attempt: Attempt, meanwhile: Callable[[str], None]) -> None:
    """The worker of an attempt stands still when it has put the second copy, whose id something is called with then."""
    real, frozen = Manifests.put, []

    def put(manifests: Manifests, manifest: Manifest) -> EntryState:
        state = real(manifests, manifest)
        if manifest.needs is None and manifest.id.startswith("a") and not frozen:
            frozen.append(manifest.id)
            machines.cut_idle_connections()
            meanwhile(manifest.id)
        return state

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Manifests, "put", put)
        machines.do("here", attempt)


def cancel(machines: FaultyTeam, job: Job) -> None:
    machines.server.cancel(job.id)
    machines.recover()
    assert machines.server.job_store.read(job.id).state == "cancelled"


def test_late_entry_that_a_cancelled_successor_has_listed_stays(machines):
    """The successor found it there; a job that was cancelled has no result."""
    job, ids = machines.submit("found"), []

    def find_and_cancel(id_: str) -> None:
        assert machines.recover() == [job.id]
        successor = machines.take("there", job)
        assert machines.library("there").has(id_)
        with successor:
            rows = {"h5": {"state": "done", "artifact": id_}}
            machines.server.cancel(job.id)
            successor.end(job.model_copy(update={"state": "cancelled", "detail": {"rows": rows}}))
        ids.append(id_)

    freeze_after_second_copy(machines, machines.take("here", job), find_and_cancel)
    end = machines.server.job_store.read(job.id)
    assert (end.state, end.result, end.format_rows["h5"]["artifact"]) == ("cancelled", {}, ids[0])
    assert machines.library("there").has(ids[0])
    assert machines.library("there").trash_ids() == []


@pytest.mark.parametrize("use", ["alias", "pin", "copy made from it", "nothing"])
def test_late_entry_that_somebody_uses_stays(machines, use):
    job, ids = machines.submit("used"), []

    def use_and_cancel(id_: str) -> None:
        library = machines.library("there")
        if use == "alias":
            library.set_alias("champion", id_)
        elif use == "pin":
            library.annotate(id_, pinned=True)
        elif use == "copy made from it":
            make_artifact(library, library.run(library.artifact(id_).run), "onnx", made_from=id_)
        cancel(machines, job)
        ids.append(id_)

    freeze_after_second_copy(machines, machines.take("here", job), use_and_cancel)
    library = machines.library("there")
    assert library.has(ids[0]) == (use != "nothing")
    assert library.trash_ids() == ([] if library.has(ids[0]) else ids)
    assert find_catalog_differences(library) == []


def test_late_entry_is_withdrawn_though_the_disk_is_full_then(machines, monkeypatch):
    job = machines.submit("full")

    def adopt(*_: object) -> None:
        raise OSError(28, "No space left on device")

    def fill(id_: str) -> None:
        cancel(machines, job)
        monkeypatch.setattr(EntryCache, "adopt", adopt)

    freeze_after_second_copy(machines, machines.take("here", job), fill)
    assert [id_[0] for id_ in machines.library("there").trash_ids()] == ["a"]


def test_withdrawal_has_longer_than_other_transactions(machines, monkeypatch):
    """It waits for the store, with the row of its job locked."""
    job, seen = machines.submit("slow"), []
    monkeypatch.setattr("core.library.catalog.schema.IDLE_SECONDS", 1)
    machines.reopen("here")
    real = StoreEntries._withdraw

    def withdraw(entries: StoreEntries, id_: str) -> None:
        outlast_idle_limit(machines.team.database_url)
        with pytest.raises(OperationalError, match="could not obtain lock"):
            execute(machines.team.database_url, "SELECT * FROM jobs_1 FOR UPDATE NOWAIT")
        seen.append(id_)
        real(entries, id_)

    monkeypatch.setattr(StoreEntries, "_withdraw", withdraw)
    freeze_after_second_copy(machines, machines.take("here", job), lambda _: cancel(machines, job))
    assert machines.library("there").trash_ids() == seen
    assert len(seen) == 1


def test_worker_whose_lock_was_given_up_puts_no_manifest(machines, monkeypatch):
    job, real = machines.submit("late"), EntryIndex.announce
    attempt = machines.take("here", job)

    def announce(index, keys):
        machines.cut_idle_connections()
        return real(index, keys)

    monkeypatch.setattr(EntryIndex, "announce", announce)
    machines.do("here", attempt)
    monkeypatch.undo()
    assert Manifests(machines.library("here").entries.store).ids() == []
    assert machines.server.job_store.read(job.id).error["code"] == "storage"
    assert machines.library("there").ids() == []
