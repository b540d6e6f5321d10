"""A job that is delivered again, because its worker was killed, frozen or slow, takes effect once (I1–I6)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.health import rebuild_catalog, repair_library, verify_entries
from core.health.repairs import find_catalog_differences
from core.object_store import Manifests
from core.object_store.entry_index import EntryIndex
from tests.factories.faulty_team import FaultyTeam, KilledAt
from tests.factories.queue_team import Team
from tests.parameter_pairs import drawn_values

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
    """At the first two the run and its first copy come too late, at the third the second copy alone."""
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
        assert len(library.ids()) == (0 if step < 2 else 2)
        assert library.ids() == sorted(Manifests(library.entries.store).ids())
        assert find_catalog_differences(library) == []
        assert [row.id for row in verify_entries(library) if not row.is_intact] == []


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
