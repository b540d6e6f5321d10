"""The main job end to end, through `Jobs`; bad input by its sentence; cancelled, interrupted and damaged work."""

import json
import subprocess
import sys
import time

import numpy as np
import pytest

from core.errors import InputError, StorageFailed, UnknownName
from core.formats import FORMATS, get_format
from core.inputs import Inputs
from core.jobs import Jobs
from core.jobs.participants import list_code_sources
from core.library import Library
from core.library.job_store import Job
from core.worker import Worker
from tests.helpers import fill_disk, wait_until, wait_until_done

OWN_FORMATS = ["saved_model", "keras_export", "keras", "h5", "weights", "architecture", "checkpoint"]


def run_comparison(jobs: Jobs, *artifacts: str, **asked) -> dict:
    """The result of a comparison that ended well."""
    return wait_until_done(jobs, jobs.compare(artifacts, **asked)).result


def make_drawn_inputs(jobs: Jobs) -> str:
    """The id of an input set of two rows that nobody has seen."""
    pixels = np.linspace(0, 1, 128, dtype="float32").reshape(2, 64)
    return Inputs(jobs.library.home).add_drawn({"pixels": pixels}).id


# The main job


@pytest.mark.parametrize("demo", ["digits-mlp", "digits-core"])
def test_main_path_train_save_list_reload_compare_is_bit_identical(jobs, trained, saved, demo):
    run = jobs.library.run(trained(demo))
    keys = [key for key in OWN_FORMATS if run.kind in get_format(key).accepts and key != "architecture"]
    artifacts = {key: saved(demo, key)["artifact"] for key in keys}
    listed = {entry.id: entry for entry in jobs.library.find(demos=[demo])}
    result = run_comparison(jobs, *artifacts.values())
    assert result["baseline"] == run.id
    assert result["rows"] == 270
    for key, id_ in artifacts.items():
        outcome = result["outcomes"][id_]
        assert (key, outcome["verdict"], outcome["changed_rows"], outcome["max_abs"]) == (key, "bit-identical", 0, 0.0)
        assert (listed[id_].format, listed[id_].run, listed[id_].verdict) == (key, run.id, "bit-identical")


@pytest.mark.parametrize("demo", ["digits-mlp", "digits-core"])
def test_train_job_records_history_score_labels_and_reference(jobs, trained, demo):
    run = jobs.library.run(trained(demo))
    history = jobs.library.history(run.id)
    assert [row["epoch"] for row in history] == [1.0, 2.0]
    assert history[1]["loss"] < history[0]["loss"]
    assert (run.score_name, run.rows) == ("accuracy", {"training": 1257, "validation": 270, "held_out": 270})
    assert run.score > 0.5
    assert (run.labels, run.image_shape) == ([str(digit) for digit in range(10)], (8, 8))
    reference = jobs.library.reference(run.id)
    answers, targets = (next(iter(arrays.values())) for arrays in (reference.predictions, reference.targets))
    assert run.score == pytest.approx((answers.argmax(axis=1) == targets.argmax(axis=1)).mean())


def test_train_job_same_seed_gives_identical_weights(empty_jobs):
    runs = [
        wait_until_done(empty_jobs, empty_jobs.train("digits-core", epochs=1, seed=7)).result["run"] for _ in range(2)
    ]
    first, second = (empty_jobs.library.run(id_) for id_ in runs)
    assert first.weights == second.weights
    assert first.id != second.id


def test_train_job_records_progress_while_running(jobs):
    seen: list[Job] = []
    job = jobs.train("digits-mlp", epochs=3)
    end = jobs.wait(job.id, on_update=seen.append)
    assert (end.state, end.progress, end.note) == ("done", 1.0, "Done")
    assert [item.progress for item in seen] == sorted(item.progress for item in seen)
    assert [row["epoch"] for row in end.detail["history"]] == [1, 2, 3]
    assert Jobs(jobs.library, jobs.worker, jobs.config).job_store.read(job.id) == end


def test_stored_evidence_has_verdict_without_histograms(jobs, saved):
    id_ = saved("digits-mlp", "keras")["artifact"]
    text = (jobs.library.home / "artifacts" / id_ / "evidence.json").read_text(encoding="utf-8")
    assert '"verdict"' in text
    assert '"histogram"' not in text


@pytest.mark.parametrize("rows", [1, 63, 64, 65, 10_000])
def test_compare_job_any_row_count_is_bit_identical(jobs, saved, rows):
    result = run_comparison(jobs, saved("digits-core", "saved_model")["artifact"], rows=rows)
    (outcome,) = result["outcomes"].values()
    assert (outcome["verdict"], outcome["rows"], result["rows"]) == ("bit-identical", min(rows, 270), min(rows, 270))


