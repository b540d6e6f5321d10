"""Statistics, histogram and preview of one tensor, and the distance of two of one shape, in chunks of little memory."""

from collections.abc import Iterator
from typing import NamedTuple, NotRequired, TypedDict, cast

import numpy as np

from core.arrays import NUMERIC_KINDS

CHUNK_VALUES = 2**20
HISTOGRAM_BINS = 48
MAX_HEATMAP_SIDE = 192  # cells of a heat map along each axis
MAX_LINE_VALUES = 1024
MAX_TILES = (12, 24)  # kernels from top to bottom (channels in) and from left to right (channels out)
MAX_TILE_SIDE = 16  # cells of a kernel along each axis, from which on it is no tile


class StatisticsReply(TypedDict):
    """Statistics of one tensor; None where there are none."""

    count: int
    min: float | None
    max: float | None
    mean: float | None
    std: float | None
    zeros: int | None
    nan: int | None
    inf: int | None


def compute_statistics(array: np.ndarray) -> StatisticsReply:
    """Compute the statistics of an array.

    Minimum to standard deviation (of the whole population) are over the finite values, in float64; None where there are
    none or their sum is not finite. Text and complex numbers have only a count.
    """
    unknown = dict.fromkeys(("min", "max", "mean", "std", "zeros", "nan", "inf"))
    statistics = cast(StatisticsReply, {"count": int(array.size), **unknown})
    if array.dtype.kind not in NUMERIC_KINDS:
        return statistics
    zeros = nan = inf = finite_count = 0
    low, high, total = np.inf, -np.inf, 0.0
    for values in _float64_chunks(array):
        finite = values[np.isfinite(values)]
        zeros += int(np.count_nonzero(finite == 0))
        nan += int(np.count_nonzero(np.isnan(values)))
        inf += int(np.count_nonzero(np.isinf(values)))
        low, high = finite.min(initial=low), finite.max(initial=high)
        total, finite_count = total + float(finite.sum()), finite_count + finite.size
    if finite_count:
        statistics |= {"min": float(low), "max": float(high)}
    if finite_count and np.isfinite(total):
        statistics["mean"] = total / finite_count
        statistics["std"] = _standard_deviation(array, total / finite_count, finite_count)
    return statistics | {"zeros": zeros, "nan": nan, "inf": inf}


def _standard_deviation(array: np.ndarray, mean: float, count: int) -> float | None:
    with np.errstate(over="ignore"):
        squares = sum(float(np.square(chunk[np.isfinite(chunk)] - mean).sum()) for chunk in _float64_chunks(array))
    return float(np.sqrt(squares / count)) if np.isfinite(squares) else None


def compute_histogram(array: np.ndarray, bins: int = HISTOGRAM_BINS) -> dict[str, list[float]] | None:
    """Compute `{"edges": bins + 1 numbers, "counts": bins numbers}` of the finite values.

    None where there are none, or where they are too far apart for even steps.
    """
    statistics = compute_statistics(array)
    low, high = statistics["min"], statistics["max"]
    if low is None or high is None or not np.isfinite(high - low):
        return None
    edges = np.histogram_bin_edges(np.array([low, high]), bins, (low, high))
    counts = np.zeros(bins, "int64")
    for values in _float64_chunks(array):
        counts += np.histogram(values[np.isfinite(values)], edges)[0]
    return {"edges": edges.tolist(), "counts": counts.tolist()}


def _float64_chunks(array: np.ndarray) -> Iterator[np.ndarray]:
    flat = array.reshape(-1)
    for start in range(0, flat.size, CHUNK_VALUES):
        yield flat[start : start + CHUNK_VALUES].astype("float64")


class TensorPreview(NamedTuple):
    """The values of a picture, float32, and in a sentence what of the tensor they are.

    `kind` is "tiles" (rows, columns, height, width), "heat" (two axes), "line" (one), or "" for no picture.
    """

    kind: str
    values: np.ndarray
    description: str


