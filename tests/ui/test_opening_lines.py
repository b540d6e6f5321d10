"""The lines that open a copy on its page: where there is a proof kit, and after what came back."""

import re
from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from core.exports.opening_lines import SHELL_LINES, render_python_lines
from core.jobs import Jobs
from tests.exports.test_kit_conditions import OUTCOMES, make_copy

HEADING = "**Open it yourself**"


@pytest.fixture
def visit_copy(visit, empty_jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    """A function that makes a copy and opens Library with it selected: no test without a browser can click a table."""
    monkeypatch.setattr("ui.library.table.show_artifact_table", lambda entries, key: entries[:1])

    def make_and_visit(format_key: str, demo: str | None, **outcome) -> AppTest:
        make_copy(empty_jobs.library, format_key, demo, **outcome)
        app = visit(empty_jobs, "library")
        assert not app.exception
        return app

    return make_and_visit


def test_copy_page_says_how_to_open_it_right_after_what_came_back(visit_copy):
    app = visit_copy("pickle", "digits-mlp")
    texts = [item.value for item in app.markdown]
    order = ["**In a fresh process, without the original code**", HEADING, "**Where it comes from**", "**Files**"]
    assert [text for text in texts if text in order] == order
    lines = [SHELL_LINES.strip(), render_python_lines(is_one_call=False).strip()]
    assert [item.value for item in app.code if item.value in lines] == lines
    assert any(item.value.startswith("**Loading this format runs whatever code is in the file") for item in app.warning)


@pytest.mark.parametrize(("outcome", "headings", "names"), [("completed", 1, ["Doubled"]), ("not comparable", 0, [])])
def test_copy_page_shows_lines_where_there_is_a_kit(visit_copy, outcome: str, headings: int, names: list[str]):
    app = visit_copy("weights", None, **OUTCOMES[outcome])
    assert [item.value for item in app.markdown].count(HEADING) == headings
    warnings = [item.value for item in app.warning if "put your own classes" in item.value]
    assert [re.findall(r"classes \((\w+)\)", warning) for warning in warnings] == [[name] for name in names]