# Halves, and code that is given or not


def test_weights_artifact_with_architecture_is_bit_identical(jobs, saved):
    weights, layers = (saved("digits-mlp", key)["artifact"] for key in ("weights", "architecture"))
    offered = [choice.key for choice in list_code_sources(jobs.library, weights)]
    assert offered[0] == "demo"
    assert layers in offered
    for source in ("demo", layers):
        assert (
            run_comparison(jobs, weights, sources={weights: source})["outcomes"][weights]["verdict"] == "bit-identical"
        )


def test_weights_artifact_without_code_needs_architecture(jobs, saved):
    id_ = saved("digits-mlp", "weights")["artifact"]
    outcome = run_comparison(jobs, id_, sources={id_: "none"})["outcomes"][id_]
    assert (outcome["verdict"], outcome["error"]["code"]) == ("does-not-load", "needs-architecture")
    assert outcome["error"]["cure"] == (
        "Give an architecture: the demo's code, or an architecture artifact of the same run."
    )


def test_architecture_artifact_alone_predicts_differently(jobs, saved):
    id_ = saved("digits-mlp", "architecture")["artifact"]
    outcome = run_comparison(jobs, id_)["outcomes"][id_]
    assert (outcome["verdict"], outcome["weights"]["found"]) == ("different", 0)
    assert outcome["changed_rows"] > 135


@pytest.mark.parametrize("key", ["keras", "h5"])
def test_custom_layer_artifact_needs_its_class(jobs, saved, key):
    id_ = saved("digits-custom", key)["artifact"]
    without = run_comparison(jobs, id_, sources={id_: "none"})["outcomes"][id_]
    assert without["verdict"] == "does-not-load"
    assert without["error"]["sentence"].startswith("This process does not know the custom ")
    assert "'Scale': Scale" in without["error"]["cure"]
    assert run_comparison(jobs, id_, sources={id_: "demo"})["outcomes"][id_]["verdict"] == "bit-identical"
    assert run_comparison(jobs, id_)["outcomes"][id_]["verdict"] == "bit-identical"


@pytest.mark.parametrize("source", ["none", "demo"])
def test_saved_model_with_custom_layer_loads_without_its_class(jobs, saved, source):
    id_ = saved("digits-custom", "saved_model")["artifact"]
    assert run_comparison(jobs, id_, sources={id_: source})["outcomes"][id_]["verdict"] == "bit-identical"


def test_architecture_of_another_model_does_not_load_with_sentence(jobs, saved):
    weights, layers = saved("digits-mlp", "weights")["artifact"], saved("digits-custom", "architecture")["artifact"]
    outcome = run_comparison(jobs, weights, sources={weights: layers})["outcomes"][weights]
    assert outcome["verdict"] == "does-not-load"
    assert outcome["error"]["sentence"].endswith(".")


# Bad input

BAD_SETTINGS = {
    "no epochs": ({"epochs": 0}, "The setting 'epochs' should be greater than or equal to 1."),
    "too many epochs": ({"epochs": 501}, "The setting 'epochs' should be less than or equal to 500."),
    "half an epoch": (
        {"epochs": 1.5},
        "The setting 'epochs' should be a valid integer, got a number with a fractional part.",
    ),
    "no batch": ({"batch_size": 0}, "The setting 'batch size' should be greater than or equal to 1."),
    "no rate": ({"learning_rate": 0}, "The setting 'learning rate' should be greater than 0."),
    "no units": ({"hidden_units": 0}, "The setting 'hidden units' should be greater than or equal to 1."),
    "a word for a seed": (
        {"seed": "x"},
        "The setting 'seed' should be a valid integer, unable to parse string as an integer.",
    ),
    "a seed below zero": ({"seed": -1}, "The setting 'seed' should be greater than or equal to 0."),
    "no such data": ({"dataset": "cats"}, "The demo digits-mlp has no such data set."),
}


@pytest.mark.parametrize(("given", "sentence"), BAD_SETTINGS.values(), ids=BAD_SETTINGS.keys())
def test_train_invalid_setting_starts_no_job(empty_jobs, given, sentence):
    with pytest.raises(InputError) as caught:
        empty_jobs.train("digits-mlp", **given)
    assert caught.value.sentence == sentence
    assert caught.value.received == str(next(iter(given.values())))
    assert caught.value.cure.endswith(".")
    assert empty_jobs.job_store.list_jobs() == []


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "fast"])
def test_train_non_finite_learning_rate_is_refused(empty_jobs, value):
    with pytest.raises(InputError, match="The setting 'learning rate' should be"):
        empty_jobs.train("digits-mlp", learning_rate=value)


