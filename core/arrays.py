"""Arrays by name, in dtypes that every part of Roundtrip can send, store and compare."""

import hashlib
import io
import math
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, Self, TypedDict

import numpy as np

from core.errors import cleanup_on_error

Arrays = dict[str, np.ndarray]
TEXT_KINDS = frozenset("SUOT")
NUMERIC_KINDS = frozenset("biuf")  # kinds of dtype that have a minimum and a mean
NamedArrays = list[tuple[str, np.ndarray]]
NamedTensors = Iterable[tuple[str, np.ndarray]]  # read one at a time


def describe_rows(array: np.ndarray) -> str:
    """Say how many rows an array holds, and of what: "270 rows of 10 numbers", "4 rows of 8 × 8 numbers"."""
    rows, *axes = array.shape or (1,)
    noun = "text" if is_text(array) else "number"
    count = " × ".join(f"{axis:,}" for axis in axes) or "1"
    return f"{rows:,} row{'' if rows == 1 else 's'} of {count} {noun}{'' if math.prod(axes) == 1 else 's'}"


def to_json_list(array: np.ndarray) -> Any:
    """Return an array as nested lists, with None for what is not finite."""
    if array.dtype.kind not in "fc":
        return array.tolist()
    values = array.astype("O")
    values[~np.isfinite(array)] = None
    return values.tolist()


class StoredArrays(Mapping[str, np.ndarray]):
    """The arrays of an .npz without pickled objects, each read when it is asked for.

    NumPy reads a header by Python's own parser, which was seen to raise SystemError in Python 3.11.7 where several
    threads of a process parse at once: such an array is read once more. Raises OSError, ValueError.
    """

    def __init__(self, path: Path):
        self._file = path.open("rb")
        with cleanup_on_error(self._file.close):  # NumPy leaves the file of a damaged archive open
            self._archive = np.load(self._file, allow_pickle=False)

    def __getitem__(self, name: str) -> np.ndarray:
        try:
            array: np.ndarray = self._archive[name]
        except SystemError:
            array = self._archive[name]
        return array

    def __iter__(self) -> Iterator[str]:
        return iter(self._archive)

    def __len__(self) -> int:
        return len(self._archive)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._archive.close()
        self._file.close()


def encode_npz(arrays: Mapping[str, np.ndarray], compresses: bool = True) -> bytes:
    """Encode arrays as an .npz, the same bytes for the same arrays; any text may be a name."""
    buffer = io.BytesIO()
    kind = zipfile.ZIP_DEFLATED if compresses else zipfile.ZIP_STORED
    with zipfile.ZipFile(buffer, "w", kind) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, array, allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy")  # dated 1980, always
            info.compress_type = kind
            archive.writestr(info, member.getvalue())
    return buffer.getvalue()


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
    return _widen_text(array)


def _widen_text(array: np.ndarray) -> np.ndarray:
    """Text of NumPy's variable width, or any values, as text of one width."""
    return (array.astype("O") if array.dtype.kind == "T" else array).astype("U")


def _decode_item(item: Any) -> str:
    return item.decode("utf-8", "backslashreplace") if isinstance(item, bytes) else str(item)


def to_plain_array(array: Any) -> np.ndarray:
    """Return the values in a dtype that needs no pickle: fixed-width text, float32 for bfloat16."""
    array = np.asarray(array)
    if array.dtype.kind == "S" or (array.dtype.kind == "O" and isinstance(next(array.flat, ""), bytes)):
        return np.char.decode(array.astype("S"), "utf-8", "backslashreplace")
    if array.dtype.kind in "OT":
        return _widen_text(array)
    return array.astype("float32") if array.dtype.name == "bfloat16" else array


def to_jsonable(value: Any) -> Any:
    """Plain JSON of any value: what is not finite becomes "nan", "inf" or "-inf", other types become text."""
    if isinstance(value, int | str) or value is None:
        return value
    if isinstance(value, float) and not isinstance(value, np.generic):
        return value if math.isfinite(value) else str(value)
    if is_dataclass(value):
        return to_jsonable(vars(value))
    if isinstance(value, dict):
        return {str(name): to_jsonable(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_jsonable(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return to_jsonable(value.tolist())
    return _decode_item(value)


class Fingerprint(TypedDict):
    """An array in records; `sha256` is of its bytes in C order."""

    name: str
    dtype: str
    shape: list[int]
    sha256: str


def fingerprint_arrays(named: NamedTensors) -> list[Fingerprint]:
    """Name, dtype, shape and SHA-256 of each array, in order."""
    return [
        Fingerprint(name=name, dtype=str(array.dtype), shape=list(array.shape), sha256=hash_array(array))
        for name, array in named
    ]


def hash_array(array: np.ndarray) -> str:
    """The SHA-256 of an array's bytes, in C order; an array of numbers that lies in that order is not copied."""
    ordered = np.ascontiguousarray(array)
    if ordered.dtype.kind in "OTUSV":  # text, objects, and numbers that are not NumPy's own
        return hashlib.sha256(ordered.tobytes()).hexdigest()
    return hashlib.sha256(ordered.reshape(-1).view("uint8").data).hexdigest()
