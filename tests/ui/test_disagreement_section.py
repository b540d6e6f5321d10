"""What a search found, as a page says it: who says what on which input, and honest words where nothing was found."""

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.disagreement import output_scales
from core.jobs import Jobs
from core.library.records import Run
from tests.helpers import wait_until_done
from ui.compare.disagreement import LEAD_MEANING, MARGIN_MEANING, SPREAD_MEANING, amount_meaning, disagreement_sentence
from ui.compare.disagreement_inputs import DisagreementView


@pytest.fixture
def open_disagreement_view(monkeypatch: pytest.MonkeyPatch, jobs: Jobs):
    """A function that shows the search between two, with an address, on a page of its own."""

    def open_page(left: str, right: str, search: str = "", sources: dict[str, str] | None = None) -> AppTest:
        st.cache_resource.clear()
        monkeypatch.setattr("ui.session.Jobs", lambda: jobs)
        app = AppTest.from_string(
            "from ui.compare.disagreement import show_disagreement\n"
            "from ui.compare.participants import Participants\n"
            f"names = {{{left!r}: 'the live model', {right!r}: 'the other'}}\n"
            f"show_disagreement(Participants({left!r}, [{right!r}], names, {{}}, {sources or {}}))",
            default_timeout=60,
        )
        if search:
            app.query_params["search"] = search
        return app.run()

    yield open_page
    st.cache_resource.clear()


def page_text(app: AppTest) -> str:
    return "\n".join(part.value for part in [*app.markdown, *app.caption, *app.info])


def read_query_param(app: AppTest, name: str) -> str:
    result = app.query_params[name]
    return result if isinstance(result, str) else result[0]


def test_disagreement_tab_shows_predictions_and_offers_input_to_all(jobs, trained, open_disagreement_view):
    run = trained("names")
    other = wait_until_done(jobs, jobs.train("names", epochs=1, seed=9)).result["run"]
    job = wait_until_done(jobs, jobs.find_disagreement(run, other, seconds=120, evaluations=700))
    app = open_disagreement_view(run, other, job.id)
    assert not app.exception
    text, right = job.result["found"]["said"]
    assert f"## **The live model** says **{text}**" in page_text(app)
    assert f"**the other** says **{right}**" in page_text(app)
    assert ", on this text" in page_text(app)
    assert "Asked 140 rows of the data and " in page_text(app)
    app.button[-1].click().run()
    assert read_query_param(app, "inputs") == job.result["inputs"]


def test_disagreement_tab_without_result_shows_counts(jobs, trained, saved, open_disagreement_view):
    run, copy = trained("digits-mlp"), saved("digits-mlp", "keras")["artifact"]
    job = wait_until_done(jobs, jobs.find_disagreement(run, copy, seconds=120, evaluations=4000))
    app = open_disagreement_view(run, copy, job.id)
    assert not app.exception
    assert "**The live model** and **the other** gave the same answer every time" in page_text(app)
    made = job.result["asked"]["made"]
    assert (
        f"Asked 1,797 rows of the data and {made:,} made inputs: not one number of any answer differed."
        in page_text(app)
    )
    assert [button.label for button in app.button] == ["Find a disagreement"]


def test_disagreement_tab_click_starts_search_and_sets_url(jobs, trained, saved, open_disagreement_view):
    run, copy = trained("digits-mlp"), saved("digits-mlp", "keras")["artifact"]
    app = open_disagreement_view(run, copy)
    app.button[0].click().run()
    id_ = read_query_param(app, "search")
    jobs.cancel(id_)
    assert jobs.wait(id_).request | {"sources": {}} == {
        "a": run,
        "b": copy,
        "sources": {},
        "seconds": 20,
        "seed": 0,
        "evaluations": None,
    }


def test_disagreement_tab_search_uses_chosen_architecture_sources(jobs, trained, saved, open_disagreement_view):
    run, copy = trained("digits-mlp"), saved("digits-mlp", "keras")["artifact"]
    app = open_disagreement_view(run, copy, sources={copy: "demo", "a0123456789": "none"})
    app.button[0].click().run()
    id_ = read_query_param(app, "search")
    jobs.cancel(id_)
    assert jobs.wait(id_).request["sources"] == {copy: "demo"}
    assert "Cancelled" in page_text(open_disagreement_view(run, copy, id_, {copy: "demo"}))
    assert "Cancelled" not in page_text(open_disagreement_view(run, copy, id_, {copy: "none"}))


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
        ("id", ([70_000], [70_001]), [None, None], "**One** says **70000**, **two** says **70001**, on this row"),
        ("text", (["yes"], ["no"]), [None, None], "**One** says **“yes”**, **two** says **“no”**, on this row"),
    ],
)
def test_disagreement_sentence_describes_both_predictions(kind, answers, given, words):
    facts = {"changed": True, "kind": kind, "said": given, "output": "y"}
    arrays = {"input:x": np.zeros((1, 3)), "a:y": np.array([answers[0]]), "b:y": np.array([answers[1]])}
    assert words in disagreement_sentence(DisagreementView(RUN, facts, arrays, ["one", "two"]))


def test_amount_of_every_kind_of_output_is_said_in_its_own_words():
    outputs = {"class": np.eye(3), "value": np.ones((3, 1)), "id": np.array([7, 8, 9]), "text": np.array(["a"])}
    assert {name: scale.kind for name, scale in output_scales(outputs).items()} == {name: name for name in outputs}
    meanings = {name: amount_meaning({"kind": name, "changed": True}) for name in outputs}
    assert meanings == {
        "class": LEAD_MEANING, "value": SPREAD_MEANING, "id": SPREAD_MEANING, "text": "Texts that are others"
    }  # fmt: skip
    assert amount_meaning({"kind": "class", "changed": False}) == MARGIN_MEANING


def test_disagreement_sentence_names_a_tie_by_its_classes():
    facts = {"changed": False, "tie": True, "kind": "class", "said": ["1", "2"], "output": "y"}
    shares = np.array([[0.1, 0.45, 0.45]])
    view = DisagreementView(RUN, facts, {"input:x": np.zeros((1, 3)), "a:y": shares, "b:y": shares}, ["one", "two"])
    words = "A tie, decided by rounding: **One** and **two** give **1** and **2** the same on this row"
    assert disagreement_sentence(view).replace("**2** and **1**", "**1** and **2**") == words


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
