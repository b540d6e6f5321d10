"""Texts as NumPy's Unicode strings, whatever held them."""

from typing import Any

import numpy as np


def as_text(array: np.ndarray) -> np.ndarray:
    """The same shape as Unicode strings; bytes are read as UTF-8, and what is none is written as \\x.. ."""
    if array.dtype.kind == "S":
        return np.char.decode(array, "utf-8", "backslashreplace")
    if array.dtype.kind == "O":
        return np.array([_word(item) for item in array.ravel()], dtype="U").reshape(array.shape)
    return array.astype("U")


def _word(item: Any) -> str:
    return item.decode("utf-8", "backslashreplace") if isinstance(item, bytes) else str(item)
