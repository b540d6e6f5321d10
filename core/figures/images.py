"""Rows of data that are images, as pictures."""

import base64
import io

import numpy as np

ADDED_INK, REMOVED_INK = (79, 70, 229), (217, 119, 6)  # red, green, blue of ink that was added and taken away


def row_image(values: np.ndarray, shape: tuple[int, int], side: int = 64) -> bytes:
    """One row of pixels in [0, 1] as a PNG of about `side` pixels, dark ink on white as on paper."""
    return _encode_png((255 * (1 - np.clip(values.reshape(shape), 0, 1))).astype("uint8"), side)


def row_image_url(values: np.ndarray, shape: tuple[int, int], side: int = 32) -> str:
    """The same as a data URL: for a table's cell, or where the next picture comes before this one could be fetched."""
    return data_url(row_image(values, shape, side))


def data_url(png: bytes) -> str:
    """A PNG as an address that holds all of it."""
    return "data:image/png;base64," + base64.b64encode(png).decode()


def change_image(values: np.ndarray, origin: np.ndarray, shape: tuple[int, int], side: int = 64) -> bytes:
    """What was changed of a row, as a PNG of about `side` pixels: violet where ink was added, orange where it was taken
    away, each as strong as the change is beside the largest."""
    moved = (values.astype("float64") - origin.astype("float64")).reshape(*shape, 1)
    share = np.abs(moved) / (np.abs(moved).max() or 1.0)
    ink = np.where(moved > 0, np.array(ADDED_INK), np.array(REMOVED_INK))
    return _encode_png((255 * (1 - share) + ink * share).astype("uint8"), side)


def _encode_png(pixels: np.ndarray, side: int) -> bytes:
    """Pixels, of one value or three, as a PNG of about `side` pixels."""
    from PIL import Image

    scale = max(1, side // max(pixels.shape[:2]))
    buffer = io.BytesIO()
    Image.fromarray(pixels.repeat(scale, axis=0).repeat(scale, axis=1)).save(buffer, format="PNG")
    return buffer.getvalue()
