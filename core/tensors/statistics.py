"""Summary statistics, histogram, preview image of one tensor.

What the values of one tensor are like: bounds, mean, spread, zeros, what is not finite, and a histogram.

Everything is computed in stretches of values, so that a tensor of gigabytes takes no memory beside its own.

What of one tensor is shown as a picture: so few of its values that they travel and can be seen.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

CHUNK_VALUES = 2**20  # values that are looked at together
HISTOGRAM_BINS = 48
NUMERIC_KINDS = "biuf"  # kinds of dtype that have a minimum and a mean


def compute_statistics(array: np.ndarray) -> dict[str, Any]:
    """`{"count", "min", "max", "mean", "std", "zeros", "nan", "inf"}`; the first four numbers are of the finite values
    alone, in float64, and None where there are none. Of text and of complex numbers only the count is told."""
    found: dict[str, Any] = {"count": int(array.size), **dict.fromkeys(("min", "max", "mean", "std"))}
    if array.dtype.kind not in NUMERIC_KINDS:
        return found | dict.fromkeys(("zeros", "nan", "inf"))
    found |= {"zeros": 0, "nan": 0, "inf": 0}
    total, many = 0.0, 0
    for values in _float64_chunks(array):
        finite = values[np.isfinite(values)]
        found["zeros"] += int(np.count_nonzero(finite == 0))
        found["nan"] += int(np.count_nonzero(np.isnan(values)))
        found["inf"] += int(np.count_nonzero(np.isinf(values)))
        if finite.size:
            found["min"] = float(min(finite.min(), np.inf if found["min"] is None else found["min"]))
            found["max"] = float(max(finite.max(), -np.inf if found["max"] is None else found["max"]))
            total, many = total + float(finite.sum()), many + finite.size
    if many and np.isfinite(total):
        found["mean"] = total / many
        found["std"] = _standard_deviation(array, total / many, many)
    return found


def _standard_deviation(array: np.ndarray, mean: float, count: int) -> float | None:
    """The standard deviation of the finite values, of the whole population; None where its sum is not finite."""
    with np.errstate(over="ignore"):
        squares = sum(float(np.square(one[np.isfinite(one)] - mean).sum()) for one in _float64_chunks(array))
    return float(np.sqrt(squares / count)) if np.isfinite(squares) else None


def compute_histogram(array: np.ndarray, bins: int = HISTOGRAM_BINS) -> dict[str, list[float]] | None:
    """`{"edges": bins + 1 numbers, "counts": bins numbers}` of the finite values; None where there are none, or where
    they are too far apart for even steps."""
    found = compute_statistics(array)
    low, high = found["min"], found["max"]
    if low is None or not np.isfinite(high - low):
        return None
    edges = np.histogram_bin_edges(np.array([low, high]), bins, (low, high))
    counts = np.zeros(bins, "int64")
    for values in _float64_chunks(array):
        counts += np.histogram(values[np.isfinite(values)], edges)[0]
    return {"edges": edges.tolist(), "counts": counts.tolist()}


def _float64_chunks(array: np.ndarray) -> Iterator[np.ndarray]:
    """The values in float64, some at a time, in the order of the last axis first."""
    flat = array.reshape(-1)
    for start in range(0, flat.size, CHUNK_VALUES):
        yield flat[start : start + CHUNK_VALUES].astype("float64")


MAX_HEATMAP_SIDE = 192  # cells of a heat map along each axis, at most
MAX_LINE_VALUES = 1024  # values of a line, at most
MAX_TILES = (12, 24)  # kernels from top to bottom (what goes in) and from left to right (what comes out), at most
MAX_TILE_SIDE = 16  # cells of a kernel along each axis, from which on it is no tile


class TensorPreview(NamedTuple):
    """`kind` is "tiles" (values are rows, columns, height, width), "heat" (two axes), "line" (one) or "" for nothing
    to be seen; `shown` says in a sentence what of the tensor that is."""

    kind: str
    values: np.ndarray
    description: str


def preview_tensor(array: np.ndarray) -> TensorPreview:
    """A kernel of a convolution (height, width, in, out) as tiles; else two axes as a heat map, one as a line."""
    if array.dtype.kind not in "biuf" or not array.size or not array.ndim:
        return TensorPreview("", np.empty(0, "float32"), "There is no picture of a single value or of text.")
    if array.ndim == 1:
        return _preview_line(array)
    if array.ndim == 4 and max(array.shape[:2]) <= MAX_TILE_SIDE and max(array.shape[:2]) > 1:
        return _preview_tiles(array)
    return _preview_heatmap(array.reshape(-1, array.shape[-1]))


def _preview_line(array: np.ndarray) -> TensorPreview:
    step = -(-array.size // MAX_LINE_VALUES)
    return TensorPreview("line", _to_float32(array[::step]), _describe_sampling(step, "value", array.size))


def _preview_tiles(array: np.ndarray) -> TensorPreview:
    inner, outer = (min(size, most) for size, most in zip(array.shape[2:], MAX_TILES, strict=True))
    tiles = array[:, :, :inner, :outer].transpose(2, 3, 0, 1)
    size = f"{array.shape[0]} × {array.shape[1]}"
    whole = "All" if (inner, outer) == array.shape[2:] else f"{inner} × {outer} of {array.shape[2]} × {array.shape[3]}"
    said = f"{whole} kernels of {size}: a row for each channel that goes in, a column for each that comes out."
    return TensorPreview("tiles", _to_float32(tiles), said)


def _preview_heatmap(array: np.ndarray) -> TensorPreview:
    steps = [-(-size // MAX_HEATMAP_SIDE) for size in array.shape]
    said = " ".join(
        _describe_sampling(step, name, size)
        for step, name, size in zip(steps, ("row", "column"), array.shape, strict=True)
    )
    return TensorPreview("heat", _to_float32(array[:: steps[0], :: steps[1]]), said)


def _describe_sampling(step: int, what: str, count: int) -> str:
    if step == 1:
        return f"All {count:,} {what}s." if count > 1 else f"Its only {what}."
    return f"One {what} in {step} of {count:,}."


def _to_float32(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array.astype("float32"))
