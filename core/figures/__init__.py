"""Plotly figures of a comparison, made from its numbers alone: the pages and the report draw the same ones.

Whoever imports this room loads Plotly, which takes a third of a second: a command that draws nothing does without.
"""

from core.figures.comparison import (
    Titled,
    accuracies,
    agreement,
    all_against_all,
    matrix,
    of_one,
    right_answers,
    who_said_what,
)
from core.figures.distributions import by_magnitude, by_position, heat, histogram
from core.figures.theme import COLOURS, CONFIG, dressed, escaped

__all__ = [
    "COLOURS",
    "CONFIG",
    "Titled",
    "accuracies",
    "agreement",
    "all_against_all",
    "by_magnitude",
    "by_position",
    "dressed",
    "escaped",
    "heat",
    "histogram",
    "matrix",
    "of_one",
    "right_answers",
    "who_said_what",
]
