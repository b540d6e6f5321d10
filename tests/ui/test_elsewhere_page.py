"""The Elsewhere page without a browser: what it offers, what it says of sizes, and what copies answered."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

from streamlit.testing.v1 import AppTest

from core.environments import ENVIRONMENTS, get_environment
from core.environments.build import RECORD, environment_folder
from core.jobs import Jobs
from core.library.job_store import Job
from core.settings import Settings
from tests.factories.library_entries import make_artifact, make_run
from tests.factories.private_entries import BO
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
    button = app.button(key="ask-elsewhere")
    assert (button.disabled, button.label) == (False, f"Ask in {len(app.multiselect[0].value)} environments")


def test_elsewhere_page_of_running_job_has_chosen_what_it_asks(visit, empty_jobs: Jobs):
    run = make_run(empty_jobs.library)
    make_artifact(empty_jobs.library, run, "onnx")
    request = {"run": run.id, "artifacts": [], "environments": ["iree", "tract@no-avx512"]}
    empty_jobs.job_store.create(Job(id="j0123456789", kind="elsewhere", title="x", state="running", request=request))
    app = visit(empty_jobs, "elsewhere")
    assert not app.exception
    assert app.multiselect[0].value == ["iree"]
    assert app.query_params["job"] == "j0123456789"


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


def write_built(config: Settings, key: str) -> Path:
    """The folder of an environment as if it were built."""
    folder = environment_folder(config, get_environment(key))
    (folder / "venv" / "bin").mkdir(parents=True)
    (folder / "venv" / "bin" / "python").symlink_to(sys.executable)
    (folder / RECORD).write_text(json.dumps({"seconds": 1, "bytes": 5_000_000, "files": ""}))
    return folder


def add_copies(jobs: Jobs, *formats: str) -> str:
    """The id of a run that is saved in these formats."""
    run = make_run(jobs.library)
    for key in formats:
        make_artifact(jobs.library, run, key)
    return run.id


def button_keys(app: AppTest) -> set[str]:
    return {button.key for button in app.button}


def test_elsewhere_page_names_formats_where_no_environment_takes_any(visit, own_jobs: Jobs):
    run = add_copies(own_jobs, "checkpoint")
    app = visit(own_jobs, "elsewhere", run=run)
    text = page_text(app).replace("\\", "")
    assert (
        "No environment takes a format in which this run is saved. Save it in one of these: SavedModel; Keras file"
        in text
    )
    assert not app.multiselect
    assert app.button(key="ask-elsewhere").disabled
    assert "Save this run" in [button.label for button in app.button]


def test_elsewhere_page_names_copies_that_are_not_asked(visit, own_jobs: Jobs):
    run = add_copies(own_jobs, "onnx", "saved_model")
    text = page_text(visit(own_jobs, "elsewhere", run=run)).replace("\\", "")
    assert "Not asked: SavedModel" in text
    assert "Not asked: ONNX" not in text


def test_elsewhere_page_proposes_environments_once_for_a_run(visit, own_jobs: Jobs):
    run, other = add_copies(own_jobs, "onnx"), add_copies(own_jobs, "keras")
    app = visit(own_jobs, "elsewhere", **{"run": run, "in": "tf-2.15"})  # which takes no ONNX file
    assert app.multiselect[0].value == ["mnn", "tract", "onnxruntime-plain"]
    app.multiselect[0].set_value([]).run()
    assert app.multiselect[0].value == []
    assert "Choose at least one environment." in page_text(app)
    app.selectbox[0].select(other).run()
    assert {"keras"} <= set(get_environment(app.multiselect[0].value[0]).takes)


def test_elsewhere_page_shows_a_job_under_its_own_run_only(visit, own_jobs: Jobs):
    first, second = (add_copies(own_jobs, "onnx") for _ in range(2))
    latest = own_jobs.library.runs()[0].id
    earlier = second if latest == first else first
    request = {"run": earlier, "artifacts": own_jobs.library.artifacts_of(earlier), "environments": ["tract"]}
    job = Job(id="j0123456789", kind="elsewhere", title="x", state="running", note="Fetching", request=request)
    own_jobs.job_store.create(job)
    app = visit(own_jobs, "elsewhere")
    assert (app.selectbox[0].value, app.query_params["job"]) == (earlier, job.id)
    assert f"cancel-{job.id}" in button_keys(app)
    app.selectbox[0].select(latest).run()
    assert f"cancel-{job.id}" not in button_keys(app)
    assert not app.button(key="ask-elsewhere").disabled
    assert f"cancel-{job.id}" not in button_keys(visit(own_jobs, "elsewhere", run=latest, job=job.id))


def test_elsewhere_page_shows_readable_copies_beside_an_unreadable(visit, own_jobs: Jobs):
    run = add_copies(own_jobs, "onnx", "keras")
    damaged = own_jobs.library.artifacts_of(run)[0]
    (own_jobs.library.folder(damaged) / "record.json").write_text("{")
    app = visit(own_jobs, "elsewhere", run=run)
    assert not app.error
    assert not app.button(key="ask-elsewhere").disabled


def test_elsewhere_page_removes_environment_after_confirmation(visit, own_jobs: Jobs):
    folder = write_built(own_jobs.config, "tract")
    app = visit(own_jobs, "elsewhere")
    assert folder.exists()
    assert "This frees up to 5.0 MB on the disk" in page_text(app).replace("\\", "")
    app.button(key="remove-tract").click().run()
    assert not folder.exists()
    assert "remove-tract" not in button_keys(app)


def test_elsewhere_page_of_signed_in_person_offers_what_is_built(visit, own_jobs: Jobs):
    run = add_copies(own_jobs, "onnx")
    bos = own_jobs.for_viewer(BO)
    assert "No environment that takes these copies is built." in page_text(visit(bos, "elsewhere", run=run))
    write_built(own_jobs.config, "tract")
    app = visit(bos, "elsewhere", run=run)
    assert (app.multiselect[0].options, app.multiselect[0].value) == (["tract 0.23"], ["tract"])
    assert "remove-tract" not in button_keys(app)
