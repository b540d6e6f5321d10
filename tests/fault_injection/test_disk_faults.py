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
from tests.factories.library_entries import make_artifact, make_imported_artifact, make_run
from tests.factories.populated_library import make_jobs, populate_library
from tests.fault_injection.invariants import assert_invariants, hash_entries
from tests.fault_injection.job_stages import SAVE_STAGES, run_at_stage
from tests.helpers import fill_disk, remount, wait_until_done

FULL, READ_ONLY = "The disk is full.", "The library lies on a read-only disk."
SURVIVED_FULL = "faults injected and survived: a save on a disk that is full"
SURVIVED_READ_ONLY = "faults injected and survived: a change on a disk that is read-only"
SIZES = (200_000, 20_000, 1000, 1)  # bytes of a third of a copy, until not even its record has room
FORMATS = ("keras", "saved_model", "checkpoint", "h5")

pytestmark = pytest.mark.trust


def catch_storage_error(change: Callable[[], object]) -> RoundtripError:
    with pytest.raises(StorageFailed) as caught:
        storage.translate_disk_errors()(change)()
    assert caught.value.cure
    return caught.value


# Full


@pytest.mark.parametrize("what", ["saves", pytest.param("imports", marks=pytest.mark.long)])
def test_library_on_full_disk_recovers_once_space_is_freed(small_tmpfs: Path, what: str, tally: Callable):
    library = Library(small_tmpfs / "store")
    run = make_run(library)
    stored = [make_artifact(library, run).id]

    def keep(size: int) -> str:
        content = random.Random(size).randbytes(size)
        return (
            make_imported_artifact(library, content)
            if what == "imports"
            else make_artifact(library, run, content=content)
        ).id

    for size in SIZES:
        stored += save_until_full(library, lambda size=size: keep(size), tally)
    before = hash_entries(library.home)
    assert {entry.id for entry in library.find()} == set(stored)
    assert library.remove(stored[0]) == [stored[0]]
    assert library.empty_trash(0) == [stored[0]]
    del before[stored[0]]
    assert make_artifact(library, run).id in {entry.id for entry in library.find()}
    for id_ in stored[1:5]:
        library.remove(id_)
    assert_invariants(library.home, before)


def save_until_full(library: Library, keep: Callable[[], str], tally: Callable) -> list[str]:
    stored: list[str] = []
    before = [hash_entries(library.home)]

    def keep_on() -> None:
        while True:
            stored.append(keep())
            before[0] = hash_entries(library.home)

    assert catch_storage_error(keep_on).sentence == FULL
    assert hash_entries(library.home) == before[0]
    assert list((library.home / "staging").iterdir()) == []
    tally(SURVIVED_FULL)
    return stored


@pytest.mark.long
def test_save_jobs_until_disk_is_full_keep_invariants(
    small_tmpfs: Path, jobs: Jobs, trained, worker: Worker, tally: Callable
):
    run = trained("digits-mlp")
    left = make_jobs(populate_library(small_tmpfs / "store", jobs, run), worker)
    before, failed = hash_entries(left.library.home), []
    while len(failed) < 4:
        for key in FORMATS:  # one after another: of two, one makes room for the other by failing
            try:
                row = wait_until_done(left, left.save(run, [key])).format_rows[key]
            except StorageFailed as error:  # not even the job's record has room any more
                failed.append(error.sentence)
                continue
            if row["state"] == "done":
                before[row["artifact"]] = hash_entries(left.library.home)[row["artifact"]]
            else:
                failed.append(row["error"]["sentence"])
        assert len(before) < 200, "the disk is never full"
    assert set(failed) == {FULL}
    assert left.library.refusals(run) == {}
    for id_ in [id_ for id_ in before if id_.startswith("a")][:8]:
        left.library.remove(id_)
        del before[id_]
    left.library.empty_trash(0)
    assert wait_until_done(left, left.save(run, ["keras"])).format_rows["keras"]["verdict"] == "bit-identical"
    assert_invariants(left.library.home, before)
    tally(SURVIVED_FULL, len(failed))


@pytest.mark.long
@pytest.mark.parametrize("stage", ["before the child is asked", "when the child has saved", "before the rename"])
def test_save_job_on_disk_filled_at_stage_keeps_invariants(
    small_tmpfs: Path, jobs: Jobs, trained, worker: Worker, monkeypatch, stage: str, tally: Callable
):
    run = trained("digits-mlp")
    left = make_jobs(populate_library(small_tmpfs / "store", jobs, run), worker)
    before = hash_entries(left.library.home)
    reached = run_at_stage(
        SAVE_STAGES[stage],
        lambda: fill_disk(small_tmpfs / "filler"),
        left.library.home / "staging",
        monkeypatch.setattr,
    )
    end = left.wait(left.save(run, ["keras"]).id)
    monkeypatch.undo()
    assert reached == [SAVE_STAGES[stage]]
    row = end.format_rows["keras"]
    assert row["state"] == ("done" if stage == "before the rename" else "failed")  # a rename takes no room here
    assert row["state"] == "done" or row["error"]["sentence"] == FULL
    (small_tmpfs / "filler").unlink()
    assert_invariants(left.library.home, before)
    tally(SURVIVED_FULL)


