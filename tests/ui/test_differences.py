"""The numbers of a comparison on its page: the job's own, with who passes."""

from collections.abc import Callable

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from core.compare import check_tolerance
from core.jobs import Jobs
from core.library.job_store import Job
from core.text.metrics import CLASSIFICATION_METRICS, CLOSENESS_METRICS, DISTANCE_METRICS, WORST_VALUE_METRICS
from tests.conftest import finished


@pytest.fixture
def compared(jobs: Jobs, saved: Callable[[str, str], dict]) -> Job:
    """A copy that is the same and one that changes answers, as the page asks them."""
    return finished(jobs, jobs.compare([saved("digits-mlp", key)["artifact"] for key in ("keras", "keras_int4")]))


@pytest.fixture
def numbers(visit: Callable[..., AppTest], jobs: Jobs, compared: Job) -> Callable[..., AppTest]:
    """A function that opens the numbers of that comparison, with more in the address."""
    return lambda **more: visit(jobs, "compare", artifact=compared.request["artifacts"], view="Numbers", **more)


def table(app: AppTest, column: str) -> pd.DataFrame:
    """The first table of a page that has such a column."""
    return next(one.value for one in app.dataframe if column in one.value)


def test_every_number_of_the_job_stands_in_its_column(numbers: Callable[..., AppTest], compared: Job):
    app = numbers()
    assert not app.exception
    outputs = [outcome["outputs"][0] for outcome in compared.result["outcomes"].values()]
    for one in (*DISTANCE_METRICS, *CLOSENESS_METRICS, *WORST_VALUE_METRICS, *CLASSIFICATION_METRICS):
        assert table(app, one.label)[one.label].tolist() == [one.format_from(output) for output in outputs]
    first = table(app, "Verdict")
    assert first["Verdict"].tolist()[0] == "Bit-identical"
    assert "Within tolerance" not in first
    worst = outputs[1]["worst"]["row"]
    assert [one.label for one in app.button if one.label.startswith("Go to")] == [f"Go to row {worst}"]


@pytest.mark.parametrize("text", ["1e-3", "output_0=0,0.5", "1,0"])
def test_a_tolerance_of_the_address_is_held_to(numbers: Callable[..., AppTest], jobs: Jobs, compared: Job, text: str):
    app = numbers(tolerance=text)
    (output,) = compared.result["outcomes"][compared.request["artifacts"][1]]["outputs"]
    limits = [float(one) for one in text.rpartition("=")[2].split(",")] + [0.0]
    answers = jobs.predictions(compared.id)
    sides = [
        answers.output_sources(id_)[output["output"]]
        for id_ in (compared.result["baseline"], *compared.request["artifacts"])
    ]
    said = table(app, "Within tolerance")["Within tolerance"].tolist()
    for other, words in zip(sides[1:], said, strict=True):
        found = check_tolerance(sides[0], other, *limits[:2])
        assert words == (
            "Pass" if found.passed else f"Fail: {found.values_failing:,} values in {found.rows_failing:,} rows"
        )


def test_a_tolerance_typed_is_held_to_at_once_and_goes_when_it_is_cleared(numbers: Callable[..., AppTest]):
    app = numbers()
    app.text_input(key="atol-0").input("1e-9").run()
    assert app.query_params["tolerance"] == "output_0=1e-9"
    said = table(app, "Within tolerance")["Within tolerance"]
    assert [one.split(":")[0] for one in said] == ["Pass", "Fail"]
    app.text_input(key="atol-0").input("").run()
    assert [one for one in app.dataframe if "Within tolerance" in one.value] == []


def test_the_row_of_the_address_stands_first(visit: Callable[..., AppTest], jobs: Jobs, compared: Job):
    asked = {"artifact": compared.request["artifacts"], "view": "Rows"}
    app = visit(jobs, "compare", **asked, row="123")
    assert app.dataframe[0].value["Row"].tolist()[0] == 123
    assert len(set(app.dataframe[0].value["Row"])) == 270
    for none in ("270", "-1", "first"):
        assert visit(jobs, "compare", **asked, row=none).dataframe[0].value["Row"].tolist()[0] != 270


def test_pictures_matrix_and_reports_are_drawn_of_the_same_job(
    visit: Callable[..., AppTest], jobs: Jobs, compared: Job
):
    same, changed = compared.request["artifacts"]
    asked = {"artifact": [same, changed]}
    app = visit(jobs, "compare", **asked, view="Pictures")
    assert not app.exception
    assert app.selectbox(key="in-address-copy").value == changed
    app = visit(jobs, "compare", **asked, view="Pictures", copy=same)
    assert "nothing to draw" in app.success[0].value
    app = visit(jobs, "compare", **asked, view="All against all")
    cells = table(app, "Other")
    assert len(cells) == 3
    assert cells["Verdict"].tolist()[0] == "Bit-identical"
    app = visit(jobs, "compare", **asked, view="Report", tolerance="1.2345678e-3")
    urls = [one.proto.url for one in app.get("link_button")]
    assert [one for one in urls if one.startswith("/report/")] == [
        f"/report/{compared.id}.{kind}?tolerance=%3D0.0012345678%2C0" for kind in ("html", "json", "csv")
    ]
