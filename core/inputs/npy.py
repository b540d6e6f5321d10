"""Arrays in .npy files, written and read some rows at a time: an array of any length takes little memory."""

import io
import math
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.lib import format as npy

from core.arrays import to_plain_array
from core.errors import Damaged, InputError

CHUNK_BYTES = 2 * 2**20  # bytes of rows that are handled together
MAX_HEADER_LENGTH = 10_000  # characters of a header that are looked at; NumPy's own bound


class NpyHeader(NamedTuple):
    """What a .npy file says of its array; `fortran` says that its columns, and not its rows, lie together."""

    dtype: np.dtype
    shape: tuple[int, ...]
    is_fortran: bool

    @property
    def row_bytes(self) -> int:
        return self.dtype.itemsize * math.prod(self.shape[1:])

    @property
    def bytes(self) -> int:
        return self.dtype.itemsize * math.prod(self.shape)


def rows_per_chunk(row_bytes: int) -> int:
    """How many rows of that size are handled together."""
    return max(1, CHUNK_BYTES // max(row_bytes, 1))


def read_header(stream: BinaryIO, name: str) -> NpyHeader:
    """What the array says of itself, before any of it is read. Raises InputError when it is no array of numbers or
    text with an axis of rows."""
    try:
        read = npy.read_array_header_1_0 if npy.read_magic(stream) == (1, 0) else npy.read_array_header_2_0
        shape, fortran, dtype = read(stream, max_header_size=MAX_HEADER_LENGTH)
    except (ValueError, EOFError, TypeError) as error:
        raise InputError(
            f"“{name}” is no array that NumPy wrote.",
            cure="Write it with numpy.save or numpy.savez.",
            detail=str(error),
        ) from error
    if dtype.hasobject:
        raise InputError(
            f"“{name}” holds Python objects, which only pickle could read, and pickle may run any code.",
            received=f"dtype {dtype}",
            cure="Save it as numbers, or as text with .astype('U').",
        )
    if not shape or min(shape) < 0:
        raise InputError(f"“{name}” has no axis of rows.", received=f"shape {shape}", cure="Put the rows first.")
    return NpyHeader(dtype, tuple(shape), fortran and len(shape) > 1)


def iter_row_chunks(stream: BinaryIO, header: NpyHeader, name: str) -> Iterator[np.ndarray]:
    """The rows of an array, some at a time, from a stream that stands behind its header.

    Raises InputError when there are fewer bytes than the header says.
    """
    if header.is_fortran:  # its rows lie strewn over the whole of it
        yield np.frombuffer(_read_exactly(stream, header.bytes, name), header.dtype).reshape(header.shape, order="F")
        return
    step = rows_per_chunk(header.row_bytes)
    for start in range(0, header.shape[0], step):
        rows = min(step, header.shape[0] - start)
        data = _read_exactly(stream, rows * header.row_bytes, name)
        yield np.frombuffer(data, header.dtype).reshape(rows, *header.shape[1:])


def _read_exactly(stream: BinaryIO, count: int, name: str) -> bytes:
    data = stream.read(count)
    if len(data) != count:
        raise InputError(f"“{name}” is cut short.", cure="Write the file again.")
    return data


class RowWriter:
    """A .npy file that grows by rows of one dtype and shape; text is as wide as its longest, and no wider."""

    def __init__(self, path: Path):
        self._path = path
        self._file: BinaryIO | None = None
        self.dtype = np.dtype("U1")
        self.shape: tuple[int, ...] = ()
        self.rows = 0

    @property
    def bytes(self) -> int:
        return self.rows * self.dtype.itemsize * math.prod(self.shape)

    def bytes_after(self, rows: np.ndarray) -> int:
        """What `bytes` would be after these rows: one long text makes every row as wide."""
        item = max(self.dtype.itemsize, _text_width(rows) * 4) if rows.dtype.kind == "U" else rows.dtype.itemsize
        return (self.rows + len(rows)) * item * math.prod(rows.shape[1:])

    def append(self, rows: np.ndarray) -> None:
        """Raises OSError when the disk refuses."""
        rows = _narrow_text(rows) if rows.dtype.kind == "U" else rows
        if self._file is None:
            self._open(rows.dtype, rows.shape[1:])
        elif rows.dtype.itemsize > self.dtype.itemsize:
            self._widen(rows.dtype)
        raw = np.ascontiguousarray(rows, self.dtype).reshape(-1).view(np.uint8)
        self._file.write(raw.data)
        self.rows += len(rows)

    def _open(self, dtype: np.dtype, shape: tuple[int, ...]) -> None:
        self.dtype, self.shape = dtype, shape
        self._file = self._path.open("wb")
        self._write_header()

    def _write_header(self) -> None:
        """NumPy leaves room for the longest number of rows, so that the header can be written again at the end."""
        shape = (self.rows, *self.shape)
        facts = {"descr": npy.dtype_to_descr(self.dtype), "fortran_order": False, "shape": shape}
        npy.write_array_header_1_0(self._file, facts)

    def _widen(self, dtype: np.dtype) -> None:
        """Write the text so far anew, in the width of what is to come."""
        self.close()
        narrow = self._path.with_suffix(".narrow")
        self._path.rename(narrow)
        self._open(dtype, self.shape)
        with RowReader(narrow) as old:
            for start in range(0, old.rows, step := rows_per_chunk(old.header.row_bytes)):
                self._file.write(old.read(start, start + step).astype(dtype).reshape(-1).view(np.uint8).data)
        narrow.unlink()

    def close(self) -> None:
        if self._file is not None and not self._file.closed:
            self._file.seek(0)
            self._write_header()
            self._file.close()


def _narrow_text(text: np.ndarray) -> np.ndarray:
    return text.astype(f"U{_text_width(text)}")


def _text_width(text: np.ndarray) -> int:
    return int(np.char.str_len(text).max(initial=1)) or 1


class RowReader:
    """One of our own .npy files, open for reading any of its rows; it holds none of them. Raises Damaged."""

    def __init__(self, path: Path):
        self._file = _open_file(path)
        try:
            self.header = read_header(self._file, path.name)
        except InputError as error:
            self._file.close()
            raise _damaged_error(path.name) from error
        self._start = self._file.tell()
        self._name = path.name

    @property
    def rows(self) -> int:
        return self.header.shape[0]

    def read(self, start: int, stop: int) -> np.ndarray:
        """The rows from `start` to before `stop`, or to the end."""
        count = max(min(stop, self.rows) - start, 0)
        self._file.seek(self._start + start * self.header.row_bytes)
        raw = np.empty(count * self.header.row_bytes, np.uint8)
        if self._file.readinto(raw.data) != raw.size:
            raise _damaged_error(self._name)
        return raw.view(self.header.dtype).reshape(count, *self.header.shape[1:])

    def __enter__(self) -> "RowReader":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _open_file(path: Path) -> io.BufferedReader:
    try:
        return path.open("rb")
    except OSError as error:
        raise _damaged_error(path.name) from error


def _damaged_error(name: str) -> Damaged:
    return Damaged(f"The file {name} of these inputs is missing or cut short.", cure="Choose or upload them again.")


def normalize_arrays(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Arrays as they can be kept: text in a fixed width, in the byte order of this machine."""
    plain_ = {name: to_plain_array(array) for name, array in arrays.items()}
    return {name: array.astype(array.dtype.newbyteorder("="), copy=False) for name, array in plain_.items()}
