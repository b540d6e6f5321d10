"""The map of a plane: a cell for each row, in the colour of its class, and crosses where the copy disagrees."""

import numpy as np

from core.figures.plane_map import UNSEEN, plane_map
from core.figures.theme import COLOURS

PLACES = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], "float64")
BASELINE = np.array([0, 0, 2, 2])
COPY = np.array([0, 2, 2, 0])
LABELS = ["cat", "dog", "fox"]


def colour_of(heatmap, z: float) -> str:
    share = z / heatmap.zmax
    return next(colour for low, colour in reversed(heatmap.colorscale) if low <= share)


def test_plane_map_has_each_spot_once_and_crosses_over_changed_ones():
    ground, cat, fox, spots, disagree = plane_map(PLACES, BASELINE, COPY, LABELS).data
    assert (list(ground.x), list(ground.y)) == ([0, 1], [0, 1])
    colours = [colour_of(ground, z) for z in ground.z.ravel()]
    assert colours == [COLOURS[0], COLOURS[0], COLOURS[2], COLOURS[2]]
    assert [(entry.name, entry.marker.color) for entry in (cat, fox)] == [("cat", COLOURS[0]), ("fox", COLOURS[2])]
    assert (list(spots.customdata), spots.marker.color, spots.showlegend) == ([0, 1, 2, 3], UNSEEN, False)
    assert list(spots.text) == ["cat", "cat became fox", "fox", "fox became cat"]
    assert (disagree.name, disagree.showlegend) == ("disagree", True)
    assert list(zip(disagree.customdata, disagree.text, strict=True)) == [(1, "cat became fox"), (3, "fox became cat")]


def test_plane_map_crosses_are_seen_on_white_and_on_near_black():
    disagree = plane_map(PLACES, BASELINE, COPY, LABELS).data[-1]
    assert (disagree.marker.color, disagree.marker.line.color) == ("#FFFFFF", "#111827")
    assert disagree.unselected.marker.opacity == 1  # also when another spot was clicked


def test_plane_map_of_equal_copies_has_no_crosses():
    assert [trace.name for trace in plane_map(PLACES, BASELINE, BASELINE, LABELS).data] == [None, "cat", "fox", None]


def test_plane_map_names_the_corners():
    figure = plane_map(PLACES, BASELINE, COPY, LABELS, ["A: cat", "B: dog", "C: fox"])
    places = {annotation.text: (annotation.x, annotation.y) for annotation in figure.layout.annotations}
    assert places == {"<b>A: cat</b>": (0, 0), "<b>B: dog</b>": (1, 0), "<b>C: fox</b>": (0, 1)}
