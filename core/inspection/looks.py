"""What of one tensor is shown as a picture: so few of its values that they travel and can be seen."""

from typing import NamedTuple

import numpy as np

SIDE = 192  # cells of a heat map along each axis, at most
LINE = 1024  # values of a line, at most
TILES = (12, 24)  # kernels from top to bottom (what goes in) and from left to right (what comes out), at most
LARGEST_TILE = 16  # cells of a kernel along each axis, from which on it is no tile


class Look(NamedTuple):
    """`kind` is "tiles" (values are rows, columns, height, width), "heat" (two axes), "line" (one) or "" for nothing
    to be seen; `shown` says in a sentence what of the tensor that is."""

    kind: str
    values: np.ndarray
    shown: str


def look(array: np.ndarray) -> Look:
    """A kernel of a convolution (height, width, in, out) as tiles; else two axes as a heat map, one as a line."""
    if array.dtype.kind not in "biuf" or not array.size or not array.ndim:
        return Look("", np.empty(0, "float32"), "There is no picture of a single value or of text.")
    if array.ndim == 1:
        return _line(array)
    if array.ndim == 4 and max(array.shape[:2]) <= LARGEST_TILE and max(array.shape[:2]) > 1:
        return _tiles(array)
    return _heat(array.reshape(-1, array.shape[-1]))


def _line(array: np.ndarray) -> Look:
    step = -(-array.size // LINE)
    return Look("line", _float(array[::step]), _every(step, "value", array.size))


def _tiles(array: np.ndarray) -> Look:
    inner, outer = (min(size, most) for size, most in zip(array.shape[2:], TILES, strict=True))
    tiles = array[:, :, :inner, :outer].transpose(2, 3, 0, 1)
    size = f"{array.shape[0]} × {array.shape[1]}"
    whole = "All" if (inner, outer) == array.shape[2:] else f"{inner} × {outer} of {array.shape[2]} × {array.shape[3]}"
    said = f"{whole} kernels of {size}: a row for each channel that goes in, a column for each that comes out."
    return Look("tiles", _float(tiles), said)


def _heat(array: np.ndarray) -> Look:
    steps = [-(-size // SIDE) for size in array.shape]
    said = " ".join(
        _every(step, name, size) for step, name, size in zip(steps, ("row", "column"), array.shape, strict=True)
    )
    return Look("heat", _float(array[:: steps[0], :: steps[1]]), said)


def _every(step: int, what: str, count: int) -> str:
    if step == 1:
        return f"All {count:,} {what}s." if count > 1 else f"Its only {what}."
    return f"One {what} in {step} of {count:,}."


def _float(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array.astype("float32"))
