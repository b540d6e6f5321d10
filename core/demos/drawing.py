"""Drawn or photographed digits, put into the form in which the data of the demos was made.

It goes in three steps: strokes or an image become ink, a large array in which 1 is ink and 0 is paper; the ink is
scaled and placed as the digits of the data set were; what comes out is one row of that data.
"""

from collections.abc import Iterator, Sequence
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from core.errors import InputError

CANVAS_SIZE = 1000  # a drawing's width and height, in the units of its strokes
PEN_WIDTH = 80  # the pen's width, in the same units: about what a pen leaves of a digit that fills the field
INK_SIZE = 256  # pixels of a drawing's side, once it is ink
MAX_POINTS = 20_000  # of a drawing; half an hour of scribbling
MAX_PIXELS = 25_000_000  # of an uploaded picture: a good camera's
MAX_IMAGE_SIDE = 512  # pixels of the longer side to which a picture is reduced
MIN_CONTRAST = 0.1  # of the way from black to white: less contrast than this is a blank sheet

Strokes = Sequence[Sequence[float]]


def render_strokes(strokes: Strokes) -> np.ndarray:
    """The ink of strokes, each `[x0, y0, x1, y1, ...]` in units of 1/1000 of the field, from its upper left corner.

    Returns (256, 256) float32 in [0, 1]. Raises InputError where that is no drawing.
    """
    scale = 2 * INK_SIZE / CANVAS_SIZE  # drawn twice as large, so that edges come out smooth
    sheet = Image.new("L", (2 * INK_SIZE, 2 * INK_SIZE))
    pen = ImageDraw.Draw(sheet)
    for points in _validate_strokes(strokes):
        pen.line([tuple(point) for point in points * scale], fill=255, width=round(PEN_WIDTH * scale))
        for x, y in points * scale:
            pen.circle((x, y), PEN_WIDTH * scale / 2, fill=255)
    return np.asarray(sheet.reduce(2), "float32") / 255


