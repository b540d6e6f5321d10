"""Inputs from PNG and JPEG images: a row each, as large as the model takes them."""

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from core.arrays import Arrays
from core.demos.drawing import center_digit, extract_ink, open_image
from core.errors import InputError
from core.inputs.fitting import InputSpecs, numpy_dtype
from core.inputs.source import InputSource, SourceArray
from core.runtimes.specs import fixed_row_shape

if TYPE_CHECKING:
    from PIL import Image

MAX_IMAGES = 1024


class ImageFrame(NamedTuple):
    """How a model takes an image: its size in pixels, and 3 channels for red, green and blue, else 1 for ink."""

    height: int
    width: int
    channels: int


def image_frame(specs: InputSpecs, image_shape: Sequence[int] | None = None) -> ImageFrame | None:
    """Return how a model takes images; None where it takes none.

    The frame is the run's `image_shape` (height, width), else read from the shape of the model's only input.
    """
    shape = fixed_row_shape(specs[0]) if len(specs) == 1 and specs[0]["dtype"] != "object" else None
    if shape is None:
        return None
    if image_shape and math.prod(image_shape) == math.prod(shape):
        return ImageFrame(image_shape[0], image_shape[1], 1)
    if len(shape) not in (2, 3) or min(shape[:2]) < 2:
        return None
    channels = shape[2] if len(shape) == 3 else 1
    return ImageFrame(shape[0], shape[1], channels) if channels in (1, 3) else None


def image_source(paths: Sequence[Path], specs: InputSpecs, image_shape: Sequence[int] | None = None) -> InputSource:
    """Open images as rows of values in [0, 1] (0 ... 255 where the model takes whole numbers).

    With the `image_shape` of a demo's run, images become digits as its data were made; else they are grey, ink 1 and
    paper 0, or red, green and blue where the model takes three channels.

    Raises:
        InputError: When the model takes no images, or a file is none that can be used.
    """
    frame = image_frame(specs, image_shape)
    if frame is None:
        raise InputError("This model does not take pictures.", cure="Give its inputs as NPZ, CSV or JSON.")
    if len(paths) > MAX_IMAGES:
        raise InputError(f"These are more than {MAX_IMAGES:,} pictures.", cure="Give them as an NPZ file.")
    convert = _to_digit if image_shape else _to_ink if frame.channels == 1 else _to_rgb
    max_value = 255 if numpy_dtype(specs[0]["dtype"]).kind in "iu" else 1
    array = SourceArray("picture", None, (math.prod(frame),))
    return InputSource([array], _image_chunks(paths, frame, convert, max_value), notes=[CONVERSION_NOTES[convert]])


def _image_chunks(
    paths: Sequence[Path], frame: ImageFrame, convert: Callable[..., np.ndarray], max_value: int
) -> Iterator[Arrays]:
    for path in paths:
        with path.open("rb") as file:
            values = convert(open_image(file), frame).reshape(1, -1)
        yield {"input:picture": values if max_value == 1 else (values * max_value).round()}


def _to_digit(image: "Image.Image", frame: ImageFrame) -> np.ndarray:
    return center_digit(extract_ink(image), frame[:2])


def _to_ink(image: "Image.Image", frame: ImageFrame) -> np.ndarray:
    from PIL import Image

    return _pad(Image.fromarray((extract_ink(image) * 255).astype("uint8")), frame)


def _to_rgb(image: "Image.Image", frame: ImageFrame) -> np.ndarray:
    return _pad(image.convert("RGB"), frame)


def _pad(image: "Image.Image", frame: ImageFrame) -> np.ndarray:
    from PIL import Image, ImageOps

    padded = ImageOps.pad(image, (frame.width, frame.height), Image.Resampling.BOX)
    return np.asarray(padded, "float32") / 255


CONVERSION_NOTES = {
    _to_digit: "Each picture was made grey, and its ink centred and scaled as the digits of the data were.",
    _to_ink: "Each picture was made grey and fitted into the frame; ink is 1 and paper 0, by what its border shows.",
    _to_rgb: "Each picture was fitted into the frame; red, green and blue lie in 0 to 1.",
}
