"""The Elsewhere page without a browser: what it offers, what it says of sizes, and what copies answered."""

from collections.abc import Callable

from core.environments import ENVIRONMENTS
from core.jobs import Jobs
from core.library.job_store import Job
from tests.ui.test_pages import page_text

OUTCOMES = {
    "tract": {"environment": "tract", "verdict": "rounding", "max_abs": 1.2e-07, "changed_rows": 0, "rows": 64},
    "mnn": {
        "environment": "mnn",
        "verdict": "does-not-load",
        "error": {"code": "does-not-load", "sentence": "MNN's converter wrote no model.", "cure": "Take another."},
    },
}


def write_job(jobs: Jobs, run: str, artifact: str) -> Job:
    """A finished job as `Jobs.ask_elsewhere` leaves it."""
    row = {"format": "onnx", "here": "rounding", "cells": OUTCOMES, "error": None}
    failed = {"error": {"code": "not-built", "sentence": "The package index did not answer.", "cure": "Connect."}}
    result = {"rows": {artifact: row}, "environments": {"tract": {}, "mnn": {}, "iree": failed}}
    request = {"run": run, "artifacts": [artifact], "environments": ["tract", "mnn", "iree"]}
    job = Job(id="j0123456789", kind="elsewhere", title="x", state="done", request=request, result=result)
    return jobs.job_store.create(job)


def test_elsewhere_page_of_empty_library_offers_next_step(visit, empty_jobs: Jobs):
    app = visit(empty_jobs, "elsewhere")
    assert "There is no copy to ask yet" in page_text(app)
    assert "Save a run" in [button.label for button in app.button]
    assert [item.label.partition(" · ")[0] for item in app.expander] == [each.label for each in ENVIRONMENTS]


def test_elsewhere_page_says_size_before_it_builds(visit, jobs: Jobs, saved: Callable):
    row = saved("digits-mlp", "onnx")
    app = visit(jobs, "elsewhere", run=jobs.library.artifact(row["artifact"]).run)
    assert not app.exception
    assert app.multiselect[0].value
    assert "environments will be built first" in page_text(app)
    assert " MB on the disk" in page_text(app)
    assert not next(button for button in app.button if button.key == "ask-elsewhere").disabled


def test_elsewhere_page_shows_verdict_cause_and_failed_build(visit, jobs: Jobs, saved: Callable):
    artifact = saved("digits-mlp", "onnx")["artifact"]
    run = jobs.library.artifact(artifact).run
    job = write_job(jobs, run, artifact)
    try:
        app = visit(jobs, "elsewhere", run=run, job=job.id)
        text = page_text(app).replace("\\", "")
        table = app.dataframe[0].value
        assert table["tract 0.23"].tolist() == ["✓ Same answers (rounding only)"]
        assert table["MNN 3.6"].tolist() == ["✗ Does not load"]
        assert "The package index did not answer. Connect." in text
        assert "MNN's converter wrote no model." in text
        assert "The largest difference is 1.2e-07." in text
    finally:
        jobs.job_store.delete(job.id)