def test_a_setting_that_does_not_exist_is_refused(empty_jobs):
    with pytest.raises(InputError, match="The setting 'colour'"):
        empty_jobs.train("digits-mlp", colour="blue")


def test_train_job_batch_larger_than_data_fails(empty_jobs):
    end = empty_jobs.wait(empty_jobs.train("digits-mlp", epochs=1, batch_size=5000).id)
    assert (end.state, end.error["code"]) == ("failed", "input")
    assert end.error["sentence"] == "The batch size is above the 1,257 rows of training data."
    assert (end.error["received"], end.error["cure"]) == ("5000", "Choose 1,257 or fewer.")
    assert empty_jobs.library.ids() == []


def test_train_unknown_demo_is_refused_with_choices(empty_jobs):
    with pytest.raises(UnknownName) as caught:
        empty_jobs.train("digits")
    assert caught.value.sentence == "There is no such demo."
    assert caught.value.cure.startswith("Choose from digits-mlp, digits-core, digits-custom")


def test_save_unknown_format_is_refused_with_choices(jobs, trained):
    with pytest.raises(UnknownName) as caught:
        jobs.save(trained("digits-mlp"), ["keras", "zip"])
    assert (caught.value.sentence, caught.value.received) == ("There is no such format.", "zip")
    assert caught.value.cure.startswith("Choose from " + ", ".join(format_.key for format_ in FORMATS[:3]))


@pytest.mark.parametrize("id_", ["r0000000000", "", "../x", "a0000000000"])
def test_an_unknown_run_is_refused(jobs, id_):
    with pytest.raises(UnknownName, match="Nothing in the library has this id"):
        jobs.save(id_, ["keras"])


@pytest.mark.parametrize("id_", ["a0000000000", "", "../x", "r0000000000"])
def test_an_unknown_artifact_is_refused(jobs, id_):
    with pytest.raises(UnknownName, match="Nothing in the library has this id"):
        jobs.compare([id_])


def test_an_unknown_job_is_refused(jobs):
    for use in (jobs.cancel, jobs.wait):
        with pytest.raises(UnknownName):
            use("j0000000000")


def test_save_and_compare_empty_selection_is_refused(jobs, trained):
    with pytest.raises(InputError, match=r"No format was chosen\. Choose at least one format to save in"):
        jobs.save(trained("digits-mlp"), [])
    with pytest.raises(InputError, match=r"No artifact was chosen\. Choose at least one artifact to compare"):
        jobs.compare([])


@pytest.mark.parametrize("rows", [0, -5])
def test_compare_zero_or_negative_rows_is_refused(jobs, saved, rows):
    with pytest.raises(InputError) as caught:
        jobs.compare([saved("digits-mlp", "keras")["artifact"]], rows=rows)
    assert (caught.value.sentence, caught.value.received) == ("At least one row must be compared.", str(rows))


def test_compare_unoffered_architecture_source_is_refused(jobs, saved):
    id_ = saved("digits-mlp", "keras")["artifact"]
    with pytest.raises(InputError) as caught:
        jobs.compare([id_], sources={id_: "../x"})
    assert caught.value.sentence == f"The architecture of {id_} cannot come from there."
    assert caught.value.cure == "Choose from none, demo."


def test_compare_job_uses_run_of_first_artifact_as_baseline(jobs, saved):
    ids = [saved("digits-mlp", "keras")["artifact"], saved("digits-core", "saved_model")["artifact"]]
    outcomes = run_comparison(jobs, *ids)["outcomes"]
    assert outcomes[ids[0]]["verdict"] == "bit-identical"
    assert outcomes[ids[1]]["verdict"] in {"some-changed", "different"}


def test_save_job_failed_format_does_not_stop_others(jobs, trained):
    rows = wait_until_done(jobs, jobs.save(trained("digits-core"), ["h5", "checkpoint"])).result["rows"]
    assert list(rows) == ["h5", "checkpoint"]
    assert (rows["h5"]["state"], rows["h5"]["error"]["code"]) == ("failed", "cannot-save")
    assert (rows["checkpoint"]["state"], rows["checkpoint"]["verdict"]) == ("done", "bit-identical")


# Cancel, interrupt, damage


def test_train_job_cancel_ends_within_a_second_and_stores_nothing(empty_jobs):
    job = empty_jobs.train("digits-mlp", epochs=500)
    wait_until(lambda: empty_jobs.job_store.read(job.id).progress > 0)
    pressed = time.monotonic()
    empty_jobs.cancel(job.id)
    end = empty_jobs.wait(job.id)
    assert time.monotonic() - pressed < 1
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
