"""The search as a job: real copies and live models in children, real data, cancel, and what goes wrong."""

import json
import os
import signal
import time

import numpy as np
import pytest

from core.demos import get_demo
from core.disagreement import NEIGHBOURHOOD_SHARE
from core.errors import InputError, TimedOut, UnknownName
from core.inputs import Inputs
from core.jobs import Jobs
from core.jobs.disagreement import _DisagreementJob, _SearchSide
from core.library.job_store import Job
from tests.helpers import CANCEL_SECONDS, wait_until, wait_until_done

SECONDS = 120  # never the limit here: the number of inputs is


@pytest.fixture(scope="module")
def other_seed_run(jobs) -> str:
    """A run of the same demo as `trained("digits-mlp")`, from another seed."""
    return wait_until_done(jobs, jobs.train("digits-mlp", epochs=2, seed=1)).result["run"]


def run_search(jobs, a: str, b: str, evaluations: int = 4000, **given) -> Job:
    return wait_until_done(jobs, jobs.find_disagreement(a, b, seconds=SECONDS, evaluations=evaluations, **given))


def test_search_job_increases_disagreement_beyond_the_data(jobs, trained, other_seed_run):
    run = trained("digits-mlp")
    job = run_search(jobs, run, other_seed_run)
    result, data, arrays = job.result["found"], job.result["data"], jobs.job_store.load_arrays(job.id)
    assert (result["changed"], data["changed"], result["kind"]) == (True, True, "class")
    assert result["said"][0] != result["said"][1]
    assert result["amount"] > data["amount"]
    assert job.result["asked"]["held-out"] == 270
    assert job.result["asked"]["training"] == 1257
    assert job.result["asked"]["validation"] == 270
    assert 2000 < job.result["asked"]["made"] <= 4000 - 1797
    (left,), (right,) = ([array[0] for name, array in arrays.items() if name.startswith(side)] for side in ("a:", "b:"))
    item, two = left.argmax(), right.argmax()
    assert [str(item), str(two)] == result["said"]
    assert result["amount"] == pytest.approx(min(left[item] - left[two], right[two] - right[item]))
    assert next(iter(result["answers"][0].values())) == pytest.approx(left.tolist())


def test_search_job_asks_again_alone_in_new_processes_before_it_announces(jobs, trained, other_seed_run, monkeypatch):
    loads, shapes = [], []
    load, predict = _SearchSide.__init__, _SearchSide.predict
    monkeypatch.setattr(_SearchSide, "__init__", lambda side, *given: (loads.append(side), load(side, *given))[1])
    monkeypatch.setattr(
        _SearchSide, "predict", lambda side, rows: (shapes.append((side, len(rows["pixels"]))), predict(side, rows))[1]
    )
    job = run_search(jobs, trained("digits-mlp"), other_seed_run, evaluations=600)
    asked_again = [rows for side, rows in shapes if side in loads[2:]]
    assert (len(loads), set(asked_again), job.result["found"]["tie"]) == (4, {1}, False)


def test_search_job_keeps_what_it_found_where_asking_again_fails(jobs, trained, other_seed_run, monkeypatch):
    def fail(*_):
        raise TimedOut("It took too long.")

    monkeypatch.setattr("core.jobs.disagreement.ask_again", fail)
    job = run_search(jobs, trained("digits-mlp"), other_seed_run, evaluations=700)
    assert job.result["found"]["changed"] is True
    assert [note for note in job.result["notes"] if note.startswith("It could not be asked again, alone: It took")]


def test_search_job_result_is_near_its_origin_row_with_predictions(jobs, trained, other_seed_run):
    job = run_search(jobs, trained("digits-mlp"), other_seed_run)
    result, arrays = job.result["found"], jobs.job_store.load_arrays(job.id)
    made, origin = arrays["input:pixels"], arrays["origin:pixels"]
    assert (made.shape, made.dtype) == ((1, 64), np.dtype("float32"))
    assert ((made >= 0) & (made <= 1)).all()
    assert np.abs(made - origin).max() <= NEIGHBOURHOOD_SHARE + 1e-6
    assert result["steps"] > 0
    assert result["distance"]["columns"] == (made != origin).sum()
    if result["split"] == "held-out":
        stored = jobs.library.reference(job.result["run"])
        np.testing.assert_array_equal(origin[0], stored.inputs["pixels"][result["row"]])
        assert result["truth"] == str(next(iter(stored.targets.values()))[result["row"]].argmax())
    again = run_search(jobs, trained("digits-mlp"), other_seed_run)
    assert again.result | {"seconds": 0} == job.result | {"seconds": 0}


