"""The layer scrubber: a frame for each layer, one scale for both models, and an end at the first that differs."""

import numpy as np

from core.figures.layer_scrubber import LayerPicture, layer_scrubber

ONES = np.ones((2, 2))
PICTURES = [
    LayerPicture("dense", False, ONES, ONES),
    LayerPicture("relu", True, ONES, 3 * ONES),
    LayerPicture("dense", True, ONES, np.array([[np.nan, 1], [1, 1]])),
]


def test_layer_scrubber_has_frame_of_two_tables_and_difference_per_layer():
    figure = layer_scrubber(PICTURES, ("Keras", "LiteRT"))
    assert [frame.name for frame in figure.frames] == ["0", "1", "2"]
    first, second, difference = figure.frames[1].data
    assert (first.zmin, first.zmax, second.zmin, second.zmax) == (1, 3, 1, 3)
    assert np.array_equal(difference.z, 2 * ONES)
    assert [annotation.text for annotation in figure.layout.annotations] == ["Keras", "LiteRT", "difference"]


def test_layer_scrubber_begins_with_first_layer_and_marks_differing():
    figure = layer_scrubber(PICTURES, ("Keras", "LiteRT"))
    assert np.array_equal(figure.data[0].z, ONES)
    assert [step.label for step in figure.layout.sliders[0].steps] == ["dense", "≠ relu", "≠ dense"]


def test_layer_scrubber_fits_its_words_into_a_narrow_window():
    figure = layer_scrubber(
        [PICTURES[0]._replace(name="a_layer_of_the_model")], ("Live model", "Architecture only (JSON)")
    )
    assert [title.text for title in figure.layout.annotations] == [
        "Live model",
        "Architecture<br>only (JSON)",
        "difference",
    ]
    assert figure.layout.margin.t > layer_scrubber(PICTURES, ("Keras", "LiteRT")).layout.margin.t
    assert figure.layout.sliders[0].pad.r == 4 * len("a_layer_of_the_model")


def test_layer_scrubber_play_stops_at_first_layer_that_differs():
    (button,) = layer_scrubber(PICTURES, ("Keras", "LiteRT")).layout.updatemenus[0].buttons
    assert list(button.args[0]) == ["0", "1"]
    (button,) = layer_scrubber(PICTURES[:1], ("Keras", "LiteRT")).layout.updatemenus[0].buttons
    assert list(button.args[0]) == ["0"]


def test_layer_scrubber_begins_with_the_chosen_layer():
    figure = layer_scrubber(PICTURES, ("Keras", "LiteRT"), start=1)
    assert np.array_equal(figure.data[1].z, 3 * ONES)
    assert figure.layout.sliders[0].active == 1