def _validate_strokes(strokes: Strokes) -> Iterator[np.ndarray]:
    """Each stroke as (points, 2); strokes come from a browser, so nothing about them is sure."""
    try:
        flat = [np.asarray(stroke, "float64") for stroke in strokes]
    except (TypeError, ValueError) as error:
        raise _invalid_drawing_error(type(error).__name__) from error
    if any(stroke.ndim != 1 or stroke.size % 2 or not np.isfinite(stroke).all() for stroke in flat):
        raise _invalid_drawing_error("strokes that are no pairs of numbers")
    if (count := sum(stroke.size for stroke in flat) // 2) > MAX_POINTS:
        raise _invalid_drawing_error(f"{count:,} points")
    return (np.clip(stroke.reshape(-1, 2), 0, CANVAS_SIZE) for stroke in flat if stroke.size)


def _invalid_drawing_error(received: str) -> InputError:
    return InputError("This is no drawing that can be read.", received=received, cure="Clear it and draw again.")


def open_image(file: BinaryIO) -> Image.Image:
    """The picture in a PNG or JPEG file, upright as its camera was held.

    Raises InputError where it is none, is damaged, or has more than 25 million pixels.
    """
    try:
        image = Image.open(file, formats=("PNG", "JPEG"))
        if image.width * image.height <= MAX_PIXELS:
            image.load()
            return ImageOps.exif_transpose(image)
    except Image.DecompressionBombError as error:
        raise _image_too_large_error("a picture of hundreds of millions of pixels") from error
    except Exception as error:  # a damaged file fails in whichever way its bytes suggest
        raise InputError(
            "This file is no picture that can be read.",
            cure="Give a PNG or a JPEG.",
            detail=f"{type(error).__name__}: {error}",
        ) from error
    raise _image_too_large_error(f"{image.width:,} × {image.height:,} pixels")


def _image_too_large_error(received: str) -> InputError:
    return InputError("This picture is too large.", received=received, cure="Make it smaller: 1,000 × 1,000 is plenty.")


def extract_ink(image: Image.Image) -> np.ndarray:
    """The ink in a picture of a digit: dark on light or light on dark, as its border tells.

    Returns (height, width) float32 in [0, 1], reduced to at most 512 on the longer side. Paper and ink are stretched
    to 0 and 1, and a quarter of the way counts as paper still, so that the shadow of a photograph is no ink.
    """
    grey = np.asarray(_shrink_to_grey(image), "float32") / 255
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    paper = float(np.median(border))
    contrast = paper - grey if paper - grey.min() >= grey.max() - paper else grey - paper
    darkest = float(contrast.max())
    if darkest < MIN_CONTRAST:
        return np.zeros_like(grey)
    return np.clip(2 * contrast / darkest - 0.5, 0, 1)


def _shrink_to_grey(image: Image.Image) -> Image.Image:
    """Return an image in grey, of limited size, its transparent parts on a background that contrasts with ink."""
    # Of an image of 16 bits Pillow would cut the values off, and not scale them to 8.
    small = Image.fromarray(np.uint8(np.asarray(image) // 256)) if image.mode.startswith("I") else image
    small = small.convert("LA" if small.has_transparency_data else "L")
    small.thumbnail((MAX_IMAGE_SIDE, MAX_IMAGE_SIDE), Image.Resampling.BOX)
    if small.mode == "L":
        return small
    grey, opaque = (np.asarray(small, "float32") / 255).transpose(2, 0, 1)
    dark = float((grey * opaque).sum()) <= 0.5 * float(opaque.sum())
    return Image.fromarray(np.uint8(255 * (grey * opaque + dark * (1 - opaque)) + 0.5))


def center_digit(ink: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Ink (height, width) in [0, 1], of any size, as one picture (rows, columns) float32 in [0, 1] of the data.

    Where in `ink` the digit stands, how large it is, and how dark, does not matter. A blank sheet gives zeros.

    (8, 8) is made as the bundled digits were: E. Alpaydin and C. Kaynak, "Cascading classifiers", Kybernetika 34
    (1998), counted bitmaps which the routines of NIST had normalised; M. D. Garris et al., NISTIR 5469 (1994).
    Every other shape is made as MNIST's 28×28 was, its margins in proportion: Y. LeCun et al., "Gradient-based
    learning applied to document recognition", Proceedings of the IEEE 86 (1998), section III A.
    """
    ink = np.clip(np.asarray(ink, "float32"), 0, 1)
    if not ink.size or ink.max() < MIN_CONTRAST:
        return np.zeros(shape, "float32")
    digit = _crop_to_ink(ink / ink.max())
    return _count_pixels_in_blocks(digit) if tuple(shape) == (8, 8) else _center_by_mass(digit, shape)


def _crop_to_ink(ink: np.ndarray) -> np.ndarray:
    """The smallest rectangle with all ink in it that is darker than half."""
    rows, columns = (np.flatnonzero((ink > 0.5).any(axis=axis)) for axis in (1, 0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _resize_by_area(ink: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """To (rows, columns), each pixel the mean of the area that it covers."""
    return _average_rows(_average_rows(ink.astype("float64"), rows).T, columns).T


def _average_rows(rows: np.ndarray, count: int) -> np.ndarray:
    """Rows as `count` rows of equal height, by the sums up to each of their edges."""
    edges = np.linspace(0, len(rows), count + 1)
    whole = np.minimum(edges.astype(int), len(rows) - 1)
    above = np.cumsum(rows, axis=0) - rows
    sums = above[whole] + (edges - whole)[:, None] * rows[whole]
    return np.diff(sums, axis=0).clip(0) * count / len(rows)


def _center_by_mass(digit: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """In a box of 20/28 of the frame, its aspect kept, its centre of mass in the frame's centre, to whole pixels."""
    factor = min(round(side * 20 / 28) / own for side, own in zip(shape, digit.shape, strict=True))
    small = _resize_by_area(digit, *(max(1, round(own * factor)) for own in digit.shape))
    frame = np.zeros(shape, "float32")
    frame[tuple(_centered_slice(small, axis, side) for axis, side in enumerate(shape))] = np.clip(small, 0, 1)
    return frame


def _centered_slice(image: np.ndarray, axis: int, frame_side: int) -> slice:
    """Where a picture goes along an axis, for its centre of mass to be in the middle, and all of it inside."""
    mass = image.sum(axis=1 - axis)
    centre = float(((np.arange(len(mass)) + 0.5) * mass).sum() / mass.sum())
    start = int(np.clip(np.floor(frame_side / 2 - centre + 0.5), 0, frame_side - len(mass)))
    return slice(start, start + len(mass))


# As the routines of NIST did it (norm_2nd_gen and shear_char of its HSFSYS, in the public domain), with the numbers
# that are written into them. The data bears them out: 98.5 % of its bitmaps have from 256 to 412 pixels set.


def _count_pixels_in_blocks(digit: np.ndarray) -> np.ndarray:
    """As (8, 8) counts of set pixels, over 16, in the blocks of 4×4 of a bitmap of 32×32."""
    bitmap = _deslant(_normalize_stroke_width(_stretch_to_bitmap(digit)))
    return bitmap.reshape(8, 4, 8, 4).sum(axis=(1, 3)).astype("float32") / 16


def _stretch_to_bitmap(digit: np.ndarray) -> np.ndarray:
    """A bitmap of 32×32 with the digit stretched to 20 columns and all 32 rows; its aspect is lost, as it was there."""
    bitmap = np.zeros((32, 32), bool)
    small = _resize_by_area(digit, 32, 20)
    bitmap[:, 6:26] = small >= 0.499 * min(1.0, small.max())  # a hair line fills no pixel by half
    return bitmap


def _normalize_stroke_width(bitmap: np.ndarray) -> np.ndarray:
    """Thin strokes thickened and thick ones thinned, once or twice, by how many pixels are set."""
    pixels = int(bitmap.sum())
    for step in (108, 256):
        bitmap = np.logical_or.reduce(_stack_neighbours(bitmap)) if pixels < step else bitmap
    for step in (412, 560):
        bitmap = np.logical_and.reduce(_stack_neighbours(bitmap)) if pixels > step else bitmap
    return bitmap


def _stack_neighbours(bitmap: np.ndarray) -> np.ndarray:
    """Each pixel and its four neighbours, as (5, rows, columns); outside nothing is set."""
    wide = np.pad(bitmap, 1)
    return np.stack([wide[1:-1, 1:-1], wide[:-2, 1:-1], wide[2:, 1:-1], wide[1:-1, :-2], wide[1:-1, 2:]])


def _deslant(bitmap: np.ndarray) -> np.ndarray:
    """Sheared until the left edge near the top stands above the left edge near the bottom."""
    rows = np.flatnonzero(bitmap.any(axis=1))
    if len(rows) < 6:
        return bitmap
    top, bottom = rows[0] + 2, rows[-1] - 2  # the outermost rows are too ragged to go by
    if not (bitmap[top].any() and bitmap[bottom].any()):
        return bitmap
    lean = (int(bitmap[top].argmax()) - int(bitmap[bottom].argmax())) / (bottom - top)
    moved = np.rint((np.arange(32) - 16) * lean).astype(int)
    sources = np.arange(32) - moved[:, None]
    inside = (sources >= 0) & (sources < 32)
    return inside & np.take_along_axis(bitmap, sources.clip(0, 31), axis=1)
