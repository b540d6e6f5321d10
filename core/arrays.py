"""Arrays by name, in dtypes that every part of Roundtrip can send, store and compare."""

from collections.abc import Mapping
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]
TEXT_KINDS = frozenset("SUOT")
NUMERIC_KINDS = frozenset("biuf")  # kinds of dtype that have a minimum and a mean


def select_rows(arrays: Mapping[str, np.ndarray], rows: slice | list[int] | np.ndarray) -> Arrays:
    """Return some rows of every array, (rows, ...)."""
    return {name: array[rows] for name, array in arrays.items()}


def is_text(*arrays: np.ndarray) -> bool:
    """Whether any of the arrays holds text."""
    return any(array.dtype.kind in TEXT_KINDS for array in arrays)


def as_text(array: np.ndarray) -> np.ndarray:
    """Return the array as Unicode strings; bytes are read as UTF-8, invalid ones become \\x.. ."""
    if array.dtype.kind == "S":
        return np.char.decode(array, "utf-8", "backslashreplace")
    if array.dtype.kind == "O":
        return np.array([_decode_item(item) for item in array.ravel()], dtype="U").reshape(array.shape)
    return array.astype("U")


def _decode_item(item: Any) -> str:
    return item.decode("utf-8", "backslashreplace") if isinstance(item, bytes) else str(item)


def to_plain_array(array: Any) -> np.ndarray:
    """Return the values in a dtype that needs no pickle: fixed-width text, float32 for bfloat16."""
    array = np.asarray(array)
    if array.dtype.kind == "S" or (array.dtype.kind == "O" and isinstance(next(array.flat, ""), bytes)):
        return np.char.decode(array.astype("S"), "utf-8", "backslashreplace")
    if array.dtype.kind in "OT":
        return array.astype("U")
    return array.astype("float32") if array.dtype.name == "bfloat16" else array
