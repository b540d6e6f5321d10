"""What a search found, as a page says it: who says what on which input, and honest words where nothing was found."""

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.jobs import Jobs
from core.library.records import Run
from tests.conftest import finished
from ui.compare.disagreement import disagreement_sentence
from ui.compare.disagreement_inputs import DisagreementView


@pytest.fixture
def show(monkeypatch: pytest.MonkeyPatch, jobs: Jobs):
    """A function that shows the search between two, with an address, on a page of its own."""

    def open_page(one: str, two: str, search: str = "", sources: dict[str, str] | None = None) -> AppTest:
        st.cache_resource.clear()
        monkeypatch.setattr("ui.session.Jobs", lambda: jobs)
        app = AppTest.from_string(
            "from ui.compare.disagreement import show_disagreement\n"
            f"names = {{{one!r}: 'the live model', {two!r}: 'the other'}}\n"
            f"show_disagreement({one!r}, [{two!r}], names, {{}}, {sources})",
            default_timeout=60,
        )
        if search:
            app.query_params["search"] = search
        return app.run()

    yield open_page
    st.cache_resource.clear()


def said(app: AppTest) -> str:
    return "\n".join(part.value for part in [*app.markdown, *app.caption, *app.info])


def in_address(app: AppTest, name: str) -> str:
    found = app.query_params[name]
    return found if isinstance(found, str) else found[0]


def test_two_that_disagree_are_shown_with_what_each_says_and_the_input_is_offered_to_all(jobs, trained, show):
    run = trained("names")
    other = finished(jobs, jobs.train("names", epochs=1, seed=9)).result["run"]
    job = finished(jobs, jobs.find_disagreement(run, other, seconds=120, evaluations=700))
    app = show(run, other, job.id)
    assert not app.exception
    one, two = job.result["found"]["said"]
    assert f"#### **The live model** says **{one}**" in said(app)
    assert f"**the other** says **{two}**" in said(app)
    assert ", on this text" in said(app)
    assert "Asked 140 rows of the data and " in said(app)
    app.button[-1].click().run()
    assert in_address(app, "inputs") == job.result["inputs"]


def test_where_nothing_was_found_the_numbers_say_so(jobs, trained, saved, show):
    run, copy = trained("digits-mlp"), saved("digits-mlp", "keras")["artifact"]
    job = finished(jobs, jobs.find_disagreement(run, copy, seconds=120, evaluations=4000))
    app = show(run, copy, job.id)
    assert not app.exception
    assert "**The live model** and **the other** gave the same answer every time" in said(app)
    made = job.result["asked"]["made"]
    assert f"Asked 1,797 rows of the data and {made:,} made inputs: not one number of any answer differed." in said(app)
    assert [one.label for one in app.button] == ["Find a disagreement"]


def test_a_click_begins_a_search_that_stands_in_the_address(jobs, trained, saved, show):
    run, copy = trained("digits-mlp"), saved("digits-mlp", "keras")["artifact"]
    app = show(run, copy)
    app.button[0].click().run()
    id_ = in_address(app, "search")
    jobs.cancel(id_)
    assert jobs.wait(id_).request | {"sources": {}} == {
        "a": run,
        "b": copy,
        "sources": {},
        "seconds": 20,
        "seed": 0,
        "evaluations": None,
    }


def test_the_code_that_is_chosen_on_the_page_is_the_code_of_the_search(jobs, trained, saved, show):
    run, copy = trained("digits-mlp"), saved("digits-mlp", "keras")["artifact"]
    app = show(run, copy, sources={copy: "demo", "a0123456789": "none"})
    app.button[0].click().run()
    id_ = in_address(app, "search")
    jobs.cancel(id_)
    assert jobs.wait(id_).request["sources"] == {copy: "demo"}
    assert "Cancelled" in said(show(run, copy, id_, {copy: "demo"}))
    assert "Cancelled" not in said(show(run, copy, id_, {copy: "none"}))


@pytest.mark.parametrize(
    ("kind", "answers", "given", "words"),
    [
        (
            "class",
            ([0.7, 0.3], [0.2, 0.8]),
            ["cat", "dog"],
            "**One** says **cat** \\(70\u00a0%\\), **two** says ",
        ),
        (
            "class",
            ([np.nan, 0.3], [0.2, 0.8]),
            [None, "dog"],
            "**One** says **nothing that is a number**, **two**",
        ),
        ("value", ([3.25], [1.5]), [None, None], "**One** says **3\\.25**, **two** says **1\\.5**, on this row"),
        ("value", ([1.0, 2.0], [1.0, 2.5]), [None, None], "**One** and **two** are up to **0\\.5** apart on this row"),
        ("text", (["yes"], ["no"]), [None, None], "**One** says **“yes”**, **two** says **“no”**, on this row"),
    ],
)
def test_the_sentence_is_what_a_person_would_say(kind, answers, given, words):
    facts = {"changed": True, "kind": kind, "said": given, "output": "y"}
    arrays = {"input:x": np.zeros((1, 3)), "a:y": np.array([answers[0]]), "b:y": np.array([answers[1]])}
    assert words in disagreement_sentence(DisagreementView(RUN, facts, arrays, ["one", "two"]))


RUN = Run(
    id="r0000000000",
    name="",
    demo=None,
    settings=None,
    kind="keras",
    parameters=0,
    summary="",
    inputs=[],
    weights=[],
    optimizer=[],
)
