"""PNG and JPEG pictures as rows, as large as the model takes them."""

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

if TYPE_CHECKING:
    from PIL import Image

MAX_IMAGES = 1024


class ImageFrame(NamedTuple):
    """How a model takes a picture: its size in pixels, and 3 channels for red, green and blue, else 1 for ink."""

    height: int
    width: int
    channels: int


def image_frame(specs: InputSpecs, image_shape: Sequence[int] | None = None) -> ImageFrame | None:
    """How a model takes pictures: by its run's `image_shape` (height, width), else by the shape of its only input; None
    where it takes none."""
    shape = tuple(specs[0]["shape"][1:]) if len(specs) == 1 and specs[0]["shape"] else ()
    if len(specs) != 1 or specs[0]["dtype"] == "object" or None in shape:
        return None
    if image_shape and math.prod(image_shape) == math.prod(shape):
        return ImageFrame(*image_shape, 1)
    if len(shape) == 2 and min(shape) > 1:
        return ImageFrame(*shape, 1)
    return ImageFrame(*shape) if len(shape) == 3 and shape[2] in (1, 3) and min(shape[:2]) > 1 else None


def image_source(paths: Sequence[Path], specs: InputSpecs, image_shape: Sequence[int] | None = None) -> InputSource:
    """One row for each picture, values in [0, 1] (0 ... 255 where the model takes whole numbers).

    With the `image_shape` of a demo's run, pictures become digits as its data were made; else they are grey, ink 1 and
    paper 0, or red, green and blue where the model takes three channels.
    Raises InputError when the model takes no pictures, or a file is none that can be used.
    """
    frame = image_frame(specs, image_shape)
    if frame is None:
        raise InputError("This model does not take pictures.", cure="Give its inputs as NPZ, CSV or JSON.")
    if len(paths) > MAX_IMAGES:
        raise InputError(f"These are more than {MAX_IMAGES:,} pictures.", cure="Give them as an NPZ file.")
    turn = _to_digit if image_shape else _to_ink if frame.channels == 1 else _to_rgb
    most = 255 if numpy_dtype(specs[0]["dtype"]).kind in "iu" else 1
    size = frame.height * frame.width * frame.channels
    return InputSource(
        [SourceArray("picture", None, (size,))], _image_chunks(paths, frame, turn, most), notes=[CONVERSION_NOTES[turn]]
    )


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
    from PIL import Image, ImageOps

    ink = Image.fromarray((extract_ink(image) * 255).astype("uint8"))
    return np.asarray(ImageOps.pad(ink, (frame.width, frame.height), Image.Resampling.BOX), "float32") / 255


def _to_rgb(image: "Image.Image", frame: ImageFrame) -> np.ndarray:
    from PIL import Image, ImageOps

    fitted = ImageOps.pad(image.convert("RGB"), (frame.width, frame.height), Image.Resampling.BOX)
    return np.asarray(fitted, "float32") / 255


CONVERSION_NOTES = {
    _to_digit: "Each picture was made grey, and its ink centred and scaled as the digits of the data were.",
    _to_ink: "Each picture was made grey and fitted into the frame; ink is 1 and paper 0, by what its border shows.",
    _to_rgb: "Each picture was fitted into the frame; red, green and blue lie in 0 to 1.",
}
