"""The adviser on pages: its questions, its advice, and where it stands."""

from collections.abc import Callable

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.jobs import Jobs
from tests.ui.test_pages import page_text


def show(run: str) -> None:
    """A page with nothing but the adviser of a run."""
    from ui.adviser import show_adviser

    show_adviser(run)


@pytest.fixture
def adviser(monkeypatch: pytest.MonkeyPatch, jobs: Jobs, trained: Callable[[str], str], saved: Callable) -> AppTest:
    """The adviser of a run with three copies at least."""
    for key in ("keras", "saved_model", "architecture"):
        assert saved("digits-mlp", key)["state"] == "done"
    st.cache_resource.clear()
    monkeypatch.setattr("ui.session.Jobs", lambda: jobs)
    return AppTest.from_function(show, kwargs={"run": trained("digits-mlp")}, default_timeout=60)


def test_adviser_of_a_run_to_be_trained_recommends_and_explains(adviser: AppTest, trained: Callable[[str], str]):
    adviser.session_state[f"advise-train-{trained('digits-mlp')}"] = "Yes"
    adviser.run()
    assert not adviser.exception
    assert adviser.header[0].value == r"Take Keras file \(\.keras\)\."
    text = page_text(adviser)
    assert "It loses nothing of what was looked at." in text
    assert "Runner-up" not in text or "Look inside" in [button.label for button in adviser.button]
    assert any("Why not" in box.label for box in adviser.expander)
    assert "model.save(path)" in adviser.code[0].value


def test_adviser_without_a_fitting_copy_names_the_nearest(adviser: AppTest, trained: Callable[[str], str]):
    run = trained("digits-mlp")
    adviser.session_state[f"advise-train-{run}"] = "Yes"
    adviser.session_state[f"advise-where-{run}"] = "microcontroller"
    adviser.run()
    assert not adviser.exception
    assert adviser.header[0].value.startswith("No copy of this run does all of that")
    assert "What comes nearest is" in page_text(adviser)


def test_adviser_where_a_few_may_change_asks_how_many(adviser: AppTest, trained: Callable[[str], str]):
    adviser.session_state[f"advise-changed-{trained('digits-mlp')}"] = "A few may change"
    adviser.run()
    assert not adviser.exception
    assert [(box.label, box.value) for box in adviser.number_input] == [("At most so many of the rows", 5)]


def test_adviser_stands_after_a_save_closed(visit, jobs: Jobs, trained: Callable[[str], str]):
    end = jobs.wait(jobs.save(trained("digits-mlp"), ["architecture"]).id)
    app = visit(jobs, "save", job=end.id)
    assert not app.exception
    assert "Which one should I take?" in [box.label for box in app.expander]
    assert [text.value for text in app.header if text.value.startswith("Take ")] == []