def test_search_job_stores_result_as_input_set(jobs, trained, other_seed_run):
    job = run_search(jobs, trained("digits-mlp"), other_seed_run, evaluations=2000)
    inputs = Inputs(jobs.library.home, jobs.config)
    item = inputs.read(job.result["inputs"])
    assert (item.kind, item.rows, item.origin["search"]) == ("found", 1, job.id)
    left, right = (jobs.library.run_names()[run] for run in (trained("digits-mlp"), other_seed_run))
    assert item.words == f"Where the live model of “{left}” and the live model of “{right}” disagree"
    np.testing.assert_array_equal(
        inputs.read_rows(item.id, slice(0, 1))["pixels"], jobs.job_store.load_arrays(job.id)["input:pixels"]
    )


def test_search_job_identical_copy_never_disagrees(jobs, trained, saved):
    copy = saved("digits-mlp", "keras")["artifact"]
    job = run_search(jobs, trained("digits-mlp"), copy, evaluations=2400)
    assert (job.result["found"]["changed"], job.result["largest"]) == (False, 0.0)
    assert set(job.result["changed"].values()) == {0}
    assert job.result["inputs"] == ""
    assert job.result["asked"]["made"] > 500
    assert job.result["notes"] == []


def test_search_job_mixed_table_stays_within_known_values(jobs, saved):
    item, two = (saved("tips", key)["artifact"] for key in ("keras", "saved_model"))
    job = run_search(jobs, item, two, evaluations=600)
    assert (job.result["found"]["kind"], job.result["found"]["changed"]) == ("value", False)
    assert job.result["asked"]["made"] > 300
    assert jobs.job_store.load_arrays(job.id)["input:day"].item() in ("Thur", "Fri", "Sat", "Sun")


def test_search_job_free_text_is_mutated_by_letters(jobs, trained):
    run = trained("names")
    other = wait_until_done(jobs, jobs.train("names", epochs=2, seed=5)).result["run"]
    job = run_search(jobs, run, other, evaluations=1500)
    assert job.result["found"]["changed"]
    assert job.result["found"]["said"][0] in ("Africa", "Americas", "Asia", "Europe")
    assert job.result["found"]["steps"] > 0
    word, origin = (jobs.job_store.load_arrays(job.id)[f"{role}:name"].item() for role in ("input", "origin"))
    assert abs(len(word) - len(origin)) <= max(1, round(NEIGHBOURHOOD_SHARE * len(origin)))


def test_search_job_finds_planted_disagreement_only_by_climbing(empty_jobs):
    rows = np.random.default_rng(4).random((96, 4)).astype("float32")
    centre = rows[11] + np.array([0.16, -0.15, 0.15, 0.0], "float32")
    plain, odd = (
        empty_jobs.library.add(
            _make_planted_module(centre, depth), rows, ["saved_model"], f"depth {depth}", empty_jobs.worker
        )[0]
        for depth in (0.0, 0.8)
    )
    job = run_search(empty_jobs, plain.artifact.id, odd.artifact.id, evaluations=4000)
    result = job.result["found"]
    assert not job.result["data"]["changed"]
    assert (result["changed"], result["said"], result["split"], result["row"]) == (True, ["0", "1"], "held-out", 11)
    assert job.result["asked"] == {"held-out": 96, "made": job.result["asked"]["made"]}
    assert result["truth"] is None


def _make_planted_module(centre: np.ndarray, depth: float):
    """A module that says the first of two classes with 0.9, but for a hole so deep in a small region."""
    import tensorflow as tf

    class Planted(tf.Module):
        def __init__(self):
            super().__init__()
            self.depth = tf.Variable(depth)

        @tf.function(input_signature=[tf.TensorSpec((None, 4), "float32", name="x")])
        def __call__(self, x):
            apart = tf.reduce_sum((x - centre) ** 2, axis=1, keepdims=True)
            first = 0.9 - self.depth * tf.exp(-apart / 0.02)
            return {"shares": tf.concat([first, 1 - first], axis=1)}

    return Planted()


# While it runs, and when it does not end well


def test_search_job_records_best_so_far_and_can_be_cancelled(jobs, trained, other_seed_run):
    job = jobs.find_disagreement(trained("digits-mlp"), other_seed_run, seconds=SECONDS)
    seen = _wait_until(jobs, job, lambda item: item.detail.get("asked", {}).get("made", 0) > 500)
    best = seen.detail["best"]
    assert best["said"][0] != best["said"][1]
    assert jobs.job_store.load_arrays(job.id)["input:pixels"].shape == (1, 64)
    assert seen.note.endswith("made inputs")
    began = time.monotonic()
    jobs.cancel(job.id)
    end = jobs.wait(job.id)
    assert time.monotonic() - began < CANCEL_SECONDS
    assert (end.state, end.detail["best"]["changed"]) == ("cancelled", True)
    assert jobs.job_store.load_arrays(job.id)["input:pixels"].shape == (1, 64)


