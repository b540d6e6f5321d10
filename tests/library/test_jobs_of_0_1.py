"""Inputs, jobs and predictions that version 0.1.0 wrote are read with the values that they had."""

import numpy as np

from core.compare import Verdict
from core.inputs import Inputs
from core.jobs.benchmark_result import BenchmarkResult
from core.jobs.comparison.compare_result import ComparisonOutcome
from core.jobs.resume_result import ResumeResult
from core.library.job_store import JobStore
from core.library.prediction_store import PredictionStore
from tests.factories.jobs_of_0_1 import JOBS
from tests.factories.library_of_0_1 import (
    BILLS,
    CHECKS,
    DAYS,
    H5,
    INPUTS,
    KERAS,
    RUN,
    TIPS,
)
from tests.library.test_library_of_0_1 import drop_later_fields


def test_old_inputs_are_read_and_known_again(old_library):
    inputs = Inputs(old_library.home)
    [chunk] = inputs.iter_chunks(INPUTS)
    assert np.array_equal(chunk["total_bill"], BILLS)
    assert np.array_equal(chunk["day"], DAYS)
    assert np.array_equal(inputs.read_targets(INPUTS)["tip"], TIPS)
    assert inputs.read(INPUTS).words == "All 3 held-out rows of “tips”"  # in the words of its time
    assert inputs.add_held_out(old_library, RUN).id == INPUTS


def test_old_jobs_are_read_with_kind_state_and_result(old_home):
    job_store = JobStore(old_home / "jobs", max_finished=200)
    jobs = {name: job_store.read(id_) for name, id_ in JOBS.items()}
    assert {name: job.kind for name, job in jobs.items()} == {name: name for name in JOBS} | {"stopped": "train"}
    states = dict.fromkeys(JOBS, "done") | {"layers": "failed", "stopped": "interrupted"}
    assert {name: job.state for name, job in jobs.items()} == states
    assert {job.id for job in job_store.list_jobs()} == set(JOBS.values())
    assert jobs["train"].result == {"run": RUN}
    assert jobs["save"].format_rows["keras"]["artifact"] == KERAS
    assert jobs["import"].result["checks"] == CHECKS
    assert jobs["disagree"].result["found"]["split"] == "held-out"
    assert jobs["layers"].error["code"] == "does-not-load"


def test_old_job_results_are_parsed_by_their_models(old_home):
    job_store = JobStore(old_home / "jobs", max_finished=200)
    outcomes = job_store.read(JOBS["compare"]).result["outcomes"]
    compared, lost = (ComparisonOutcome.model_validate(outcomes[id_]) for id_ in (KERAS, H5))
    assert (compared.verdict, compared.outputs[0]["snr_db"], lost.verdict) == (
        Verdict.BIT_IDENTICAL,
        "inf",
        Verdict.DOES_NOT_LOAD,
    )
    resumed = job_store.read(JOBS["resume"]).result["copies"][KERAS]
    assert drop_later_fields(ResumeResult.model_validate(resumed).model_dump(mode="json"), resumed) == resumed
    costs = job_store.read(JOBS["cost"]).result
    assert drop_later_fields(BenchmarkResult.model_validate(costs).model_dump(mode="json"), costs) == costs


def test_old_job_arrays_and_predictions_are_read(old_home):
    job_store = JobStore(old_home / "jobs", max_finished=200)
    assert job_store.load_arrays(JOBS["resume"])["live"].tolist() == [6.5, 5.25]
    assert job_store.load_arrays(JOBS["disagree"])["input:day"].tolist() == [["Sun"]]
    predictions = PredictionStore(job_store.folder(JOBS["compare"]) / "answers")
    assert predictions.read_rows(RUN, "output_0", [2, 0]).tolist() == [[4.0], [1.25]]
    changed, distance = predictions.read_row_distances(KERAS)
    assert (changed.any(), distance.tolist()) == (False, [0.0, 0.5, 0.25])


def test_request_that_an_old_job_answered_is_not_run_again(old_jobs):
    compared = old_jobs.compare([KERAS, H5])
    assert (compared.id, compared.state) == (JOBS["compare"], "done")
    resumed = old_jobs.resume(RUN, [KERAS], epochs=1)
    assert (resumed.id, resumed.state) == (JOBS["resume"], "done")
