"""The Health page: the verdict first, then what puts it right, each with the next click."""

import pytest
from streamlit.testing.v1 import AppTest

from core.jobs import Jobs
from core.library.entry_names import name_entry
from core.worker import EscapeAttempt, SandboxCheck
from tests.factories.library_entries import make_artifact, make_run
from tests.helpers import overwrite_file


@pytest.fixture
def jobs_and_artifacts(empty_jobs: Jobs):
    """Jobs over a library with a run and two artifacts, and these artifacts."""
    run = make_run(empty_jobs.library)
    return empty_jobs, [make_artifact(empty_jobs.library, run) for _ in range(2)]


def page_text(app: AppTest) -> str:
    parts = [*app.markdown, *app.caption, *app.error, *app.info, *app.warning, *app.success]
    return "\n".join(part.value for part in parts).replace("\\", "")


def press_button(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label == label).click().run()


def wait_for_page_job(app: AppTest, jobs: Jobs) -> AppTest:
    """The page after the job that its address names has ended."""
    jobs.wait(app.query_params["job"])
    return app.run()


def test_health_page_shows_unverified_then_verified_library(visit, jobs_and_artifacts):
    jobs, _ = jobs_and_artifacts
    app = visit(jobs, "health")
    assert "Nothing was verified yet.** 2 artifacts and 1 run can be verified" in page_text(app)
    app = wait_for_page_job(press_button(app, "Verify all"), jobs)
    assert not app.exception
    assert "All 2 artifacts and 1 run are as they were kept." in app.success[0].value
    assert "every byte against its SHA-256" in page_text(app)
    make_artifact(jobs.library, jobs.library.runs()[0])
    assert "1 entry has come since" in page_text(app.run())


def test_health_page_damage_is_reported_and_linked_to_artifact(visit, jobs_and_artifacts):
    jobs, (bad, _) = jobs_and_artifacts
    (jobs.library.home / "artifacts" / bad.id / "files" / "model.bin").write_bytes(b"012345678X")
    jobs.wait(jobs.verify().id)
    app = visit(jobs, "health")
    assert "1 entry is not as it should be**, of 2 artifacts and 1 run" in app.error[0].value
    assert f"**{name_entry(jobs.library, bad.id)}** The file model.bin has changed since it was saved" in page_text(app)
    assert f"find-report-{bad.id}" in [button.key for button in app.button]


def test_health_page_shows_repairs_before_applying_them(visit, jobs_and_artifacts):
    jobs, (bad, _) = jobs_and_artifacts
    overwrite_file(jobs.library.home / "artifacts" / bad.id / "artifact.json", "{")
    app = wait_for_page_job(press_button(visit(jobs, "health"), "Look for repairs"), jobs)
    assert app.header[0].value == "What would be done"
    assert f"{bad.id} cannot be read" in page_text(app)
    assert [button.disabled for button in app.button if button.label == "Repair"] == [True]
    app.checkbox[0].check().run()
    app = wait_for_page_job(press_button(app, "Repair"), jobs)
    assert "It was moved into the folder quarantine" in page_text(app)
    assert bad.id not in jobs.library.ids()
    app = wait_for_page_job(press_button(app, "Look for repairs"), jobs)
    assert "there is nothing to repair" in page_text(app)


def test_health_page_rebuild_reports_unchanged_catalog(visit, jobs_and_artifacts):
    jobs, _ = jobs_and_artifacts
    app = wait_for_page_job(press_button(visit(jobs, "health"), "Rebuild the catalog"), jobs)
    assert "The catalog was made anew: 2 artifacts, the same as before." in app.success[0].value


def test_health_page_shows_sandbox_test_results(visit, jobs_and_artifacts, monkeypatch):
    jobs, _ = jobs_and_artifacts
    probes = [EscapeAttempt(name="execute", blocked=True, sentence="It could not start a program (no permission).")]
    probes.append(EscapeAttempt(name="connect-tcp", blocked=False, sentence="It could connect over TCP."))
    tested = SandboxCheck(probes=probes, created="2026-01-01T00:00:00+00:00", seconds=0.2)
    monkeypatch.setattr(jobs.worker, "_sandbox_check", tested)
    app = visit(jobs, "health")
    assert "Not everything is blocked here. It could connect over TCP." in page_text(app)
    assert "It could not start a program (no permission)." in page_text(app)


def test_health_page_escapes_untrusted_names(visit, jobs_and_artifacts):
    jobs, _ = jobs_and_artifacts
    (jobs.library.home / "artifacts" / "<b>x [y](http:z)").write_text("mine")
    jobs.wait(jobs.verify().id)
    shown = "\n".join(markdown.value for markdown in visit(jobs, "health").markdown)
    assert "\\<b\\>x" in shown
    assert "[y](" not in shown


def test_health_page_hides_library_path(visit, jobs_and_artifacts):
    jobs, _ = jobs_and_artifacts
    assert str(jobs.library.home) not in page_text(visit(jobs, "health"))


def test_health_page_shows_verification_of_single_artifact(visit, jobs_and_artifacts):
    jobs, (bad, good) = jobs_and_artifacts
    (jobs.library.home / "artifacts" / bad.id / "files" / "model.bin").write_bytes(b"012345678X")
    for item, result in ((good, "as it was kept."), (bad, "1 not as it should be.")):
        job = jobs.wait(jobs.verify([item.id]).id)
        text = page_text(visit(jobs, "health", job=job.id))
        assert f"**{name_entry(jobs.library, item.id)}: {result}" in text
        assert ("The file model.bin has changed since it was saved" in text) == (item is bad)
    assert "Nothing was verified yet." in page_text(visit(jobs, "health"))
    jobs.wait(jobs.verify(None).id)
    assert page_text(visit(jobs, "health", job=job.id)).count("The file model.bin has changed") == 2  # of all, of this