def test_search_job_killed_child_fails_with_its_model_name(jobs, saved, monkeypatch):
    item, two = (saved("digits-mlp", key)["artifact"] for key in ("keras", "saved_model"))
    opened = []
    monkeypatch.setattr("core.jobs.participants.load_participant", _record_opened(opened))
    job = jobs.find_disagreement(item, two, seconds=SECONDS)
    _wait_until(jobs, job, lambda job: job.detail.get("asked", {}).get("made", 0) > 0)
    victim = dict(opened)[two]
    os.kill(victim._child.pid, signal.SIGKILL)
    end = jobs.wait(job.id)
    assert (end.state, end.error["code"]) == ("failed", "child-died")
    assert end.error["sentence"].startswith(
        "SavedModel of “Read a digit · 2 epochs · seed 0”: The process that held the model ended"
    )
    assert end.error["sentence"].count(".") == 1


def _record_opened(opened: list):
    from core.jobs.participants import load_participant

    def noting(jobs, id_, *args, **given):
        opened.append((id_, load_participant(jobs, id_, *args, **given)))
        return opened[-1][1]

    return noting


def _wait_until(jobs, job: Job, condition) -> Job:
    def holds() -> bool:
        nonlocal seen
        seen = jobs.job_store.read(job.id)
        is_met = condition(seen)
        assert is_met or seen.is_active, seen.error
        return is_met

    seen = job
    wait_until(holds)
    return seen


def test_search_job_models_with_different_inputs_fails(jobs, saved, trained):
    item, two = saved("digits-mlp", "keras")["artifact"], trained("names")
    end = jobs.wait(jobs.find_disagreement(item, two, seconds=5).id)
    assert (end.state, end.error["code"]) == ("failed", "input")
    assert end.error["sentence"].startswith("The live model of “Guess the continent · 2 epochs · seed 0”: ")


def test_search_job_unavailable_data_uses_held_out_rows_with_note(empty_jobs):
    rows = np.random.default_rng(0).random((40, 4)).astype("float32")
    model = _make_planted_module(rows[0], 0.5)
    added = empty_jobs.library.add(model, rows, ["saved_model"], "of a demo that is gone", empty_jobs.worker)[0]
    record = empty_jobs.library.home / "runs" / added.artifact.run / "run.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"demo": "gone", "settings": {}}))
    job = run_search(empty_jobs, added.artifact.id, added.artifact.id, 500, sources={added.artifact.id: "none"})
    assert job.result["asked"]["held-out"] == 40
    assert set(job.result["asked"]) == {"held-out", "made"}
    with pytest.raises(UnknownName) as caught:
        get_demo("gone")
    text = f"Only test examples were asked: the rest of the data could not be had. {caught.value}"
    assert job.result["notes"] == [text]


def test_search_job_stalled_data_leaves_time_for_climbing(jobs, trained, other_seed_run, monkeypatch):
    ask = _DisagreementJob._request_rows

    def stalled(work, child, *asked):
        wait_until(lambda: child.pid is not None)
        os.kill(child.pid, signal.SIGSTOP)
        return ask(work, child, *asked)

    monkeypatch.setattr(_DisagreementJob, "_request_rows", stalled)
    patient = Jobs(jobs.library, jobs.worker, jobs.config.model_copy(update={"child_seconds": 30}))
    end = wait_until_done(jobs, patient.find_disagreement(trained("digits-mlp"), other_seed_run, seconds=3))
    assert set(end.result["asked"]) == {"held-out", "made"}
    text = "Only test examples were asked: the rest of the data could not be had. It was not there in time."
    assert end.result["notes"] == [f"{text} Search for longer."]


@pytest.mark.parametrize("given", [{"seconds": 0}, {"seconds": 3601}, {"seed": -1}, {"evaluations": 0}])
def test_search_invalid_request_starts_no_job(jobs, trained, given):
    run, before = trained("digits-mlp"), len(jobs.job_store.list_jobs("disagree"))
    with pytest.raises(InputError):
        jobs.find_disagreement(run, run, **given)
    with pytest.raises(UnknownName):
        jobs.find_disagreement(run, "a0000000000")
    with pytest.raises(UnknownName):
        jobs.find_disagreement("r0000000000", run)
    assert len(jobs.job_store.list_jobs("disagree")) == before


# The data in pieces


def test_rows_task_returns_demo_data_in_chunks(jobs):
    settings = {"dataset": "digits", "seed": 3}
    with jobs.worker.open() as child:
        whole = child.request("rows", demo="digits-mlp", settings=settings, split="training", count=5000, seconds=60)
        part = child.request(
            "rows", demo="digits-mlp", settings=settings, split="training", start=1200, count=64, seconds=60
        )
        none = child.request("rows", demo="digits-mlp", settings=settings, split="held-out", start=270, seconds=60)
        with pytest.raises(InputError, match="There is no such split"):
            child.request("rows", demo="digits-mlp", settings=settings, split="seen", seconds=60)
    assert whole.message["rows"] == part.message["rows"] == 1257
    assert whole.arrays["input:pixels"].shape == (1257, 64)
    np.testing.assert_array_equal(part.arrays["input:pixels"], whole.arrays["input:pixels"][1200:])
    assert part.arrays["target:digit"].shape == (57, 10)
    assert len(none.arrays["input:pixels"]) == 0
