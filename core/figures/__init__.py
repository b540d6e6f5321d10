"""Plotly figures of a comparison, made from its numbers alone: the pages and the report draw the same ones.

Whoever imports this room loads Plotly, which takes a third of a second: a command that draws nothing does without.
"""

from core.figures.accuracy import accuracies
from core.figures.agreement import agreement
from core.figures.dressing import COLOURS, CONFIG, dressed, escaped
from core.figures.matrix import matrix
from core.figures.places import by_position, heat
from core.figures.sets import Titled, all_against_all, of_one, right_answers, who_said_what
from core.figures.sizes import by_magnitude, histogram

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
