"""Disks that are really full, and really read-only: what was acknowledged stays, and the app says what it cannot do."""

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.errors import RoundtripError, StorageFailed
from core.exports.archive import archive_artifacts
from core.jobs import Jobs
from core.library import Library, storage
from core.settings import Settings
from core.worker import Worker
from tests.conftest import fill, finished, remount
from tests.faults.furnishing import furnished, jobs_over
from tests.faults.oracle import hold_invariants, state
from tests.faults.stages import SAVING, at
from tests.library.conftest import keep_artifact, keep_both, keep_run

FULL, READ_ONLY = "The disk is full.", "The library lies on a read-only disk."
SAVED = "faults injected and survived: a save on a disk that is full"
REFUSED = "faults injected and survived: a change on a disk that is read-only"
SIZES = (200_000, 20_000, 1000, 1)  # bytes of a third of a copy, until not even its record has room
FORMATS = ("keras", "saved_model", "checkpoint", "h5")

pytestmark = pytest.mark.trust


def refusal(change: Callable[[], object]) -> RoundtripError:
    with pytest.raises(StorageFailed) as caught:
        storage.translate_disk_errors()(change)()
    assert caught.value.cure
    return caught.value


# Full


@pytest.mark.parametrize("what", ["saves", pytest.param("imports", marks=pytest.mark.long)])
def test_a_library_is_filled_to_the_brim_and_goes_on_when_there_is_room(disk: Path, what: str, tally: Callable):
    library = Library(disk / "store")
    run = keep_run(library)
    kept = [keep_artifact(library, run).id]

    def keep(size: int) -> str:
        content = random.Random(size).randbytes(size)
        return (keep_both(library, content) if what == "imports" else keep_artifact(library, run, content=content)).id

    for size in SIZES:
        kept += until_full(library, lambda size=size: keep(size), tally)
    before = state(library.home)
    assert {entry.id for entry in library.find()} == set(kept)
    assert library.remove(kept[0]) == [kept[0]]
    assert library.empty_trash(0) == [kept[0]]
    del before[kept[0]]
    assert keep_artifact(library, run).id in {entry.id for entry in library.find()}
    for id_ in kept[1:5]:
        library.remove(id_)
    hold_invariants(library.home, before)


def until_full(library: Library, keep: Callable[[], str], tally: Callable) -> list[str]:
    kept: list[str] = []
    before = [state(library.home)]

    def keep_on() -> None:
        while True:
            kept.append(keep())
            before[0] = state(library.home)

    assert refusal(keep_on).sentence == FULL
    assert state(library.home) == before[0]
    assert list((library.home / "staging").iterdir()) == []
    tally(SAVED)
    return kept


@pytest.mark.long
def test_real_saves_until_the_disk_is_full(disk: Path, jobs: Jobs, trained, worker: Worker, tally: Callable):
    run = trained("digits-mlp")
    ours = jobs_over(furnished(disk / "store", jobs, run), worker)
    before, failed = state(ours.library.home), []
    while len(failed) < 4:
        for key in FORMATS:  # one after another: of two, one makes room for the other by failing
            row = finished(ours, ours.save(run, [key])).format_rows[key]
            if row["state"] == "done":
                before[row["artifact"]] = state(ours.library.home)[row["artifact"]]
            else:
                failed.append(row["error"]["sentence"])
        assert len(before) < 200, "the disk is never full"
    assert set(failed) == {FULL}
    assert ours.library.refusals(run) == {}
    for id_ in [id_ for id_ in before if id_.startswith("a")][:8]:
        ours.library.remove(id_)
        del before[id_]
    ours.library.empty_trash(0)
    assert finished(ours, ours.save(run, ["keras"])).format_rows["keras"]["verdict"] == "bit-identical"
    hold_invariants(ours.library.home, before)
    tally(SAVED, len(failed))


@pytest.mark.long
@pytest.mark.parametrize("stage", ["before the child is asked", "when the child has saved", "before the rename"])
def test_a_disk_that_fills_up_under_a_real_save(
    disk: Path, jobs: Jobs, trained, worker: Worker, monkeypatch, stage: str, tally: Callable
):
    run = trained("digits-mlp")
    ours = jobs_over(furnished(disk / "store", jobs, run), worker)
    before = state(ours.library.home)
    at(SAVING[stage], lambda: fill(disk / "filler"), ours.library.home / "staging", monkeypatch.setattr)
    end = ours.wait(ours.save(run, ["keras"]).id)
    monkeypatch.undo()
    row = end.format_rows["keras"]
    assert row["state"] == ("done" if stage == "before the rename" else "failed")  # a rename takes no room here
    assert row["state"] == "done" or row["error"]["sentence"] == FULL
    (disk / "filler").unlink()
    hold_invariants(ours.library.home, before)
    tally(SAVED)


