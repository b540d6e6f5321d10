"""Pictures of activations: the values of one row as a small table of numbers, the same way for every model."""

import math

import numpy as np

MAX_SIDE = 64  # numbers along each side of a table; what is larger is cut
VECTOR_WIDTH = 16  # numbers in a line of a vector
CHANNELS_IN_LINE = 8


def activation_picture(values: np.ndarray) -> np.ndarray:
    """Return one row's values, (...), as a table (height, width) of float64; places without a number are NaN.

    A vector is broken into lines, a matrix stays as it is, and the channels of an image stand side by side.
    """
    values = np.asarray(values, "float64")
    if values.ndim < 2:
        table = _break_into_lines(values.reshape(-1), VECTOR_WIDTH)
    elif values.ndim == 2:
        table = values
    else:
        table = _tile_channels(values.reshape(*values.shape[:2], -1))
    return table[:MAX_SIDE, :MAX_SIDE].copy()  # without the rest of a large tensor behind it


def _break_into_lines(vector: np.ndarray, width: int) -> np.ndarray:
    width = min(width, max(len(vector), 1))
    lines = math.ceil(len(vector) / width)
    return np.append(vector, np.full(lines * width - len(vector), np.nan)).reshape(lines, width)


def _tile_channels(image: np.ndarray) -> np.ndarray:
    """Put the channels of an image, (height, width, channels), side by side, `CHANNELS_IN_LINE` in a line."""
    height, width, channels = image.shape
    columns = min(channels, CHANNELS_IN_LINE)
    lines = math.ceil(channels / columns)
    tiles = np.full((lines * columns, height, width), np.nan)
    tiles[:channels] = image.transpose(2, 0, 1)
    return tiles.reshape(lines, columns, height, width).transpose(0, 2, 1, 3).reshape(lines * height, columns * width)
