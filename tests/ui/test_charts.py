"""Charts that pages share: where their legends stand, and that each is drawn once."""

import plotly.graph_objects as go
import pytest

from ui.charts import LossCurve, probability_bars, resume_curves, size_chart, training_curves, wrap_note
from ui.size_breakdown import byte_strips

CURVE = LossCurve("a copy", [2.0, 3.0], [0.5, 0.4])
FIGURES_WITH_LEGENDS_BELOW = {
    "probabilities": lambda: probability_bars(["0", "1"], {"a copy": [0.25, 0.75]}),
    "resumed training": lambda: resume_curves(CURVE, CURVE, [CURVE]),
    "bytes": lambda: byte_strips({"a copy": {"weights": 40, "metadata": 2}}),
}


@pytest.mark.parametrize("name", list(FIGURES_WITH_LEGENDS_BELOW))
def test_legend_below_is_bound_to_the_figure_and_not_to_its_plot(name: str):
    legend: go.layout.Legend = FIGURES_WITH_LEGENDS_BELOW[name]().layout.legend
    assert (legend.yref, legend.y, legend.yanchor) == ("container", 0, "bottom")


def test_charts_of_equal_content_are_drawn_once():
    bars = probability_bars(["0", "1"], {"a copy": [0.25, 0.75]})
    assert probability_bars(["0", "1"], {"a copy": [0.25, 0.75]}) is bars
    assert list(probability_bars(["0", "1"], {"a copy": [0.5, 0.5]}).data[0].y) == [0.5, 0.5]
    sizes = size_chart(["a copy"], [4096], ["Bit-identical"], ["#0D9488"])
    assert size_chart(["a copy"], [4096], ["Bit-identical"], ["#0D9488"]) is sizes
    assert size_chart(["a copy"], [4096], ["Same answers"], ["#0D9488"]).data[0].y == ("<b>a copy</b><br>Same answers",)


@pytest.mark.parametrize(
    ("metric", "title"), [("mae", "average error"), ("price_mae", "price average error"), ("maest_hits", "maest hits")]
)
def test_training_curves_name_the_average_error_in_whole_words(metric: str, title: str):
    figure = training_curves([{"epoch": 1, metric: 0.5}], metric)
    assert figure.layout.yaxis.title.text == title


@pytest.mark.parametrize(("live", "shown"), [([2.0, 2.1], [1.48, 3.02]), ([2.0, 4.0], [0.96, 4.04])])
def test_axis_of_resumed_epochs_is_whole_from_the_first_batch_on(live: list[float], shown: list[float]):
    past = LossCurve("the run", [1.0, 2.0], [0.9, 0.5])
    axis = resume_curves(past, LossCurve("live", live, [0.5, 0.4]), []).layout.xaxis
    assert list(axis.range) == pytest.approx(shown)
    assert axis.dtick == 1


@pytest.mark.parametrize(("losses", "ticks"), [([0.5, 0.4], None), ([2.0, 0.01], ("0.01", "0.1", "1"))])
def test_losses_far_apart_have_a_logarithmic_axis_with_few_numbers(losses: list[float], ticks: tuple[str] | None):
    axis = resume_curves(CURVE, CURVE, [LossCurve("b", [2.0, 3.0], losses)]).layout.yaxis
    assert (axis.type == "log", axis.ticktext) == (ticks is not None, ticks)


@pytest.mark.parametrize(
    ("note", "lines"),
    [
        ("Bit-identical", ["Bit-identical"]),
        ("Some answers changed · cannot be trained", ["Some answers changed", "cannot be trained"]),
        ("Same answers · untrusted", ["Same answers · untrusted"]),
        (
            "Different answers · weights lost · training state lost",
            ["Different answers", "weights lost", "training state lost"],
        ),
        ("as many words as fill two lines of it", ["as many words as fill two", "lines of it"]),
    ],
)
def test_note_below_a_name_is_broken_between_its_parts(note: str, lines: list[str]):
    assert wrap_note(note) == lines


def test_resume_curves_of_far_apart_losses_have_ticks_that_do_not_overlap():
    live, copy = LossCurve("live", [1.0, 2.0], [0.1, 0.02]), LossCurve("copy", [1.0, 2.0], [3.0, 1.0])
    axis = resume_curves(LossCurve("past", [0.0, 1.0], [2.0, 0.1]), live, [copy]).layout.yaxis
    assert (axis.type, list(axis.ticktext)) == ("log", ["0.1", "1"])
