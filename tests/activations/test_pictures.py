"""Values of one row as tables: vectors in lines, matrices as they are, channels side by side."""

import numpy as np
import pytest

from core.activations.pictures import CHANNELS_IN_LINE, MAX_SIDE, activation_picture


@pytest.mark.parametrize(("count", "shape"), [(1, (1, 1)), (10, (1, 10)), (16, (1, 16)), (40, (3, 16))])
def test_activation_picture_of_vector_has_lines_filled_with_nan(count: int, shape: tuple[int, int]):
    table = activation_picture(np.arange(count, dtype="float32"))
    assert (table.shape, table.dtype) == (shape, np.dtype("float64"))
    assert table[np.isfinite(table)].tolist() == list(range(count))


def test_activation_picture_of_matrix_is_the_matrix():
    matrix = np.arange(6.0).reshape(2, 3)
    assert np.array_equal(activation_picture(matrix), matrix)


def test_activation_picture_of_image_has_channels_side_by_side():
    image = np.arange(2 * 3 * 10.0).reshape(2, 3, 10)
    table = activation_picture(image)
    assert table.shape == (2 * 2, CHANNELS_IN_LINE * 3)
    assert np.array_equal(table[:2, 3:6], image[:, :, 1])
    assert np.array_equal(table[2:, :3], image[:, :, 8])
    assert np.isnan(table[2:, 6:]).all()


def test_activation_picture_cuts_what_is_large():
    assert activation_picture(np.zeros((500, 300))).shape == (MAX_SIDE, MAX_SIDE)
