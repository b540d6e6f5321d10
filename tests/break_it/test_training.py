"""Training the small models of the bench: one job at a time for each, and nothing of earlier code stays."""

import errno
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from core.break_it import CORE, SOURCES, bench_fingerprint, get_card
from core.errors import Cancelled, RoundtripError, StorageFailed, TooLarge
from core.jobs import Jobs
from core.jobs.break_it import build_cure_request, discard_outdated, hold_training_lock, trained_folder
from core.library.job_store import Job
from core.worker.tasks import break_it as tasks
from tests.helpers import wait_until


def test_training_lock_keeps_others_out_until_they_are_cancelled(tmp_path: Path):
    looks, entered = iter([False, False, True]), []
    with hold_training_lock(tmp_path / "left", lambda: False):
        with pytest.raises(Cancelled), hold_training_lock(tmp_path / "left", lambda: next(looks)):
            entered.append("left while it is held")
        with hold_training_lock(tmp_path / "right", lambda: True):
            entered.append("right")
    with hold_training_lock(tmp_path / "left", lambda: True):
        entered.append("left")
    assert (entered, list(looks)) == (["right", "left"], [])


def test_pull_that_waits_for_training_of_another_card_is_cancelled(empty_jobs: Jobs):
    card = get_card("lose-the-class")
    with hold_training_lock(trained_folder(empty_jobs.config.home, card), lambda: False):
        job = empty_jobs.pull_lever(card.key)
        wait_until(lambda: empty_jobs.job_store.read(job.id).state == "running")
        empty_jobs.cancel(job.id)
        end = empty_jobs.wait(job.id)
    assert (end.state, end.error["code"]) == ("cancelled", Cancelled.code)
    assert not trained_folder(empty_jobs.config.home, card).exists()


@pytest.mark.parametrize(
    "changed",
    ["break_it/models.py", "demos/keras_training.py", "jobs/break_it.py", "worker/tasks/break_it.py"],
)
def test_fingerprint_changes_with_any_code_that_the_bench_runs(tmp_path: Path, changed: str):
    for path in [path for pattern in SOURCES for path in CORE.glob(pattern)]:
        target = tmp_path / path.relative_to(CORE)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    before = bench_fingerprint(tmp_path)
    with (tmp_path / changed).open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    assert before == bench_fingerprint()
    bench_fingerprint.cache_clear()
    assert bench_fingerprint(tmp_path) not in {before, bench_fingerprint()}


def test_models_of_other_fingerprints_are_discarded_and_nothing_else(tmp_path: Path):
    cache, bin_ = tmp_path / "cache", tmp_path / "bin"
    ours, theirs = f"digits-mlp-{bench_fingerprint()}", f"digits-mlp-{'0' * 16}"
    for name in (ours, theirs, "tmp0123", "notes"):
        (cache / name).mkdir(parents=True)
    bin_.mkdir()
    discard_outdated(cache, bin_)
    assert sorted(path.name for path in cache.iterdir()) == sorted([ours, "tmp0123", "notes"])
    assert [path.name for path in bin_.iterdir()] == [theirs]


def pull_raising(error: Exception, monkeypatch: pytest.MonkeyPatch) -> dict:
    """What the task says of a card whose lever raises this error."""

    def pull(folder: Path) -> None:
        raise error

    monkeypatch.setattr(tasks, "get_card", lambda key: replace(get_card(key), pull=pull))
    reply, arrays = tasks.try_card(print, {}, card="lose-the-class", folder="/gone", is_cure=False)
    assert arrays is None
    return dict(reply)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (MemoryError(), TooLarge),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), StorageFailed),
        (RuntimeError(f"write failed: {os.strerror(errno.ENOSPC)}"), StorageFailed),
    ],
)
def test_lever_stopped_by_memory_or_disk_fails_and_is_no_result(
    error: Exception, kind: type[RoundtripError], monkeypatch: pytest.MonkeyPatch
):
    with pytest.raises(kind):
        pull_raising(error, monkeypatch)


def test_lever_whose_library_raises_gives_that_error_as_result(monkeypatch: pytest.MonkeyPatch):
    error = pull_raising(TypeError("Could not locate class 'Scale'."), monkeypatch)["error"]
    assert (error["kind"], error["cause"]) == ("TypeError", "Could not locate class 'Scale'.")


def test_pull_again_while_the_cure_runs_keeps_lever_and_cure(empty_jobs: Jobs, monkeypatch: pytest.MonkeyPatch):
    card, (pulled, cured) = "lose-the-class", ("j0000000001", "j0000000002")
    lever = Job(id=pulled, kind="break", title="The lever", state="done", request={"card": card})
    cure = Job(id=cured, kind="cure", title="Its cure", state="running", request=build_cure_request(card, pulled))
    for job in (lever, cure):
        empty_jobs.job_store.create(job)
    monkeypatch.setattr(empty_jobs, "find_trials", lambda key: (lever, cure))
    monkeypatch.setattr(empty_jobs, "_start_or_reuse", lambda *request: lever)
    empty_jobs.pull_lever(card, again=True)
    assert {job.id for job in empty_jobs.job_store.list_jobs()} == {pulled, cured}
    cure.state = "done"
    empty_jobs.pull_lever(card, again=True)
    assert empty_jobs.job_store.list_jobs() == []
