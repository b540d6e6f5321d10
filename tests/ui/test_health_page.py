"""The Health page: the verdict first, then what puts it right, each with the next click."""

import pytest
from streamlit.testing.v1 import AppTest

from core.jobs import Jobs
from core.worker import EscapeAttempt, SandboxTest
from tests.library.conftest import keep_artifact, keep_run, spoil


@pytest.fixture
def kept(empty_jobs: Jobs):
    """Jobs over a library with a run and two artifacts, and these artifacts."""
    run = keep_run(empty_jobs.library)
    return empty_jobs, [keep_artifact(empty_jobs.library, run) for _ in range(2)]


def said(app: AppTest) -> str:
    parts = [*app.markdown, *app.caption, *app.error, *app.info, *app.warning, *app.success]
    return "\n".join(part.value for part in parts).replace("\\", "")


def press(app: AppTest, label: str) -> AppTest:
    return next(one for one in app.button if one.label == label).click().run()


def ended(app: AppTest, jobs: Jobs) -> AppTest:
    """The page after the job that its address names has ended."""
    jobs.wait(app.query_params["job"])
    return app.run()


def test_a_library_that_nobody_verified_says_so_and_then_that_all_is_as_it_was_kept(visit, kept):
    jobs, _ = kept
    app = visit(jobs, "health")
    assert "Nothing was verified yet.** 2 artifacts and 1 run can be held" in said(app)
    app = ended(press(app, "Verify all"), jobs)
    assert not app.exception
    assert "All 2 artifacts and 1 run are as they were kept." in app.success[0].value
    assert "every byte against its SHA-256" in said(app)
    keep_artifact(jobs.library, jobs.library.runs()[0])
    assert "1 entry has come since" in said(app.run())


def test_damage_is_the_verdict_and_leads_to_the_artifact(visit, kept):
    jobs, (bad, _) = kept
    (jobs.library.home / "artifacts" / bad.id / "files" / "model.bin").write_bytes(b"012345678X")
    jobs.wait(jobs.verify().id)
    app = visit(jobs, "health")
    assert "1 entry is not as it should be**, of 2 artifacts and 1 run" in app.error[0].value
    assert f"**{bad.id}** The file model.bin has changed since it was saved" in said(app)
    assert f"find-{bad.id}" in [one.key for one in app.button]


def test_repairs_are_shown_before_they_are_done(visit, kept):
    jobs, (bad, _) = kept
    spoil(jobs.library.home / "artifacts" / bad.id / "artifact.json", "{")
    app = ended(press(visit(jobs, "health"), "Look for repairs"), jobs)
    assert app.subheader[0].value == "What would be done"
    assert f"{bad.id} cannot be read" in said(app)
    assert [one.disabled for one in app.button if one.label == "Repair"] == [True]
    app.checkbox[0].check().run()
    app = ended(press(app, "Repair"), jobs)
    assert "It was moved into the folder quarantine" in said(app)
    assert bad.id not in jobs.library.ids()
    app = ended(press(app, "Look for repairs"), jobs)
    assert "there is nothing to repair" in said(app)


def test_a_rebuild_says_that_the_catalog_was_right(visit, kept):
    jobs, _ = kept
    app = ended(press(visit(jobs, "health"), "Rebuild the catalog"), jobs)
    assert "The catalog was made anew: 2 artifacts, the same as before." in app.success[0].value


def test_the_sandbox_says_what_was_tried(visit, kept, monkeypatch):
    jobs, _ = kept
    probes = [EscapeAttempt(name="execute", blocked=True, sentence="It could not start a program (no permission).")]
    probes.append(EscapeAttempt(name="connect-tcp", blocked=False, sentence="It could connect over TCP."))
    tested = SandboxTest(probes=probes, created="2026-01-01T00:00:00+00:00", seconds=0.2)
    monkeypatch.setattr(jobs.worker, "_sandbox_test", tested)
    app = visit(jobs, "health")
    assert "Not everything is blocked here. It could connect over TCP." in said(app)
    assert "It could not start a program (no permission)." in said(app)


def test_names_of_strangers_are_text_on_the_page(visit, kept):
    jobs, _ = kept
    (jobs.library.home / "artifacts" / "<b>x [y](http:z)").write_text("mine")
    jobs.wait(jobs.verify().id)
    shown = "\n".join(one.value for one in visit(jobs, "health").markdown)
    assert "\\<b\\>x" in shown
    assert "[y](" not in shown


def test_where_the_library_lies_is_not_on_the_page(visit, kept):
    jobs, _ = kept
    assert str(jobs.library.home) not in said(visit(jobs, "health"))


def test_one_artifact_is_verified_alone_and_called_by_its_format(visit, kept):
    jobs, (bad, good) = kept
    (jobs.library.home / "artifacts" / bad.id / "files" / "model.bin").write_bytes(b"012345678X")
    for one, found in ((good, "as it was kept."), (bad, "1 not as it should be.")):
        job = jobs.wait(jobs.verify([one.id]).id)
        text = said(visit(jobs, "health", job=job.id))
        assert f"({one.id}): {found}" in text
        assert ("The file model.bin has changed since it was saved" in text) == (one is bad)
    assert "Nothing was verified yet." in said(visit(jobs, "health"))
