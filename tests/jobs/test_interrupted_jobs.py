"""Jobs that are cancelled, interrupted or queued, work on damaged files, and a full disk."""

import json
import subprocess
import sys
import time

import numpy as np
import pytest

from core.errors import StorageFailed
from core.inputs import Inputs
from core.jobs import Jobs
from core.library import Library
from core.worker import Worker
from tests.helpers import CANCEL_SECONDS, fill_disk, wait_until, wait_until_done


def run_comparison(jobs: Jobs, *artifacts: str, **asked) -> dict:
    """The result of a comparison that ended well."""
    return wait_until_done(jobs, jobs.compare(artifacts, **asked)).result


def make_drawn_inputs(jobs: Jobs) -> str:
    """The id of an input set of two rows that nobody has seen."""
    pixels = np.linspace(0, 1, 128, dtype="float32").reshape(2, 64)
    return Inputs(jobs.library.home).add_drawn({"pixels": pixels}).id


# Cancel, interrupt, damage


def test_train_job_cancel_ends_it_and_stores_nothing(empty_jobs):
    job = empty_jobs.train("digits-mlp", epochs=500)
    wait_until(lambda: empty_jobs.job_store.read(job.id).progress > 0)
    pressed = time.monotonic()
    empty_jobs.cancel(job.id)
    end = empty_jobs.wait(job.id)
    assert time.monotonic() - pressed < CANCEL_SECONDS
    assert (end.state, end.error["sentence"]) == ("cancelled", "It was cancelled.")
    assert empty_jobs.library.ids() == []
    assert list((empty_jobs.library.home / "staging").iterdir()) == []


def test_queued_job_can_be_cancelled(empty_library, worker, config):
    jobs = Jobs(empty_library, worker, config.model_copy(update={"home": empty_library.home, "parallel": 1}))
    busy = [jobs.train("digits-core", epochs=500) for _ in range(2)]
    wait_until(lambda: all(jobs.job_store.read(entry.id).state == "running" for entry in busy))
    waiting = jobs.train("digits-core", epochs=1)
    assert jobs.job_store.read(waiting.id).state == "queued"
    jobs.cancel(waiting.id)
    assert jobs.wait(waiting.id).error["sentence"] == "It was cancelled before it began."
    for item in busy:
        jobs.cancel(item.id)
        assert jobs.wait(item.id).state == "cancelled"


def test_train_job_beyond_time_limit_fails_as_timed_out(empty_library, worker, config):
    short = config.model_copy(update={"home": empty_library.home, "train_seconds": 0.5})
    jobs = Jobs(empty_library, worker, short)
    end = jobs.wait(jobs.train("digits-core", epochs=500).id)
    assert (end.state, end.error["code"]) == ("failed", "timed-out")
    assert end.error["sentence"] == "It took longer than its limit of 0.5 seconds, and was stopped."
    assert empty_library.ids() == []


def test_job_of_dead_process_is_interrupted_and_repeatable(jobs, saved):
    id_ = saved("digits-mlp", "keras")["artifact"]
    done = wait_until_done(jobs, jobs.compare([id_], rows=11))
    with subprocess.Popen([sys.executable, "-c", ""]) as dead:
        dead.wait()
    jobs.job_store.write(done.model_copy(update={"state": "running", "pid": dead.pid}))
    assert jobs.wait(done.id).state == "interrupted"
    again = wait_until_done(jobs, jobs.compare([id_], rows=11))
    assert (again.id, again.result["outcomes"][id_]["verdict"]) == (done.id, "bit-identical")


def test_compare_same_request_reuses_the_job(jobs, saved):
    id_ = saved("digits-mlp", "keras")["artifact"]
    first = wait_until_done(jobs, jobs.compare([id_], rows=7))
    assert jobs.compare([id_, id_], rows=7) == first
    assert jobs.compare([id_], rows=8).id != first.id


def test_compare_repeats_after_damage_and_reports_it(copied_entries):
    own, _, artifacts = copied_entries("digits-core", "saved_model", "checkpoint")
    good, bad = artifacts.values()
    before = run_comparison(own, good, bad)
    path = own.library.verified_folder(bad) / "model.index"
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    after = run_comparison(own, good, bad)
    assert [outcome["verdict"] for outcome in before["outcomes"].values()] == ["bit-identical", "bit-identical"]
    assert after["outcomes"][good]["verdict"] == "bit-identical"
    assert (after["outcomes"][bad]["verdict"], after["outcomes"][bad]["error"]["code"]) == ("does-not-load", "damaged")
    assert after["outcomes"][bad]["error"]["sentence"] == (
        "The file model.index has changed since it was saved (its SHA-256 differs)."
    )
    path.write_bytes(data)
    assert run_comparison(own, good, bad)["outcomes"][bad]["verdict"] == "bit-identical"


