"""The plane through three test examples: its corners are the examples, and what lies between is between."""

import numpy as np
import pytest

from core.errors import InputError
from core.inputs.from_plane import MARGIN, is_plane_possible, plane_coordinates, plane_rows
from core.runtimes.reference import Reference

DATA = np.array([[0.0, 0.0, 0.5], [1.0, 0.0, 0.5], [0.0, 1.0, 0.5], [0.3, 0.3, 0.5]], "float32")


def reference_of(**inputs: np.ndarray) -> Reference:
    return Reference(inputs, {}, {})


def test_plane_coordinates_go_line_by_line_beyond_the_corners():
    places = plane_coordinates(3)
    assert places.shape == (9, 2)
    assert places[0].tolist() == [-MARGIN, -MARGIN]
    assert places[1].tolist() == [0.5, -MARGIN]
    assert places[-1].tolist() == [1 + MARGIN, 1 + MARGIN]


def test_plane_rows_at_corners_are_the_examples():
    side = 7  # whose steps are quarters: -0.25, 0, ..., 1.25
    rows, places = plane_rows(reference_of(x=DATA), (0, 1, 2), side)["x"], plane_coordinates(side)
    for corner, place in enumerate([(0, 0), (1, 0), (0, 1)]):
        (at,) = np.flatnonzero(np.isclose(places, place).all(axis=1))
        assert np.allclose(rows[at], DATA[corner])
    (middle,) = np.flatnonzero(np.isclose(places, (0.5, 0.25)).all(axis=1))
    assert np.allclose(rows[middle], [0.5, 0.25, 0.5])


def test_plane_rows_stay_in_dtype_and_range_of_the_data():
    rows = plane_rows(reference_of(x=DATA), (0, 1, 2), 8)["x"]
    assert (rows.dtype, rows.shape) == (np.dtype("float32"), (64, 3))
    assert (rows.min(), rows.max()) == (0.0, 1.0)


@pytest.mark.parametrize("corners", [(0, 1, 1), (0, 1, 4), (-1, 0, 1), (0, 1)])
def test_plane_rows_refuse_what_is_no_three_examples(corners: tuple[int, ...]):
    with pytest.raises(InputError, match=r"three examples.* from 0 to 3"):
        plane_rows(reference_of(x=DATA), corners)


@pytest.mark.parametrize("side", [1, 129])
def test_plane_rows_refuse_a_grid_of_odd_size(side: int):
    with pytest.raises(InputError, match="from 2 to 128"):
        plane_rows(reference_of(x=DATA), (0, 1, 2), side)


@pytest.mark.parametrize(
    "inputs",
    [{"a": DATA, "b": DATA}, {"a": np.array(["x", "y", "z"])}, {"a": DATA.astype("int32")}, {"a": DATA[:2]}],
    ids=["two inputs", "text", "whole numbers", "two rows"],
)
def test_plane_is_impossible_where_nothing_lies_between_rows(inputs: dict[str, np.ndarray]):
    assert not is_plane_possible(reference_of(**inputs))
    with pytest.raises(InputError, match="one input of decimal numbers"):
        plane_rows(reference_of(**inputs), (0, 1, 2))


def test_plane_rows_larger_than_an_input_set_are_refused(monkeypatch: pytest.MonkeyPatch):
    limit = 4 * 4 * 3 * 8  # bytes of four by four rows of three numbers in float64, in which they are computed
    monkeypatch.setattr("core.inputs.from_plane.MAX_BYTES", limit)
    assert plane_rows(reference_of(x=DATA), (0, 1, 2), 4)["x"].shape == (16, 3)
    with pytest.raises(InputError, match=f"600 bytes, of at most {limit}"):
        plane_rows(reference_of(x=DATA), (0, 1, 2), 5)
