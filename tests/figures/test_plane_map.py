"""The map of a plane: a spot for each row, in the colour of its class, and crosses where the copy disagrees."""

import numpy as np

from core.figures.plane_map import plane_map
from core.figures.theme import COLOURS

PLACES = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], "float64")
BASELINE = np.array([0, 0, 2, 2])
COPY = np.array([0, 2, 2, 0])


def test_plane_map_has_each_spot_once_and_crosses_over_changed_ones():
    figure = plane_map(PLACES, BASELINE, COPY, ["cat", "dog", "fox"])
    assert [trace.name for trace in figure.data] == ["cat", "fox", "disagree"]
    cat, fox, disagree = figure.data
    assert (list(cat.customdata), list(fox.customdata), list(disagree.customdata)) == ([0, 1], [2, 3], [1, 3])
    assert (cat.marker.color, fox.marker.color) == (COLOURS[0], COLOURS[2])
    assert list(disagree.text) == ["cat became fox", "fox became cat"]


def test_plane_map_of_equal_copies_has_no_crosses():
    assert [trace.name for trace in plane_map(PLACES, BASELINE, BASELINE, ["cat", "dog", "fox"]).data] == ["cat", "fox"]


def test_plane_map_names_the_corners():
    figure = plane_map(PLACES, BASELINE, COPY, ["cat", "dog", "fox"], ["A: cat", "B: dog", "C: fox"])
    places = {annotation.text: (annotation.x, annotation.y) for annotation in figure.layout.annotations}
    assert places == {"<b>A: cat</b>": (0, 0), "<b>B: dog</b>": (1, 0), "<b>C: fox</b>": (0, 1)}
