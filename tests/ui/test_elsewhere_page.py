"""The Elsewhere page without a browser: what it offers, what it says of sizes, and what copies answered."""

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from core.environments import ENVIRONMENTS, get_environment
from core.jobs import Jobs
from core.library.job_store import Job
from tests.factories.elsewhere_jobs import add_copies, write_built, write_job
from tests.factories.private_entries import BO
from tests.factories.shown_tables import shown_tables
from tests.ui.test_pages import page_text


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


@pytest.mark.parametrize("names_run", [False, True])
@pytest.mark.parametrize(
    ("asked", "environments", "machines"),
    [
        (["tf-2.15", "here@sse41", "tf-2.15@sse41"], ["tf-2.15"], ["sse41"]),
        (["tf-2.15"], ["tf-2.15"], []),
        (["here@avx2", "here@no-onednn"], [], ["avx2", "no-onednn"]),
    ],
)
def test_elsewhere_page_of_running_job_has_chosen_what_it_asks(
    visit, own_jobs: Jobs, asked: list[str], environments: list[str], machines: list[str], names_run: bool
):
    run = add_copies(own_jobs, "keras")
    request = {"run": run, "artifacts": [], "environments": asked}
    own_jobs.job_store.create(Job(id="j0123456789", kind="elsewhere", title="x", state="running", request=request))
    app = visit(own_jobs, "elsewhere", **({"run": run} if names_run else {}))
    address = {name: app.query_params[name] for name in app.query_params}
    for page in (app, visit(own_jobs, "elsewhere", **address)):  # and whoever opens its address
        assert not page.exception
        assert page.query_params["job"] in ("j0123456789", ["j0123456789"])
        chosen = {widget.label: widget.value for widget in page.multiselect}
        assert chosen == {"Environments": environments, "Machines": machines}
        assert page.button(key="ask-elsewhere").disabled


def test_elsewhere_page_whose_environments_were_cleared_is_opened_again_so(visit, own_jobs: Jobs):
    run = add_copies(own_jobs, "keras")
    app = visit(own_jobs, "elsewhere", **{"run": run, "on": "sse41"})
    assert app.multiselect[0].value
    app.multiselect[0].set_value([]).run()
    address = {name: app.query_params[name] for name in app.query_params}
    again = visit(own_jobs, "elsewhere", **address)
    for page in (app, again):
        assert [widget.value for widget in page.multiselect] == [[], ["sse41"]]
        assert page.button(key="ask-elsewhere").label == "Ask in 1 environment"
    again.multiselect[0].set_value(["tf-2.15"]).run()
    assert again.query_params["in"] in ("tf-2.15", ["tf-2.15"])
    assert again.button(key="ask-elsewhere").label == "Ask in 3 environments"


def test_elsewhere_page_shows_verdict_cause_and_failed_build(visit, jobs: Jobs, saved: Callable):
    artifact = saved("digits-mlp", "onnx")["artifact"]
    run = jobs.library.artifact(artifact).run
    job = write_job(jobs, run, artifact)
    try:
        app = visit(jobs, "elsewhere", run=run, job=job.id)
        text = page_text(app).replace("\\", "")
        (table,) = shown_tables(app)
        assert table["tract 0.23"] == ["✓ Same answers (rounding only)"]
        assert table["MNN 3.6"] == ["✗ Does not load"]
        assert "The package index did not answer. Connect." in text
        assert "MNN's converter wrote no model." in text
        assert "The largest difference is 1.2e-07." in text
    finally:
        jobs.job_store.delete(job.id)


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
