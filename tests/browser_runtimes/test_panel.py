"""What the panel tells the browser of the server's answer."""

import numpy as np
import pytest

from core.errors import ChildDied
from core.jobs.live_session import LivePrediction
from tests.browser_runtimes.test_support import make_run
from ui.in_browser.panel import describe_answer

ALCOHOL, VARIETY = np.array([[13.5]], "float32"), np.array([[0.25, 0.5, 0.25]], "float32")
OWN = {"alcohol": "output_1", "variety": "output_0"}


@pytest.mark.parametrize(
    ("labels", "numbers", "output"),
    [(["0", "1", "2"], [0.25, 0.5, 0.25], "output_0"), ([], [13.5], "output_1")],
)
def test_describe_answer_names_the_output_that_is_shown(labels: list[str], numbers: list[float], output: str):
    prediction = LivePrediction({"alcohol": ALCOHOL, "variety": VARIETY}, 0.1)
    expected = {"server": numbers, "output": output}
    assert describe_answer(make_run(labels=labels), prediction, OWN) == expected
    assert describe_answer(make_run(labels=labels), prediction, {}) == expected | {"output": None}


def test_describe_answer_that_is_not_finite_is_none_not_zero():
    prediction = LivePrediction({"variety": np.array([[np.nan, np.inf, 0.5]], "float32")}, 0.1)
    assert describe_answer(make_run(labels=["0", "1", "2"]), prediction, {})["server"] == [None, None, 0.5]


@pytest.mark.parametrize("prediction", [None, LivePrediction({}, 0.0, ChildDied("It died."))])
def test_describe_answer_without_one_is_none(prediction: LivePrediction | None):
    assert describe_answer(make_run(), prediction, {}) == {"server": None, "output": None}
