"""PNG and JPEG pictures as rows, as large as the model takes them."""

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from core.arrays import Arrays
from core.demos.drawing import centred, ink_of, opened
from core.errors import InputError
from core.inputs.fitting import Specs, dtype_of
from core.inputs.source import Given, Source

if TYPE_CHECKING:
    from PIL import Image

MOST_PICTURES = 1024


class Frame(NamedTuple):
    """How a model takes a picture: its size in pixels, and 3 channels for red, green and blue, else 1 for ink."""

    height: int
    width: int
    channels: int


def frame_of(specs: Specs, image_shape: Sequence[int] | None = None) -> Frame | None:
    """How a model takes pictures: by its run's `image_shape` (height, width), else by the shape of its only input; None
    where it takes none."""
    shape = tuple(specs[0]["shape"][1:]) if len(specs) == 1 and specs[0]["shape"] else ()
    if len(specs) != 1 or specs[0]["dtype"] == "object" or None in shape:
        return None
    if image_shape and math.prod(image_shape) == math.prod(shape):
        return Frame(*image_shape, 1)
    if len(shape) == 2 and min(shape) > 1:
        return Frame(*shape, 1)
    return Frame(*shape) if len(shape) == 3 and shape[2] in (1, 3) and min(shape[:2]) > 1 else None


def picture_source(paths: Sequence[Path], specs: Specs, image_shape: Sequence[int] | None = None) -> Source:
    """One row for each picture, values in [0, 1] (0 ... 255 where the model takes whole numbers).

    With the `image_shape` of a demo's run, pictures become digits as its data were made; else they are grey, ink 1 and
    paper 0, or red, green and blue where the model takes three channels.
    Raises InputError when the model takes no pictures, or a file is none that can be used.
    """
    frame = frame_of(specs, image_shape)
    if frame is None:
        raise InputError("This model does not take pictures.", cure="Give its inputs as NPZ, CSV or JSON.")
    if len(paths) > MOST_PICTURES:
        raise InputError(f"These are more than {MOST_PICTURES:,} pictures.", cure="Give them as an NPZ file.")
    turn = _digit if image_shape else _ink if frame.channels == 1 else _colours
    most = 255 if dtype_of(specs[0]["dtype"]).kind in "iu" else 1
    size = frame.height * frame.width * frame.channels
    return Source([Given("picture", None, (size,))], _chunks(paths, frame, turn, most), notes=[NOTES[turn]])


def _chunks(paths: Sequence[Path], frame: Frame, turn: Callable[..., np.ndarray], most: int) -> Iterator[Arrays]:
    for path in paths:
        with path.open("rb") as file:
            values = turn(opened(file), frame).reshape(1, -1)
        yield {"input:picture": values if most == 1 else (values * most).round()}


def _digit(picture: "Image.Image", frame: Frame) -> np.ndarray:
    return centred(ink_of(picture), frame[:2])


def _ink(picture: "Image.Image", frame: Frame) -> np.ndarray:
    from PIL import Image, ImageOps

    ink = Image.fromarray((ink_of(picture) * 255).astype("uint8"))
    return np.asarray(ImageOps.pad(ink, (frame.width, frame.height), Image.Resampling.BOX), "float32") / 255


def _colours(picture: "Image.Image", frame: Frame) -> np.ndarray:
    from PIL import Image, ImageOps

    fitted = ImageOps.pad(picture.convert("RGB"), (frame.width, frame.height), Image.Resampling.BOX)
    return np.asarray(fitted, "float32") / 255


NOTES = {
    _digit: "Each picture was made grey, and its ink centred and scaled as the digits of the data were.",
    _ink: "Each picture was made grey and fitted into the frame; ink is 1 and paper 0, by what its border shows.",
    _colours: "Each picture was fitted into the frame; red, green and blue lie in 0 to 1.",
}
