"""A library with one run made by hand, and a store of inputs over it: no model, no worker.

Files of inputs, made in memory, and what a model may take; `read` reads one as a person's upload.
"""

import io
import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from core.inputs import Inputs

HELD_OUT_ROWS = 40
COLOUR_LABELS = ["red", "green", "blue"]
PIXELS = {"name": "pixels", "dtype": "float32", "shape": [None, 4]}
BILL = {"name": "bill", "dtype": "float32", "shape": [None, 1]}
GUESTS = {"name": "guests", "dtype": "int32", "shape": [None, 1]}
DAY = {"name": "day", "dtype": "object", "shape": [None, 1]}
MIXED = [BILL, GUESTS, DAY]

FOUR_COLUMNS = [[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]
FLAG = {"name": "flag", "dtype": "bool", "shape": [None, 1]}
LARGE = {"name": "large", "dtype": "int64", "shape": [None, 1]}
GRID = {"name": "grid", "dtype": "float32", "shape": [None, 2, 2, 1]}
FREE = {"name": "free", "dtype": "float32", "shape": [None, None]}
MINERALS = [
    {"name": "a", "dtype": "float32", "shape": [None, 2]},
    {"name": "b", "dtype": "float32", "shape": [None, 1]},
]
TIPS_ROWS = {"bill": [[24.5], [10.0]], "guests": [[4], [2]], "day": [["Sun"], ["Fri"]]}


def make_npz(**arrays) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def make_npy(array: np.ndarray, **more) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, **more)
    return buffer.getvalue()


def to_json_bytes(found) -> bytes:
    return json.dumps(found).encode()


def read_input_file(store: Inputs, folder: Path, name: str, content: bytes, specs: list[dict], **more):
    (folder / name).write_bytes(content)
    return store.add_file(folder / name, specs, **more)


def read_values(store: Inputs, kept) -> dict[str, list]:
    return {name: array.tolist() for name, array in store.read_rows(kept.id, slice(None)).items()}


DIGIT = {"name": "pixels", "dtype": "float32", "shape": [None, 64]}


def make_stroke_image(mode: str, size: tuple[int, int], paper: int, ink: int, kind: str = "PNG") -> bytes:
    """A thick stroke from top to bottom, a little right of the middle."""
    image = Image.new("L", size, paper)
    width, height = size
    ImageDraw.Draw(image).rectangle([width * 0.5, height * 0.2, width * 0.6 - 1, height * 0.8], fill=ink)
    buffer = io.BytesIO()
    image.convert(mode).save(buffer, kind)
    return buffer.getvalue()
