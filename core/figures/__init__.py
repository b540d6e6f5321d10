"""Plotly figures of a comparison, made from its numbers alone: the pages and the report draw the same ones.

Whoever imports this room loads Plotly, which takes a third of a second: a command that draws nothing does without.
"""

from core.figures.comparison import (
    TitledFigure,
    accuracy_figure,
    confusion_matrix,
    output_figures,
    pairwise_matrix,
    titled_accuracy,
    titled_confusion_matrix,
    titled_pairwise_matrix,
)
from core.figures.distributions import difference_histogram, magnitude_heatmap, position_bars, position_heatmap
from core.figures.theme import COLOURS, PLOTLY_CONFIG, apply_theme, escape_label

__all__ = [
    "COLOURS",
    "PLOTLY_CONFIG",
    "TitledFigure",
    "accuracy_figure",
    "apply_theme",
    "confusion_matrix",
    "difference_histogram",
    "escape_label",
    "magnitude_heatmap",
    "output_figures",
    "pairwise_matrix",
    "position_bars",
    "position_heatmap",
    "titled_accuracy",
    "titled_confusion_matrix",
    "titled_pairwise_matrix",
]
