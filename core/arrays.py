"""`Arrays` type alias, `plain()`, text normalisation.

Texts as NumPy's Unicode strings, whatever held them.

What a format is, what it is given to load with, and what comes back: the one contract of the house.

Aligned blocks of rows from two streams.

Rows of one output as a stream, cut anew into blocks that fit the cache, whatever the chunks they come in.

Because the blocks are always the same, every number is the same to the last bit for any chunking.

A block of rows of both sides as numbers: what is finite, how far apart, and the forms that several numbers share.
"""

from typing import Any

import numpy as np


def as_text(array: np.ndarray) -> np.ndarray:
    """The same shape as Unicode strings; bytes are read as UTF-8, and what is none is written as \\x.. ."""
    if array.dtype.kind == "S":
        return np.char.decode(array, "utf-8", "backslashreplace")
    if array.dtype.kind == "O":
        return np.array([_decode_item(item) for item in array.ravel()], dtype="U").reshape(array.shape)
    return array.astype("U")


def _decode_item(item: Any) -> str:
    return item.decode("utf-8", "backslashreplace") if isinstance(item, bytes) else str(item)


Arrays = dict[str, np.ndarray]


def to_plain_array(array: Any) -> np.ndarray:
    """The same values in a dtype that travels and is stored without pickle: text in a fixed width, and bfloat16, which
    NumPy has not, as float32."""
    array = np.asarray(array)
    if array.dtype.kind == "S" or (array.dtype.kind == "O" and isinstance(next(array.flat, ""), bytes)):
        return np.char.decode(array.astype("S"), "utf-8", "backslashreplace")
    if array.dtype.kind in "OT":
        return array.astype("U")
    return array.astype("float32") if array.dtype.name == "bfloat16" else array


TEXT_KINDS = frozenset("SUOT")


def is_text(*arrays: np.ndarray) -> bool:
    """Whether any of the arrays holds texts."""
    return any(array.dtype.kind in TEXT_KINDS for array in arrays)
