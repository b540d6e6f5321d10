"""The numbers of a comparison on its page: the job's own, with who passes."""

from collections.abc import Callable

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from core.compare import check_tolerance
from core.jobs import Jobs
from core.library.job_store import Job
from core.text.metrics import CLASSIFICATION_METRICS, CLOSENESS_METRICS, DISTANCE_METRICS, WORST_VALUE_METRICS
from tests.helpers import wait_until_done
from ui.compare.tabs import FORMER_TABS


@pytest.fixture
def comparison_job(jobs: Jobs, saved: Callable[[str, str], dict]) -> Job:
    """A copy that is the same and one that changes answers, as the page asks them."""
    return wait_until_done(
        jobs, jobs.compare([saved("digits-mlp", key)["artifact"] for key in ("keras", "keras_int4")])
    )


@pytest.fixture
def open_metrics_view(visit: Callable[..., AppTest], jobs: Jobs, comparison_job: Job) -> Callable[..., AppTest]:
    """A function that opens the numbers of that comparison, with more in the address."""
    return lambda **more: visit(
        jobs, "compare", artifact=comparison_job.request["artifacts"], view="How far apart", **more
    )


def find_table(app: AppTest, column: str) -> pd.DataFrame:
    """The first table of a page that has such a column."""
    return next(dataframe.value for dataframe in app.dataframe if column in dataframe.value)


def test_metrics_tab_shows_every_number_in_its_column(open_metrics_view: Callable[..., AppTest], comparison_job: Job):
    app = open_metrics_view()
    assert not app.exception
    outputs = [outcome["outputs"][0] for outcome in comparison_job.result["outcomes"].values()]
    for metric in (*DISTANCE_METRICS, *CLOSENESS_METRICS, *WORST_VALUE_METRICS, *CLASSIFICATION_METRICS):
        assert find_table(app, metric.label)[metric.label].tolist() == [
            metric.format_from(output) for output in outputs
        ]
    first = find_table(app, "Verdict")
    assert first["Verdict"].tolist()[0] == "Bit-identical"
    assert "Within tolerance" not in first
    worst = outputs[1]["worst"]["row"]
    assert [button.label for button in app.button if button.label.startswith("Go to")] == [f"Go to row {worst}"]


@pytest.mark.parametrize("text", ["1e-3", "output_0=0,0.5", "1,0"])
def test_metrics_tab_applies_tolerance_from_url(
    open_metrics_view: Callable[..., AppTest], jobs: Jobs, comparison_job: Job, text: str
):
    app = open_metrics_view(tolerance=text)
    (output,) = comparison_job.result["outcomes"][comparison_job.request["artifacts"][1]]["outputs"]
    limits = [float(word) for word in text.rpartition("=")[2].split(",")] + [0.0]
    answers = jobs.predictions(comparison_job.id)
    sides = [
        answers.output_sources(id_)[output["output"]]
        for id_ in (comparison_job.result["baseline"], *comparison_job.request["artifacts"])
    ]
    message = find_table(app, "Within tolerance")["Within tolerance"].tolist()
    for other, words in zip(sides[1:], message, strict=True):
        result = check_tolerance(sides[0], other, *limits[:2])
        assert words == (
            "Pass" if result.passed else f"Fail: {result.values_failing:,} values in {result.rows_failing:,} rows"
        )


def test_metrics_tab_applies_and_clears_typed_tolerance(open_metrics_view: Callable[..., AppTest]):
    app = open_metrics_view()
    app.text_input(key="atol-0").input("1e-9").run()
    assert app.query_params["tolerance"] == "output_0=1e-9"
    text = find_table(app, "Within tolerance")["Within tolerance"]
    assert [item.split(":")[0] for item in text] == ["Pass", "Fail"]
    app.text_input(key="atol-0").input("").run()
    assert [dataframe for dataframe in app.dataframe if "Within tolerance" in dataframe.value] == []


def test_rows_tab_puts_row_from_url_first(visit: Callable[..., AppTest], jobs: Jobs, comparison_job: Job):
    request = {"artifact": comparison_job.request["artifacts"], "view": "Row by row"}
    app = visit(jobs, "compare", **request, row="123")
    assert app.dataframe[0].value["Row"].tolist()[0] == 123
    assert len(set(app.dataframe[0].value["Row"])) == 270
    for none in ("270", "-1", "first"):
        assert visit(jobs, "compare", **request, row=none).dataframe[0].value["Row"].tolist()[0] != 270


def test_compare_tabs_show_figures_matrix_and_report_of_same_job(
    visit: Callable[..., AppTest], jobs: Jobs, comparison_job: Job
):
    same, changed = comparison_job.request["artifacts"]
    request = {"artifact": [same, changed]}
    app = visit(jobs, "compare", **request, view="Charts and pictures")
    assert not app.exception
    assert app.selectbox(key="in-address-copy").value == changed
    app = visit(jobs, "compare", **request, view="Charts and pictures", copy=same)
    assert "nothing to draw" in app.success[0].value
    app = visit(jobs, "compare", **request, view="Every pair")
    cells = find_table(app, "Other")
    assert len(cells) == 3
    assert cells["Verdict"].tolist()[0] == "Bit-identical"
    app = visit(jobs, "compare", **request, view="Reports", tolerance="1.2345678e-3")
    urls = [item.proto.url for item in app.get("link_button")]
    assert [url for url in urls if url.startswith("/report/")] == [
        f"/report/{comparison_job.id}.{kind}?tolerance=%3D0.0012345678%2C0" for kind in ("html", "json", "csv")
    ]


def test_compare_page_former_name_of_tab_opens_it(visit, jobs: Jobs, comparison_job: Job):
    app = visit(jobs, "compare", artifact=comparison_job.request["artifacts"], view="Report")
    assert not app.exception
    assert app.session_state["view"] == "Reports"
    assert set(FORMER_TABS.values()) <= {tab.label for tab in app.tabs}
