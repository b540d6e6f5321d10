"""What a figure draws is what was counted."""

import json
import math

import numpy as np
import plotly.graph_objects as go
import pytest

from core.compare import compare, compare_all
from core.figures.comparison import accuracy_figure, confusion_matrix, output_figures, pairwise_matrix
from core.figures.differences import difference_histogram, magnitude_heatmap, position_bars, position_heatmap
from core.figures.tensors import value_line_chart
from ui.charts import probability_bars, training_curves
from ui.compare.layers import layer_difference_chart

RANDOM = np.random.default_rng(3)
LEFT = (RANDOM.normal(size=(300, 6)) * 10.0 ** RANDOM.integers(-6, 3, (300, 6))).astype("float32")
MARKUP = "<img src=x onerror=alert(1)>"


def make_metrics(left: np.ndarray, right: np.ndarray, **more) -> dict:
    """The numbers on one output, as a job keeps them."""
    result = compare({"y": left}, {"y": right}, **more).to_json()["outputs"][0]
    return json.loads(json.dumps(result, allow_nan=False))


def make_inexact_prediction(scale: float) -> np.ndarray:
    """An answer that is right in some places, off by parts of its size in others, and nothing at all in a few."""
    right = (LEFT * (1 + scale * RANDOM.normal(size=LEFT.shape))).astype("float32")
    right[:50] = LEFT[:50]
    right[60, 0], right[61, 1] = np.nan, np.inf
    return right


@pytest.mark.parametrize(("epochs", "step"), [(1, 1), (4, 1), (12, 1), (13, None), (200, None)])
def test_curves_of_few_epochs_number_each_of_them_and_nothing_between(epochs: int, step: int | None):
    history = [{"epoch": epoch, "loss": 1 / epoch, "val_loss": 2 / epoch} for epoch in range(1, epochs + 1)]
    figure = training_curves(history, "loss")
    assert figure.layout.xaxis.dtick == step
    assert list(figure.data[1].x) == list(range(1, epochs + 1))


@pytest.mark.parametrize("scale", [1e-7, 1e-3, 10.0])
def test_the_bars_of_the_histogram_are_the_counts(scale: float):
    right = make_inexact_prediction(scale)
    bars = difference_histogram(make_metrics(LEFT, right)).data
    apart = {bar.hovertext.split(":")[0]: bar.y[0] for bar in bars if isinstance(bar.hovertext, str)}
    away = np.abs(LEFT.astype("float64") - right)
    assert apart == {"exactly 0": int((away == 0).sum()), "NaN or ∞": 2}
    assert sum(bars[0].y) == int((np.isfinite(away) & (away > 0)).sum())
    low, high = math.floor(math.log10(away[away > 0].min()) * 2), math.log10(away[np.isfinite(away)].max()) * 2
    assert len(bars[0].y) == math.floor(high) - low + 1


def test_histogram_of_equal_outputs_is_one_labelled_bar():
    bars = difference_histogram(make_metrics(LEFT, LEFT)).data
    assert [(bar.y[0], bar.hovertext) for bar in bars] == [(1800, "exactly 0: 1,800 values")]


@pytest.mark.parametrize("scale", [1e-7, 10.0])
def test_magnitude_heatmap_counts_every_finite_pair_once(scale: float):
    left = LEFT.copy()
    left[:40] = 0
    right = make_inexact_prediction(scale)
    right[:20] = 0
    (drawn,) = magnitude_heatmap(make_metrics(left, right)).data
    counts = [round(10**cell) for row in drawn.z for cell in row if cell is not None]
    finite = np.isfinite(right)
    assert sum(counts) == int(finite.sum())
    text = dict(zip(drawn.hovertext[0], drawn.z[0], strict=True))
    both = int(((left == 0) & (right == 0)).sum())
    assert round(10 ** text[f"{both} values of 0,<br>off by 0"]) == both == 120


def test_position_heatmap_shows_means_and_greys_equal_cells():
    metrics = make_metrics(LEFT, make_inexact_prediction(1e-3))
    same, differing = position_heatmap(metrics).data
    means = np.array(metrics["heat"]["mean_abs"], float)
    drawn = np.array(differing.z, float)
    np.testing.assert_allclose(10 ** drawn[means > 0], means[means > 0], rtol=2e-3)
    assert np.isnan(drawn[means == 0]).all()
    assert [item for row in same.z for item in row].count(0) == (means == 0).sum() > 0
    assert differing.y[0] == "rows 0 to 3"
    assert differing.y[-1] == "rows 296 to 299"