# Read-only


def test_a_read_only_library_is_listed_verified_and_downloaded(small_tmpfs: Path, tally: Callable):
    library = Library(small_tmpfs / "store")
    artifact = make_artifact(library, run := make_run(library))
    removed = make_artifact(library, run)
    library.remove(removed.id)
    before, listed = hash_entries(library.home), library.find()
    library._catalog._engine.dispose()
    remount(small_tmpfs, "ro")
    again = Library(library.home)
    assert again.find() == listed
    assert again.trash_ids() == [removed.id]
    again.verify(artifact.id)
    with archive_artifacts(again, [artifact.id]) as parcel:
        assert b"0123456789" in b"".join(parcel.read())
    changes = (
        lambda: make_run(again),
        lambda: make_artifact(again, run),
        lambda: make_imported_artifact(again),
        lambda: again.annotate(run.id, name="x"),
        lambda: again.tag([artifact.id], ["x"]),
        lambda: again.set_alias("champion", artifact.id),
        lambda: again.remove(artifact.id),
        lambda: again.restore(removed.id),
        lambda: again.empty_trash(0),
    )
    assert {catch_storage_error(change).sentence for change in changes} == {READ_ONLY}
    assert hash_entries(library.home) == before
    again.rebuild_catalog()
    assert again.find() == listed
    remount(small_tmpfs, "rw")
    assert_invariants(library.home, before)
    tally(SURVIVED_READ_ONLY, len(changes))


@pytest.mark.long
def test_read_only_library_predicts_and_refuses_jobs(
    small_tmpfs: Path, jobs: Jobs, trained, saved, worker: Worker, config: Settings, tally: Callable
):
    run, copy = trained("digits-mlp"), saved("digits-mlp", "keras")["artifact"]
    home = populate_library(small_tmpfs / "store", jobs, run, copy)
    before = hash_entries(home)
    remount(small_tmpfs, "ro")
    own = Worker(config.model_copy(update={"home": home}))
    try:
        left = make_jobs(home, own)
        assert own.run_sandbox_check().blocked  # in boxes elsewhere
        reference = left.library.reference(run).head(8)
        panel = left.create_live_session([copy])
        (prediction,) = panel.predict(reference.inputs).values()
        panel.close()
        for name, array in reference.predictions.items():
            np.testing.assert_array_equal(prediction.outputs[name], array)
        for change in (lambda: left.save(run, ["keras"]), lambda: left.train("digits-mlp")):
            assert catch_storage_error(change).sentence == READ_ONLY
        assert not any((home / "staging").iterdir())
    finally:
        own.close()
    remount(small_tmpfs, "rw")
    assert_invariants(home, before)
    tally(SURVIVED_READ_ONLY, 2)


@pytest.mark.long
@pytest.mark.parametrize("stage", ["before the child is asked", "before hashing", "before the job's end is kept"])
def test_save_job_on_disk_turned_read_only_ends_with_error(
    small_tmpfs: Path, jobs: Jobs, trained, worker: Worker, monkeypatch, stage: str, tally: Callable
):
    run = trained("digits-mlp")
    left = make_jobs(populate_library(small_tmpfs / "store", jobs, run), worker)
    before = hash_entries(left.library.home)

    def become_read_only() -> None:
        left.library._catalog._engine.dispose()
        remount(small_tmpfs, "ro")

    run_at_stage(SAVE_STAGES[stage], become_read_only, left.library.home / "staging", monkeypatch.setattr)
    started = left.save(run, ["keras"])
    end = left.wait(started.id)
    monkeypatch.undo()
    stored = stage == "before the job's end is kept"
    assert end.format_rows["keras"]["state"] == ("done" if stored else "failed")
    assert stored or end.format_rows["keras"]["error"]["sentence"] == READ_ONLY
    assert [job.state for job in left.job_store.list_jobs()] == ["done"]
    remount(small_tmpfs, "rw")
    assert left.job_store.read(started.id).state == "done"  # which writes it down, for other processes too
    assert make_jobs(left.library.home, worker).job_store.read(started.id).state == "done"
    assert_invariants(left.library.home, before)
    tally(SURVIVED_READ_ONLY)