def test_compare_same_request_on_damaged_files_reuses_the_job(copied_entries):
    """The page asks again with every rerun: it must find the answer, not start another search for it."""
    own, _, artifacts = copied_entries("digits-core", "saved_model")
    id_ = artifacts["saved_model"]
    (own.library.verified_folder(id_) / "saved_model.pb").unlink()
    first = wait_until_done(own, own.compare([id_]))
    assert first.result["outcomes"][id_]["error"]["sentence"] == "The file saved_model.pb is missing."
    assert own.compare([id_]) == first


def test_compare_failed_job_repeats_only_on_explicit_request(copied_entries):
    """The page asks again with every rerun: it must show the error, and not begin anew for ever."""
    own, run, artifacts = copied_entries("digits-core", "saved_model")
    id_ = artifacts["saved_model"]
    (own.library.home / "runs" / run / "snapshot" / "variables.npz").unlink()
    request = {
        "baseline": run,
        "inputs": make_drawn_inputs(own),
    }  # which no kept answer of the live model can stand for
    failed = own.wait(own.compare([id_], **request).id)
    assert (failed.state, failed.error["sentence"]) == ("failed", "The file variables.npz is missing.")
    assert own.compare([id_], rerun_failed=False, **request) == failed
    assert own.wait(own.compare([id_], **request).id).finished > failed.finished


def test_save_job_of_damaged_run_fails(copied_entries):
    own, run, _ = copied_entries("digits-core")
    (own.library.home / "runs" / run / "snapshot" / "variables.npz").unlink()
    end = own.wait(own.save(run, ["saved_model"]).id)
    assert (end.state, end.error["sentence"]) == ("failed", "The file variables.npz is missing.")


@pytest.mark.parametrize("demo", ["digits-mlp", "digits-core"])
def test_train_job_with_diverged_loss_is_stored_as_valid_json(empty_jobs, demo):
    end = wait_until_done(empty_jobs, empty_jobs.train(demo, epochs=3, learning_rate=10, hidden_units=2048))
    run = end.result["run"]
    text = (empty_jobs.library.home / "jobs" / end.id / "job.json").read_text(encoding="utf-8")
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    json.loads(
        empty_jobs.library.run(run).to_json_text(), parse_constant=lambda name: pytest.fail(f"{name} is no JSON")
    )
    assert len(empty_jobs.library.history(run)) == 3
    row = wait_until_done(empty_jobs, empty_jobs.save(run, ["saved_model"])).result["rows"]["saved_model"]
    assert row["verdict"] == "bit-identical"


# Side by side, and on a full disk


def test_two_jobs_run_side_by_side(jobs):
    first, second = jobs.train("digits-core", epochs=1, seed=1), jobs.train("digits-core", epochs=1, seed=2)
    runs = {wait_until_done(jobs, item).result["run"] for item in (first, second)}
    assert len(runs) == 2


def test_job_can_be_cancelled_by_another_process(empty_jobs):
    job = empty_jobs.train("digits-core", epochs=500)
    other = Jobs(Library(empty_jobs.library.home), Worker(empty_jobs.config), empty_jobs.config)
    wait_until(lambda: other.job_store.read(job.id).progress > 0)
    other.cancel(job.id)
    assert empty_jobs.wait(job.id).state == "cancelled"


def test_job_on_full_disk_fails_with_sentence_and_leaves_nothing(worker, config, small_disk):
    home = small_disk / "store"
    jobs = Jobs(Library(home), worker, config.model_copy(update={"home": home}))
    run = wait_until_done(jobs, jobs.train("digits-core", epochs=1)).result["run"]
    big = jobs.train("digits-core", epochs=1, hidden_units=8192)
    end = jobs.wait(big.id)
    assert (end.state, end.error["code"], end.error["sentence"]) == ("failed", "storage", "The disk is full.")
    assert jobs.library.ids() == [run]
    assert list((home / "staging").iterdir()) == []
    assert (
        wait_until_done(jobs, jobs.save(run, ["saved_model"])).result["rows"]["saved_model"]["verdict"]
        == "bit-identical"
    )


def test_train_on_full_disk_starts_no_job(worker, config, small_disk):
    home = small_disk / "store"
    jobs = Jobs(Library(home), worker, config.model_copy(update={"home": home}))
    fill_disk(small_disk / "filler")
    with pytest.raises(StorageFailed, match="The disk is full"):
        jobs.train("digits-core", epochs=1)
    assert jobs.job_store.list_jobs() == []


def test_running_job_fails_when_disk_fills_up(worker, config, small_disk):
    home = small_disk / "store"
    jobs = Jobs(Library(home), worker, config.model_copy(update={"home": home}))
    job = jobs.train("digits-core", epochs=60)
    wait_until(lambda: jobs.job_store.read(job.id).progress > 0)
    fill_disk(small_disk / "filler")
    end = jobs.wait(job.id)
    assert (end.state, end.error["sentence"]) == ("failed", "The disk is full.")
