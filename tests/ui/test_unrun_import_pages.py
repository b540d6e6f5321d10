"""The pages of an untrusted file that was kept and not run: said everywhere, refused in words, run when it can be."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.jobs import Jobs
from tests.factories.untrusted_files import make_keras_file
from tests.helpers import wait_until_done

pytestmark = pytest.mark.trust
NOT_RUN_SENTENCE = "This file was imported and kept, and nothing has run it yet, so it has no answers."
STORED_UNRUN_SENTENCE = (
    "this system does not keep it apart from everything else. It was checked and kept, and you can download it."
)


@pytest.fixture
def unrun_import(failed_sandbox_test: pytest.MonkeyPatch, empty_jobs: Jobs, tmp_path: Path) -> dict:
    """What a job says of a file that was kept and not run."""
    path = tmp_path / "theirs.keras"
    path.write_bytes(make_keras_file())
    job = empty_jobs.import_model(path)
    return wait_until_done(empty_jobs, job).result | {"job": job.id}


def page_text(app: AppTest) -> str:
    parts = [*app.title, *app.markdown, *app.caption, *app.error, *app.info, *app.warning, *app.header, *app.subheader]
    return "\n".join(part.value for part in parts).replace("\\", "")


def find_button(app: AppTest, label: str):
    return next(button for button in app.button if button.label == label)


def test_pages_show_not_run_import_without_running_it(visit, empty_jobs: Jobs, unrun_import: dict):
    imported = visit(empty_jobs, "import_model", job=unrun_import["job"])
    assert STORED_UNRUN_SENTENCE in page_text(imported)
    assert "It was neither looked into nor run" in page_text(imported)
    assert [find_button(imported, item).disabled for item in ("Convert", "Compare", "Run it now")] == [
        True,
        True,
        False,
    ]

    listed = visit(empty_jobs, "library", verdict="not-run")
    table = listed.dataframe[0].value
    assert (table["Verdict of its reload"].tolist(), table["Id"].tolist()) == (["Not run"], [unrun_import["artifact"]])

    inspected = visit(empty_jobs, "inspect", artifact=unrun_import["artifact"])
    assert STORED_UNRUN_SENTENCE in page_text(inspected)
    assert not find_button(inspected, "Run it now").disabled
    for page, request in (("save", {"run": unrun_import["run"]}), ("compare", {"artifact": unrun_import["artifact"]})):
        refused = visit(empty_jobs, page, **request)
        assert not refused.exception
        assert NOT_RUN_SENTENCE in page_text(refused)


@pytest.mark.long
def test_run_it_now_runs_import_once_sandbox_works(
    visit, empty_jobs: Jobs, unrun_import: dict, failed_sandbox_test: pytest.MonkeyPatch
):
    inspected = visit(empty_jobs, "inspect", artifact=unrun_import["artifact"])
    failed_sandbox_test.setattr(empty_jobs.worker, "_sandbox_check", None)
    find_button(inspected, "Run it now").click().run()
    (job,) = [item for item in empty_jobs.job_store.list_jobs("import") if item.id != unrun_import["job"]]
    result = wait_until_done(empty_jobs, job).result
    assert result["verdict"] == "bit-identical"
    assert "Bit-identical" in repr(visit(empty_jobs, "library").dataframe[0].value)
    assert sorted(empty_jobs.library.ids()) == sorted([result["run"], result["artifact"]])


@pytest.mark.long
def test_run_it_now_reports_reason_while_sandbox_fails(visit, empty_jobs: Jobs, unrun_import: dict):
    inspected = visit(empty_jobs, "inspect", artifact=unrun_import["artifact"])
    find_button(inspected, "Run it now").click().run()
    (job,) = [item for item in empty_jobs.job_store.list_jobs("import") if item.id != unrun_import["job"]]
    end = empty_jobs.wait(job.id)
    assert end.error["code"] == "not-confined"
    assert "What had been kept stays as it was." in page_text(visit(empty_jobs, "import_model", job=end.id))
    assert sorted(empty_jobs.library.ids()) == sorted([unrun_import["run"], unrun_import["artifact"]])