def test_position_bars_use_labels_if_counts_match():
    metrics = make_metrics(LEFT, make_inexact_prediction(1e-3))
    assert position_bars(metrics, list("abcdef")).layout.xaxis.ticktext == tuple("abcdef")
    assert position_bars(metrics, list("ab")).layout.xaxis.ticktext == tuple("012345")
    assert list(position_bars(metrics).data[0].y) == metrics["by_column"]
    assert position_heatmap(metrics, list("abcdef")).data[0].x == tuple("abcdef")


def test_confusion_matrix_separates_diagonal_from_disagreements():
    table = [[5, 1, 0], [0, 7, 0], [2, 0, 9]]
    same, other = confusion_matrix(table, ["cat", "dog", "cow"], "ONNX").data
    assert [list(row) for row in same.z] == [[5, None, None], [None, 7, None], [None, None, 9]]
    assert [list(row) for row in other.z] == [[None, 1, None], [None, None, None], [2, None, None]]
    assert other.x == ("cat", "dog", "cow")


def test_pairwise_matrix_separates_special_cells_and_shows_verdicts():
    near = LEFT + np.float32(0.5)
    lost = LEFT.copy()
    lost[0, 0] = np.nan
    answers = {"r": {"y": LEFT}, "a": {"y": LEFT}, "b": {"y": near}, "c": {"y": lost}, "d": {"y": LEFT[:, :2]}}
    result = {"ids": list(answers), "rows": 300, "cells": compare_all(answers)}
    same, gone, unfit, far = pairwise_matrix(result, dict.fromkeys(answers, "copy") | {"r": MARKUP}).data
    assert drawn_cells(same) == {(0, 1), (1, 0)}
    assert drawn_cells(gone) == {(0, 3), (3, 0), (1, 3), (3, 1)}
    assert drawn_cells(unfit) == {(at, 4) for at in range(4)} | {(4, at) for at in range(4)}
    assert drawn_cells(far) == {(0, 2), (2, 0), (1, 2), (2, 1), (2, 3), (3, 2)}
    assert 10 ** far.z[0][2] == pytest.approx(float(np.abs(LEFT.astype("float64") - near).max()))
    assert "Bit-identical" in same.hovertext[0][1]
    assert "answers changed: 1 of 300 rows" in gone.hovertext[0][3]
    assert "No output fits" in unfit.hovertext[0][4]
    assert "<img" not in str(far.hovertext)
    assert "&lt;img" in far.hovertext[0][2]


def drawn_cells(drawn: go.Heatmap) -> set[tuple[int, int]]:
    return {(y, x) for y, row in enumerate(drawn.z) for x, item in enumerate(row) if item is not None}


def test_accuracies_are_dots_with_their_intervals():
    scores = RANDOM.normal(size=(200, 4)).astype("float32")
    classes = make_metrics(scores, -scores, classes=True, targets={"y": scores.argmax(1)})["classes"]
    (dots,) = accuracy_figure({"Live model": classes["reference_accuracy"], MARKUP: classes["answer_accuracy"]}).data
    assert list(dots.x) == [100.0, 0.0]
    assert list(dots.error_x.array) == pytest.approx([0, 100 * classes["answer_accuracy"]["high"]])
    assert list(dots.error_x.arrayminus) == pytest.approx([100 - 100 * classes["reference_accuracy"]["low"], 0])
    assert "<img" not in dots.hovertext[1]


def test_figures_of_text_output_are_replaced_by_sentence():
    metrics = make_metrics(np.array(["a", "b"]), np.array(["a", "c"]))
    for drawn in output_figures(metrics, [], "copy"):
        assert not drawn.figure.data
        assert "nothing to draw" in drawn.figure.layout.annotations[0].text


def test_position_heatmap_groups_wide_outputs():
    wide = RANDOM.normal(size=(40, 30, 30)).astype("float32")
    metrics = make_metrics(wide, wide + np.float32(1))
    drawn = position_heatmap(metrics).data[1]
    assert (len(drawn.z), len(drawn.z[0])) == (40, 64)
    assert drawn.x[0] == "positions 0 to 13"
    assert "By position" not in [figure.title for figure in output_figures(metrics, [], "copy")]


def test_figures_escape_markup_in_untrusted_names():
    name, safe = "<b>x</b> & y", "&lt;b&gt;x&lt;/b&gt; &amp; y"
    bars = probability_bars([name], {name: [1.0]}).data[0]
    assert (bars.x, bars.name) == ((safe,), safe)
    lines = value_line_chart({name: [1.0, 2.0]}, name)
    assert (lines.data[0].name, lines.layout.yaxis.title.text) == (safe, safe)
    layers = layer_difference_chart([{"layer": name, "relative": 0.1, "words": "It <i>differs</i>."}], 0.0, ["differs"])
    assert layers.layout.yaxis.ticktext == (safe,)
    assert layers.data[1].hovertext == (f"{safe}: differs, It &lt;i&gt;differs&lt;/i&gt;.",)
