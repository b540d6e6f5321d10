"""The Save page without a browser: formats that are written in an environment of their own."""

import dataclasses

import pytest
from streamlit.testing.v1 import AppTest

from core.environments.base import Environment
from core.formats import all_formats, get_format
from core.jobs import Jobs
from core.library.job_store import Job
from tests.factories.elsewhere_jobs import write_built
from tests.factories.library_entries import make_artifact, make_run
from tests.factories.private_entries import BO
from tests.ui.test_pages import page_text
from ui.save import _part_badge

FORMAT = next(format_ for format_ in all_formats() if format_.environment)
assert FORMAT.environment
ENVIRONMENT: Environment = FORMAT.environment
FIRST = f"In the environment *{ENVIRONMENT.label}*, which is built first"


def test_save_page_says_which_environment_a_format_needs(visit, own_jobs: Jobs):
    run = make_run(own_jobs.library)
    app = visit(own_jobs, "save", run=run.id)
    assert not app.exception
    assert FIRST in page_text(app).replace("\\", "")
    write_built(own_jobs.config, ENVIRONMENT.key)
    assert FIRST not in page_text(visit(own_jobs, "save", run=run.id)).replace("\\", "")


def test_save_page_offers_signed_in_person_only_what_is_built(visit, own_jobs: Jobs):
    run = make_run(own_jobs.library)
    bos, key = own_jobs.for_viewer(BO), f"format-{run.id}-{FORMAT.key}"
    app = visit(bos, "save", run=run.id)
    text = page_text(app).replace("\\", "")
    assert f"Its environment, {ENVIRONMENT.label}, is not built. Whoever runs the server builds it." in text
    assert "which is built first" not in text
    assert app.checkbox(key=key).disabled
    write_built(own_jobs.config, ENVIRONMENT.key)
    assert not visit(bos, "save", run=run.id).checkbox(key=key).disabled


def test_format_in_an_environment_of_a_third_party_is_offered_and_saved(visit, own_jobs: Jobs, monkeypatch):
    environment = dataclasses.replace(ENVIRONMENT, key="third-party", lock=ENVIRONMENT.lock or ENVIRONMENT.key)
    format_ = dataclasses.replace(FORMAT, environment=environment)
    monkeypatch.setattr("ui.save.all_formats", lambda: (format_,))
    monkeypatch.setattr("core.jobs.service.get_format", lambda key: format_)
    run = make_run(own_jobs.library)
    app = visit(own_jobs, "save", run=run.id)
    assert not app.exception
    assert FIRST in page_text(app).replace("\\", "")
    write_built(own_jobs.config, ENVIRONMENT.key)  # both have the same lock
    bos, started = own_jobs.for_viewer(BO), []
    monkeypatch.setattr(bos, "_start", lambda *given: started.append(given))
    bos.save(run.id, [FORMAT.key])
    assert [given[0] for given in started] == ["save"]


@pytest.mark.parametrize(
    ("key", "badge"),
    [
        ("keras", ":violet-badge[optimizer state]"),
        ("checkpoint", ":violet-badge[optimizer state]"),
        ("saved_model", ":gray-badge[optimizer state, not usable]"),
    ],
)
def test_card_claims_no_optimizer_that_nothing_can_train_with(key: str, badge: str):
    assert _part_badge(get_format(key), "optimizer state") == badge


def test_finished_save_says_first_how_many_copies_have_each_verdict(visit, empty_jobs: Jobs):
    run = make_run(empty_jobs.library)
    rows = {key: {"state": "failed", "error": {"code": "cannot-save", "sentence": "No."}} for key in ("onnx",)}
    for key, verdict in (("keras", "bit-identical"), ("h5", "bit-identical"), ("litert", "rounding")):
        id_ = make_artifact(empty_jobs.library, run, key).id
        facts = {"bytes": 1, "changed_rows": 0, "rows": 4, "needs_code": False, "seconds": 1.0}
        rows[key] = {"state": "done", "artifact": id_, "verdict": verdict, **facts}
    request = {"run": run.id, "formats": list(rows)}
    job = Job(id="j0123456789", kind="save", title="x", state="done", request=request, result={"rows": rows})
    empty_jobs.job_store.create(job)
    app = visit(empty_jobs, "save", job=job.id)
    assert not app.exception
    assert not app.success  # one was not saved
    assert [box.value for box in app.info] == [
        "**Done:** 3 of 4 copies saved. Bit-identical: 2 · Same answers (rounding only): 1."
    ]
    assert "Compare them" in [button.label for button in app.button]


def draw_summary(job: "Job") -> None:
    """A page with the summary alone."""
    from ui.save import show_saved_summary

    show_saved_summary(job)


@pytest.mark.parametrize(
    ("state", "verdict", "is_green", "start"),
    [
        ("done", "rounding", True, "**Done:** 1 of 1 copy saved."),
        ("done", "different", False, "**Done:** 1 of 1 copy saved."),
        ("failed", "bit-identical", False, "**Saved before it was stopped:** 1 of 1 copy."),
        ("cancelled", "bit-identical", False, "**Saved before it was stopped:** 1 of 1 copy."),
        ("interrupted", "bit-identical", False, "**Saved before it was stopped:** 1 of 1 copy."),
    ],
)
def test_save_is_green_only_where_done_and_alike(state: str, verdict: str, is_green: bool, start: str):
    row = {"state": "done", "verdict": verdict}
    facts = {"state": state, "request": {"formats": ["keras"]}, "result": {"rows": {"keras": row}}}
    job = Job(id="j0123456789", kind="save", title="x", **facts)
    app = AppTest.from_function(draw_summary, args=(job,)).run()
    assert not app.exception
    (box,) = app.success if is_green else app.info
    assert box.value.startswith(start)
    assert len(app.success) == int(is_green)