def preview_tensor(array: np.ndarray) -> TensorPreview:
    """Preview a kernel (height, width, in, out) as tiles, two axes as a heat map, one as a line."""
    if array.dtype.kind not in NUMERIC_KINDS or not array.size or not array.ndim:
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
    inner, outer = (min(size, limit) for size, limit in zip(array.shape[2:], MAX_TILES, strict=True))
    tiles = array[:, :, :inner, :outer].transpose(2, 3, 0, 1)
    size = f"{array.shape[0]} × {array.shape[1]}"
    whole = "All" if (inner, outer) == array.shape[2:] else f"{inner} × {outer} of {array.shape[2]} × {array.shape[3]}"
    description = f"{whole} kernels of {size}: a row for each channel that goes in, a column for each that comes out."
    return TensorPreview("tiles", _to_float32(tiles), description)


def _preview_heatmap(array: np.ndarray) -> TensorPreview:
    down, across = (-(-size // MAX_HEATMAP_SIDE) for size in array.shape)
    rows, columns = array.shape
    description = f"{_describe_sampling(down, 'row', rows)} {_describe_sampling(across, 'column', columns)}"
    return TensorPreview("heat", _to_float32(array[::down, ::across]), description)


def _describe_sampling(step: int, name: str, count: int) -> str:
    if step == 1:
        return f"All {count:,} {name}s." if count > 1 else f"Its only {name}."
    return f"One {name} in {step} of {count:,}."


def _to_float32(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array.astype("float32"))


class DistanceReply(TypedDict):
    """Whether two tensors are equal bit for bit, how many values differ, how many are NaN or infinite on one side only;
    the largest and the mean difference, |left - right| / |left| by the Euclidean norm, and the index of the largest
    difference. Numbers are float64, over the values that are finite on both sides; None where there are none."""

    equal: bool
    changed: int
    lost: int
    max_abs: NotRequired[float | None]
    mean_abs: NotRequired[float | None]
    relative: NotRequired[float | None]
    at: NotRequired[list[int] | None]


def tensor_distance(left: np.ndarray, right: np.ndarray) -> DistanceReply:
    """Measure how far two arrays of one shape are from each other."""
    a, b = left.reshape(-1), right.reshape(-1)
    equal = left.dtype == right.dtype and _have_same_bits(left, right)
    changed, lost, finite, largest, where = 0, 0, 0, -1.0, 0
    total = squares = length = 0.0
    for start in range(0, a.size, CHUNK_VALUES):
        x, y = (side[start : start + CHUNK_VALUES].astype("float64") for side in (a, b))
        same, is_finite = (x == y) | (np.isnan(x) & np.isnan(y)), np.isfinite(x) & np.isfinite(y)
        changed += int(np.count_nonzero(~same))
        lost += int(np.count_nonzero(~same & ~is_finite))
        distance = np.abs(np.subtract(x, y, where=is_finite, out=np.zeros_like(x)))
        if distance.size and distance.max() > largest:
            largest, where = float(distance.max()), start + int(distance.argmax())
        total, finite = total + float(distance.sum()), finite + int(is_finite.sum())
        squares, length = squares + float(np.square(distance).sum()), length + float(np.square(x[is_finite]).sum())
    numbers = largest, total / max(finite, 1), _root_ratio(squares, length)
    at = [int(index) for index in np.unravel_index(where, left.shape)] if changed else None
    max_abs, mean_abs, relative = (value if finite and np.isfinite(value) else None for value in numbers)
    known: DistanceReply = {"equal": equal, "changed": changed, "lost": lost}
    return {**known, "max_abs": max_abs, "mean_abs": mean_abs, "relative": relative, "at": at}


def _have_same_bits(left: np.ndarray, right: np.ndarray) -> bool:
    """Whether two arrays of one shape and dtype are the same, byte for byte; a part of them at a time."""
    a, b = _as_bytes(left), _as_bytes(right)
    starts = range(0, a.size, CHUNK_VALUES)
    return all(np.array_equal(a[start : start + CHUNK_VALUES], b[start : start + CHUNK_VALUES]) for start in starts)


def _as_bytes(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array).reshape(-1).view("uint8")


def _root_ratio(squares: float, length: float) -> float:
    """The root of one sum of squares over another; infinite over nothing."""
    if not squares:
        return 0.0
    return float(np.sqrt(squares / length)) if length else float("inf")
