"""Rows of data that are images, as PNG."""

import base64
import io

import numpy as np

ADDED_INK, REMOVED_INK = (79, 70, 229), (217, 119, 6)  # red, green, blue of ink that was added and taken away


def row_image(values: np.ndarray, shape: tuple[int, int], side: int = 64) -> bytes:
    """Draw one row of pixels in [0, 1], dark ink on white, as a PNG of about `side` pixels."""
    return _encode_png((255 * (1 - np.clip(values.reshape(shape), 0, 1))).astype("uint8"), side)


def row_image_url(values: np.ndarray, shape: tuple[int, int], side: int = 32) -> str:
    """Draw one row as a data URL, for a table's cell or a picture that soon changes."""
    return data_url(row_image(values, shape, side))


def data_url(png: bytes) -> str:
    """Encode a PNG as a URL that holds all of it."""
    return "data:image/png;base64," + base64.b64encode(png).decode()


def change_image(values: np.ndarray, origin: np.ndarray, shape: tuple[int, int], side: int = 64) -> bytes:
    """Draw what was changed of a row, as a PNG of about `side` pixels.

    Violet where ink was added, orange where it was removed, each as strong as the change is beside the largest.
    """
    change = (values.astype("float64") - origin.astype("float64")).reshape(*shape, 1)
    share = np.abs(change) / (np.abs(change).max() or 1.0)
    ink = np.where(change > 0, np.array(ADDED_INK), np.array(REMOVED_INK))
    return _encode_png((255 * (1 - share) + ink * share).astype("uint8"), side)


def _encode_png(pixels: np.ndarray, side: int) -> bytes:
    from PIL import Image

    scale = max(1, side // max(pixels.shape[:2]))
    buffer = io.BytesIO()
    Image.fromarray(pixels.repeat(scale, axis=0).repeat(scale, axis=1)).save(buffer, format="PNG")
    return buffer.getvalue()
