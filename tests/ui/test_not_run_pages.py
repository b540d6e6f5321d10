"""The pages of a stranger's file that was kept and not run: said everywhere, refused in words, run when it can be."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.jobs import Jobs
from tests.conftest import finished
from tests.gate.makers import keras_file

pytestmark = pytest.mark.trust
REFUSED = "This file was brought in and kept, and nothing has run it yet, so it has no answers."
KEPT = "this system does not keep it apart from everything else. It was checked and kept, and you can download it."


@pytest.fixture
def kept(broken: pytest.MonkeyPatch, empty_jobs: Jobs, tmp_path: Path) -> dict:
    """What a job says of a file that was kept and not run."""
    path = tmp_path / "theirs.keras"
    path.write_bytes(keras_file())
    job = empty_jobs.import_model(path)
    return finished(empty_jobs, job).result | {"job": job.id}


def said(app: AppTest) -> str:
    parts = [*app.title, *app.markdown, *app.caption, *app.error, *app.info, *app.warning, *app.subheader]
    return "\n".join(part.value for part in parts).replace("\\", "")


def button(app: AppTest, label: str):
    return next(one for one in app.button if one.label == label)


def test_each_page_says_that_it_was_not_run_and_none_runs_it(visit, empty_jobs: Jobs, kept: dict):
    brought = visit(empty_jobs, "bring_in", job=kept["job"])
    assert KEPT in said(brought)
    assert "It was neither looked into nor run" in said(brought)
    assert [button(brought, one).disabled for one in ("Convert", "Compare", "Run it now")] == [True, True, False]

    listed = visit(empty_jobs, "library", verdict="not-run")
    table = listed.dataframe[0].value
    assert (table["Verdict of its reload"].tolist(), table["Id"].tolist()) == (["Not run"], [kept["artifact"]])

    inspected = visit(empty_jobs, "inspect", artifact=kept["artifact"])
    assert KEPT in said(inspected)
    assert not button(inspected, "Run it now").disabled
    for page, asked in (("save", {"run": kept["run"]}), ("compare", {"artifact": kept["artifact"]})):
        refused = visit(empty_jobs, page, **asked)
        assert not refused.exception
        assert REFUSED in said(refused)


@pytest.mark.long
def test_run_it_now_runs_it_where_that_is_possible_by_now(
    visit, empty_jobs: Jobs, kept: dict, broken: pytest.MonkeyPatch
):
    inspected = visit(empty_jobs, "inspect", artifact=kept["artifact"])
    broken.setattr(empty_jobs.worker, "_sandbox_test", None)
    button(inspected, "Run it now").click().run()
    (job,) = [one for one in empty_jobs.job_store.list_jobs("import") if one.id != kept["job"]]
    found = finished(empty_jobs, job).result
    assert found["verdict"] == "bit-identical"
    assert "Bit-identical" in repr(visit(empty_jobs, "library").dataframe[0].value)
    assert sorted(empty_jobs.library.ids()) == sorted([found["run"], found["artifact"]])


@pytest.mark.long
def test_run_it_now_says_why_not_where_it_is_not_possible_yet(visit, empty_jobs: Jobs, kept: dict):
    inspected = visit(empty_jobs, "inspect", artifact=kept["artifact"])
    button(inspected, "Run it now").click().run()
    (job,) = [one for one in empty_jobs.job_store.list_jobs("import") if one.id != kept["job"]]
    end = empty_jobs.wait(job.id)
    assert end.error["code"] == "not-confined"
    assert "What had been kept stays as it was." in said(visit(empty_jobs, "bring_in", job=end.id))
    assert sorted(empty_jobs.library.ids()) == sorted([kept["run"], kept["artifact"]])