# Read-only


def test_a_read_only_library_is_listed_verified_and_downloaded(disk: Path, tally: Callable):
    library = Library(disk / "store")
    artifact = keep_artifact(library, run := keep_run(library))
    removed = keep_artifact(library, run)
    library.remove(removed.id)
    before, listed = state(library.home), library.find()
    library._catalog._engine.dispose()
    remount(disk, "ro")
    again = Library(library.home)
    assert again.find() == listed
    assert again.trash_ids() == [removed.id]
    again.verify(artifact.id)
    with archive_artifacts(again, [artifact.id]) as parcel:
        assert b"0123456789" in b"".join(parcel.read())
    changes = (
        lambda: keep_run(again),
        lambda: keep_artifact(again, run),
        lambda: keep_both(again),
        lambda: again.annotate(run.id, name="x"),
        lambda: again.tag([artifact.id], ["x"]),
        lambda: again.set_alias("champion", artifact.id),
        lambda: again.remove(artifact.id),
        lambda: again.restore(removed.id),
        lambda: again.empty_trash(0),
    )
    assert {refusal(change).sentence for change in changes} == {READ_ONLY}
    assert state(library.home) == before
    again.rebuild_catalog()
    assert again.find() == listed
    remount(disk, "rw")
    hold_invariants(library.home, before)
    tally(REFUSED, len(changes))


@pytest.mark.long
def test_a_copy_in_a_read_only_library_answers_and_nothing_is_saved(
    disk: Path, jobs: Jobs, trained, saved, worker: Worker, config: Settings, tally: Callable
):
    run, copy = trained("digits-mlp"), saved("digits-mlp", "keras")["artifact"]
    home = furnished(disk / "store", jobs, run, copy)
    before = state(home)
    remount(disk, "ro")
    own = Worker(config.model_copy(update={"home": home}))
    try:
        ours = jobs_over(home, own)
        assert own.run_sandbox_test().blocked  # in boxes elsewhere
        reference = ours.library.reference(run).head(8)
        panel = ours.create_live_session([copy])
        (said,) = panel.predict(reference.inputs).values()
        panel.close()
        for name, array in reference.predictions.items():
            np.testing.assert_array_equal(said.outputs[name], array)
        for change in (lambda: ours.save(run, ["keras"]), lambda: ours.train("digits-mlp")):
            assert refusal(change).sentence == READ_ONLY
        assert not any((home / "staging").iterdir())
    finally:
        own.close()
    remount(disk, "rw")
    hold_invariants(home, before)
    tally(REFUSED, 2)


@pytest.mark.long
@pytest.mark.parametrize("stage", ["before the child is asked", "before hashing", "before the job's end is kept"])
def test_a_disk_that_becomes_read_only_under_a_real_save_ends_the_job_in_words(
    disk: Path, jobs: Jobs, trained, worker: Worker, monkeypatch, stage: str, tally: Callable
):
    run = trained("digits-mlp")
    ours = jobs_over(furnished(disk / "store", jobs, run), worker)
    before = state(ours.library.home)

    def become_read_only() -> None:
        ours.library._catalog._engine.dispose()
        remount(disk, "ro")

    at(SAVING[stage], become_read_only, ours.library.home / "staging", monkeypatch.setattr)
    started = ours.save(run, ["keras"])
    end = ours.wait(started.id)
    monkeypatch.undo()
    kept = stage == "before the job's end is kept"
    assert end.format_rows["keras"]["state"] == ("done" if kept else "failed")
    assert kept or end.format_rows["keras"]["error"]["sentence"] == READ_ONLY
    assert [job.state for job in ours.job_store.list_jobs()] == ["done"]
    remount(disk, "rw")
    assert ours.job_store.read(started.id).state == "done"  # which writes it down, for other processes too
    assert jobs_over(ours.library.home, worker).job_store.read(started.id).state == "done"
    hold_invariants(ours.library.home, before)
    tally(REFUSED)
