"""What copies cost, on a page without a browser: the offer, the words, the table, and who is beaten by nobody."""

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.jobs.benchmark_result import BATCH_SIZES, pareto_sentence
from core.text.verdicts import CLOSENESS_LABELS, closeness_label
from tests.helpers import wait_until_done


def draw_costs(ids, names, entries, fidelity):
    from ui.compare.benchmark import show_benchmark
    from ui.compare.participants import Participants

    show_benchmark(Participants("", ids, names, entries, {}), fidelity)


@pytest.fixture
def open_benchmark_view(monkeypatch: pytest.MonkeyPatch, jobs):
    """A function that draws the costs of artifacts, each so far from the baseline, over the session's jobs."""
    st.cache_resource.clear()
    monkeypatch.setattr("ui.session.Jobs", lambda: jobs)

    def draw(**fidelity: float | None) -> AppTest:
        entries = {entry.id: entry for entry in jobs.library.find()}
        names = {id_: f"Copy {at}" for at, id_ in enumerate(fidelity, 1)}
        stored = {id_: entries[id_] for id_ in fidelity}
        given = {"ids": list(fidelity), "names": names, "entries": stored, "fidelity": fidelity}
        return AppTest.from_function(draw_costs, kwargs=given, default_timeout=60).run()

    yield draw
    st.cache_resource.clear()


def page_text(app: AppTest) -> str:
    """All text of a page, without its emphasis."""
    return "\n".join(markdown.value for markdown in (*app.markdown, *app.caption)).replace("*", "")


@pytest.fixture
def unmeasured_artifacts(jobs, saved) -> list[str]:
    """Two copies of one run that nobody has measured."""
    ids = [saved("digits-core", key)["artifact"] for key in ("saved_model", "checkpoint")]
    for job in jobs.job_store.list_jobs("cost"):
        assert not set(ids) & set(job.request["artifacts"])
    return ids


def test_benchmark_section_offers_measurement_with_estimated_time(open_benchmark_view, unmeasured_artifacts):
    app = open_benchmark_view(**dict.fromkeys(unmeasured_artifacts, 0.0))
    assert not app.exception
    assert [button.label for button in app.button] == ["Measure what they cost"]
    assert app.caption[0].value.startswith("Seconds to save, load and answer, and memory. Takes about ")


@pytest.mark.usefixtures("short_timing")
def test_benchmark_section_shows_last_result(open_benchmark_view, jobs, saved):
    ids = [saved("digits-mlp", key)["artifact"] for key in ("keras", "litert")]
    job = wait_until_done(jobs, jobs.benchmark(ids, repeats=1))
    app = open_benchmark_view(**{ids[0]: 0.0, ids[1]: None})
    assert "Not weighed, because not compared or another model by its answers: Copy 2" in page_text(app)
    app = open_benchmark_view(**dict.fromkeys(ids, 0.0))
    assert not app.exception
    assert [button.label for button in app.button] == ["Measure again"]
    assert "Nothing beats Copy 2: no other is smaller, faster or closer to the original" in page_text(app)
    assert "How it was measured" in page_text(app)
    costs = job.result["costs"]
    table = app.dataframe[0].value
    assert table["Copy"].tolist() == ["Copy 1", "Copy 2"]
    assert table["Size"].tolist() == pytest.approx([costs[id_]["bytes"] / 1e3 for id_ in ids])
    assert table["Load"].tolist() == pytest.approx([costs[id_]["load"]["median"] * 1e3 for id_ in ids])
    assert table["p99"].tolist() == pytest.approx([costs[id_]["steady"][0]["p99"] * 1e3 for id_ in ids])
    app.session_state["call"] = BATCH_SIZES[2]
    table = app.run().dataframe[0].value
    per_second = [costs[id_]["steady"][2]["per_second"] for id_ in ids]
    assert table["Rows a second"].tolist() == [round(value) for value in per_second]


@pytest.mark.parametrize(
    ("best", "of", "begins"),
    [
        ([], 0, "Measure and compare two or more"),
        (["A"], 1, "Measure and compare two or more"),
        (["A"], 3, "Nothing beats A"),
        (["A", "B"], 2, "None of these two beats another"),
        (["A", "B", "C"], 5, "Nothing beats these three: A, B and C. Each of the others is matched or beaten"),
        ([str(number) for number in range(12)], 13, "Nothing beats these 12: 0, 1,"),
    ],
)
def test_pareto_front_is_described_in_a_sentence(best, of, begins):
    assert pareto_sentence(best, of).startswith(begins)


@pytest.mark.parametrize(
    ("difference", "at"), [(0.0, 0), (1e-7, 1), (1e-3, 2), (0.5, 3), (float("inf"), 3), (None, 4), (float("nan"), 4)]
)
def test_closeness_label_matches_difference(difference, at):
    assert closeness_label(difference) == CLOSENESS_LABELS[at]
