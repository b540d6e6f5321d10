"""Who comes to a page is shown what runs; who presses its button begins their own, whatever another has begun since."""

import pytest

from core.jobs import Jobs
from core.library.job_store import Job
from tests.factories.library_entries import make_artifact, make_run

REQUESTS = {
    "train": {"demo": "digits-mlp", "settings": {"epochs": 3}},
    "save": {"run": "r0000000001", "formats": [], "options": {}},
    "import": {"name": "model.keras"},
    "elsewhere": {"run": "r0000000001", "artifacts": [], "environments": ["tract"]},
    "upgrade": {"source": "here", "target": "keras-jax", "copies": []},
    "sweep": {"plan": {"models": ["r0000000001"]}, "has_files": False},
}
PAGES = {kind: kind for kind in REQUESTS} | {"import": "import_model"}


def start_job_in_other_tab(jobs: Jobs, kind: str, number: int, **request: str) -> Job:
    """A job of this kind that another tab has begun, and that runs."""
    asked = REQUESTS[kind] | request
    job = Job(id=f"j{number:010}", kind=kind, title="Of another tab", state="running", request=asked)
    return jobs.job_store.create(job)


@pytest.mark.parametrize(("page", "button"), [("train", "train-digits-mlp"), ("save", "save-all")])
def test_pages_button_starts_own_job_while_another_runs(visit, empty_jobs, monkeypatch, page, button):
    make_run(empty_jobs.library)
    app = visit(empty_jobs, page)
    start_job_in_other_tab(empty_jobs, page, 1)
    request = []
    own = Job(id="j0000000002", kind=page, title="Our own", request=REQUESTS[page])
    monkeypatch.setattr(
        empty_jobs, page, lambda *given, **more: request.append(given) or empty_jobs.job_store.create(own)
    )
    app.button(key=button).click().run()
    assert len(request) == 1
    assert app.query_params["job"] == own.id


@pytest.mark.parametrize("kind", list(REQUESTS))
def test_pages_show_the_running_job_and_its_cancel_on_visit(visit, empty_jobs, kind):
    run = make_run(empty_jobs.library)
    make_artifact(empty_jobs.library, run)
    job = start_job_in_other_tab(empty_jobs, kind, 1, run=run.id)
    app = visit(empty_jobs, PAGES[kind])
    assert not app.exception
    assert app.query_params["job"] == job.id
    assert len(app.get("progress")) == 1
    assert app.button(key=f"cancel-{job.id}").label == ("Pause" if kind == "sweep" else "Cancel")
