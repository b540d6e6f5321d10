"""A copy's page shows what of Roundtrip saved it and loads it again, and what runs in the format's environment."""

import inspect

import pytest

from core.formats import ENVIRONMENT_FORMATS, get_format
from core.jobs import Jobs
from tests.factories.library_entries import make_artifact, make_imported_artifact, make_run
from tests.ui.test_pages import page_text


@pytest.fixture
def visit_copy(visit, monkeypatch: pytest.MonkeyPatch):
    """A function that opens the Library page with its first copy selected; gives its text, and the code on it."""
    monkeypatch.setattr("ui.library.table.show_artifact_table", lambda entries, key: entries[:1])

    def open_page(jobs: Jobs) -> tuple[str, list[str]]:
        app = visit(jobs, "library")
        assert not app.exception
        return page_text(app), [code.value for code in app.code]

    return open_page


@pytest.mark.parametrize("format_", ENVIRONMENT_FORMATS, ids=lambda format_: format_.key)
def test_page_of_a_copy_shows_what_runs_in_its_environment(visit_copy, own_jobs: Jobs, format_):
    make_artifact(own_jobs.library, make_run(own_jobs.library), format_.key)
    text, shown = visit_copy(own_jobs)
    assert f"**What runs in the environment {format_.environment.label}**" in text.replace("\\", "")
    sources = [inspect.getsource(format_.save), inspect.getsource(format_.load)]
    script = format_.environment.script_path.read_text(encoding="utf-8")
    assert [code.strip() for code in shown][-3:] == [code.strip() for code in (*sources, script)]


def test_page_of_a_copy_in_no_environment_shows_our_source_alone(visit_copy, own_jobs: Jobs):
    make_artifact(own_jobs.library, make_run(own_jobs.library), "keras")
    text, shown = visit_copy(own_jobs)
    assert "What runs in the environment" not in text
    assert "**The code that saved it**" in text
    assert shown[-1].strip() == inspect.getsource(get_format("keras").load).strip()


def test_page_of_an_imported_copy_shows_only_what_loads_it(visit_copy, own_jobs: Jobs):
    make_imported_artifact(own_jobs.library)
    text, _ = visit_copy(own_jobs)
    assert "**The code that loads it again**" in text
    assert "**The code that saved it**" not in text
