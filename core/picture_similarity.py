"""How alike two outputs are as pictures: the mean structural similarity (SSIM; Wang et al., 2004) and the PSNR."""

import math
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np

from core.compare import ChunkSource
from core.compare.chunks import read_aligned

ImageShape = tuple[int, int]  # height and width

MAX_PICTURES = 256  # changed pictures that are compared by sight
MAX_PIXELS = 2**25  # values of all of them
MAX_PSNR = 200.0  # dB: what equal pictures have
MIN_SIDE, MAX_WINDOW = 3, 7  # pixels: of a picture, and of the window of SSIM


class _PictureSums(NamedTuple):
    """What one pass over all pictures gives: the range of the reference, squared errors, and how many changed."""

    low: float
    high: float
    squares: float
    values: int
    pictures: int
    changed: int


def compare_pictures(
    reference: ChunkSource, prediction: ChunkSource, image_shape: ImageShape | None
) -> tuple[float | None, float | None]:
    """The mean SSIM and the PSNR (dB, at most `MAX_PSNR`) of all pictures; None twice where the rows are no pictures.

    SSIM is computed of a part of those that changed, taken at even steps; the others have 1.
    """
    sums = _sum_pictures(_picture_chunks(reference, prediction, image_shape))
    reach = sums.high - sums.low
    if not sums.pictures or not math.isfinite(reach + sums.squares) or reach <= 0:
        return None, None
    psnr = 10 * math.log10(reach**2 * sums.values / sums.squares) if sums.squares else MAX_PSNR
    if not sums.changed:
        return 1.0, min(psnr, MAX_PSNR)
    similarity = _mean_similarity(_picture_chunks(reference, prediction, image_shape), sums)
    return 1.0 - (1.0 - similarity) * sums.changed / sums.pictures, min(psnr, MAX_PSNR)


def _sum_pictures(chunks: Iterator[tuple[np.ndarray, np.ndarray]]) -> _PictureSums:
    sums = _PictureSums(math.inf, -math.inf, 0.0, 0, 0, 0)
    for left, right in chunks:
        gaps = (left - right).reshape(len(left), -1)
        sums = _PictureSums(
            min(sums.low, float(left.min())),
            max(sums.high, float(left.max())),
            sums.squares + float(np.einsum("ij,ij->", gaps, gaps)),
            sums.values + left.size,
            sums.pictures + len(left),
            sums.changed + int(gaps.any(axis=1).sum()),
        )
    return sums


def _mean_similarity(chunks: Iterator[tuple[np.ndarray, np.ndarray]], sums: _PictureSums) -> float:
    """The mean SSIM of changed pictures: at most `MAX_PICTURES` of them, and `MAX_PIXELS` values."""
    from skimage.metrics import structural_similarity  # takes a second to import

    most = int(np.clip(MAX_PIXELS * sums.pictures // sums.values, 1, MAX_PICTURES))
    changed = (
        (first, second) for pair in chunks for first, second in zip(*pair, strict=True) if (first != second).any()
    )
    total, count = 0.0, 0
    for first, second in islice(changed, 0, None, math.ceil(sums.changed / most)):
        window = min(MAX_WINDOW, *(side - 1 + side % 2 for side in first.shape[:2]))
        axis = -1 if first.ndim == 3 else None
        reach = sums.high - sums.low
        total += float(structural_similarity(first, second, win_size=window, data_range=reach, channel_axis=axis))
        count += 1
    return total / count


def _picture_chunks(
    reference: ChunkSource, prediction: ChunkSource, image_shape: ImageShape | None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield aligned blocks of pictures, (pictures, height, width[, channels]) float64; nothing of other outputs."""
    for left, right in read_aligned(reference, prediction):
        if left.dtype.kind == "c" or (shape := _picture_shape(left.shape[1:], image_shape)) is None:
            return
        yield left.astype("float64").reshape(-1, *shape), right.astype("float64").reshape(-1, *shape)


def _picture_shape(row: tuple[int, ...], image_shape: ImageShape | None) -> tuple[int, ...] | None:
    """As what a row is a picture: height, width, and channels where there are 3 or 4; None where it is none."""
    if image_shape and math.prod(row) == math.prod(image_shape):
        return image_shape if min(image_shape) >= MIN_SIDE else None
    is_picture = len(row) == 3 and row[2] in (1, 3, 4) and min(row[:2]) >= MIN_SIDE
    return (row[:2] if row[2] == 1 else row) if is_picture else None
