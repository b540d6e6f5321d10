"""The plane through three test examples, as a grid of rows: what lies between the things that a model knows.

A row of the grid is a + u (b - a) + v (c - a), for the examples a, b and c; u and v go from -`MARGIN` to 1 + `MARGIN`.
"""

from collections.abc import Sequence

import numpy as np

from core.arrays import Arrays
from core.errors import InputError
from core.inputs.source import require_size
from core.runtimes.reference import Reference

DEFAULT_SIDE, MAX_SIDE = 32, 128  # rows along each side of the grid
MAX_BYTES = 2**28  # of a grid while it is made, in double precision
MARGIN = 0.25  # how far the grid goes beyond the examples, as a share of their distance


def is_plane_possible(reference: Reference) -> bool:
    """Whether the rows of a reference are numbers that may lie between others: one input, of floats, of three rows."""
    arrays = list(reference.inputs.values())
    return len(arrays) == 1 and arrays[0].dtype.kind == "f" and reference.rows >= 3


def plane_coordinates(side: int) -> np.ndarray:
    """Return u and v of each row of a grid, (side * side, 2) float64, line by line; v is the same along a line."""
    steps = np.linspace(-MARGIN, 1 + MARGIN, side)
    return np.stack([np.tile(steps, side), np.repeat(steps, side)], axis=1)


def plane_rows(reference: Reference, corners: Sequence[int], side: int = DEFAULT_SIDE) -> Arrays:
    """Return the grid by input name, (side * side, ...) in the dtype of the input, within the range of the data.

    Args:
        corners: The numbers of three different rows of the reference: a, b and c.

    Raises:
        InputError: When there are no such rows, or nothing lies between rows of such a model.
    """
    if not is_plane_possible(reference):
        sentence = "A plane needs a model with one input of decimal numbers."
        raise InputError(sentence, received=", ".join(reference.inputs), cure="Choose other inputs.")
    if len(set(corners)) != 3 or not all(0 <= corner < reference.rows for corner in corners):
        cure = f"Choose three different numbers from 0 to {reference.rows - 1:,}."
        raise InputError("A plane goes through three examples.", received=", ".join(map(str, corners)), cure=cure)
    if not 2 <= side <= MAX_SIDE:
        raise InputError("A side of the grid has no such length.", received=side, cure=f"Choose from 2 to {MAX_SIDE}.")
    ((name, data),) = reference.inputs.items()
    require_size(side * side * data[0].nbytes * 8 // data.itemsize, MAX_BYTES)
    a, b, c = (data[corner].astype("float64") for corner in corners)
    u, v = (axis.reshape(-1, *[1] * a.ndim) for axis in plane_coordinates(side).T)
    grid = np.clip(a + u * (b - a) + v * (c - a), np.nanmin(data), np.nanmax(data))
    return {name: grid.astype(data.dtype)}
