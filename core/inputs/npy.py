"""Arrays in .npy files, read and written some rows at a time: an array of any length takes little memory."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple, Self

import numpy as np
from numpy.lib import format as npy

from core.arrays import to_plain_array
from core.errors import Damaged, InputError

CHUNK_BYTES = 2 * 2**20  # bytes of rows that are handled together
MAX_HEADER_LENGTH = 10_000  # characters of a header that are parsed; NumPy's own bound


class NpyHeader(NamedTuple):
    """The header of a .npy file; `is_fortran` says that its columns, and not its rows, lie together."""

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
    """Return how many rows of that size are handled together."""
    return max(1, CHUNK_BYTES // max(row_bytes, 1))


def read_header(stream: IO[bytes], name: str) -> NpyHeader:
    """Read the header before any value. Raises InputError unless it is of numbers or text with an axis of rows."""
    try:
        read = npy.read_array_header_1_0 if npy.read_magic(stream) == (1, 0) else npy.read_array_header_2_0
        shape, is_fortran, dtype = read(stream, max_header_size=MAX_HEADER_LENGTH)
    except (ValueError, EOFError, TypeError) as error:
        cure = "Write it with numpy.save or numpy.savez."
        raise InputError(f"“{name}” is no array that NumPy wrote.", cure=cure, detail=str(error)) from error
    if dtype.hasobject:
        sentence = f"“{name}” holds Python objects, which only pickle could read, and pickle may run any code."
        raise InputError(sentence, received=f"dtype {dtype}", cure="Save it as numbers, or as text with .astype('U').")
    if not shape or min(shape) < 0:
        raise InputError(f"“{name}” has no axis of rows.", received=f"shape {shape}", cure="Put the rows first.")
    return NpyHeader(dtype, tuple(shape), is_fortran and len(shape) > 1)


def require_all_bytes(header: NpyHeader, name: str, data_bytes: int) -> None:
    """Raise InputError unless as many bytes stand behind the header as it says."""
    if header.bytes != data_bytes:
        sentence = f"“{name}” says that it has {header.bytes:,} bytes of values, and there are {data_bytes:,}."
        raise InputError(sentence, cure="Write the file again.")


def read_rows(stream: IO[bytes], header: NpyHeader, rows: int, name: str) -> np.ndarray:
    """Read the next rows behind the header (of Fortran order: all). Raises InputError when the bytes end before."""
    count = rows * header.row_bytes
    data = stream.read(count)
    if len(data) != count:
        raise InputError(f"“{name}” is cut short.", cure="Write the file again.")
    shape = (rows, *header.shape[1:])
    return np.frombuffer(data, header.dtype).reshape(shape, order="F" if header.is_fortran else "C")


def iter_row_chunks(stream: IO[bytes], header: NpyHeader, name: str) -> Iterator[np.ndarray]:
    """Yield the rows of an array from a stream that stands behind its header. Raises as `read_rows` does."""
    rows = header.shape[0]
    step = max(rows, 1) if header.is_fortran else rows_per_chunk(header.row_bytes)
    for start in range(0, rows, step):
        yield read_rows(stream, header, min(step, rows - start), name)


class RowWriter:
    """A .npy file that grows by rows of one dtype and shape; text is as wide as its longest, and no wider."""

    def __init__(self, path: Path):
        self._path = path
        self._file: IO[bytes] | None = None
        self.dtype = np.dtype("U1")
        self.shape: tuple[int, ...] = ()
        self.rows = 0

    def bytes_after(self, rows: np.ndarray) -> int:
        """Return the file's bytes of values after these rows: one long text makes every row as wide."""
        width = max(self.dtype.itemsize, _text_width(rows) * 4) if rows.dtype.kind == "U" else rows.dtype.itemsize
        return (self.rows + len(rows)) * width * math.prod(rows.shape[1:])

    def append(self, rows: np.ndarray) -> None:
        """Write rows behind those before. Raises OSError when the disk refuses."""
        rows = rows.astype(f"U{_text_width(rows)}") if rows.dtype.kind == "U" else rows
        file = self._file
        if file is None:
            file = self._open(rows.dtype, rows.shape[1:])
        elif rows.dtype.itemsize > self.dtype.itemsize:
            file = self._widen(rows.dtype)
        file.write(_raw_bytes(np.ascontiguousarray(rows, self.dtype)))
        self.rows += len(rows)

    def _open(self, dtype: np.dtype, shape: tuple[int, ...]) -> IO[bytes]:
        self.dtype, self.shape = dtype, shape
        self._file = self._path.open("wb")
        self._write_header(self._file)
        return self._file

    def _write_header(self, file: IO[bytes]) -> None:
        """NumPy leaves room for the longest number of rows, so that the header can be written again at the end."""
        shape = (self.rows, *self.shape)
        header = {"descr": npy.dtype_to_descr(self.dtype), "fortran_order": False, "shape": shape}
        npy.write_array_header_1_0(file, header)

    def _widen(self, dtype: np.dtype) -> IO[bytes]:
        """Write the text so far again, in a wider dtype."""
        self.close()
        narrow = self._path.with_suffix(".narrow")
        self._path.rename(narrow)
        file = self._open(dtype, self.shape)
        with RowReader(narrow) as old:
            for start in range(0, old.rows, step := rows_per_chunk(old.header.row_bytes)):
                file.write(_raw_bytes(old.read(start, start + step).astype(dtype)))
        narrow.unlink()
        return file

    def close(self) -> None:
        """Write the header with the final number of rows. Raises OSError, with the file closed."""
        if self._file is not None and not self._file.closed:
            with self._file as file:
                file.seek(0)
                self._write_header(file)


def _raw_bytes(rows: np.ndarray) -> memoryview:
    return rows.reshape(-1).view(np.uint8).data


def _text_width(text: np.ndarray) -> int:
    return int(np.char.str_len(text).max(initial=1)) or 1


class RowReader:
    """One of our own .npy files, open for reading any of its rows; it holds none of them. Raises Damaged."""

    def __init__(self, path: Path):
        self._name = path.name
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise self._damaged_error() from error
        try:
            self.header = read_header(self._file, path.name)
        except InputError as error:
            self._file.close()
            raise self._damaged_error() from error
        self._start = self._file.tell()

    @property
    def rows(self) -> int:
        return self.header.shape[0]

    def read(self, start: int, stop: int) -> np.ndarray:
        """Return the rows from `start` to before `stop`, or to the end."""
        count = max(min(stop, self.rows) - start, 0)
        self._file.seek(self._start + start * self.header.row_bytes)
        raw = np.empty(count * self.header.row_bytes, np.uint8)
        if self._file.readinto(raw.data) != raw.size:
            raise self._damaged_error()
        return raw.view(self.header.dtype).reshape(count, *self.header.shape[1:])

    def _damaged_error(self) -> Damaged:
        sentence = f"The file {self._name} of these inputs is missing or cut short."
        return Damaged(sentence, cure="Choose or upload them again.")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def normalize_array(array: np.ndarray) -> np.ndarray:
    """Return an array as it can be stored: text in a fixed width, in the byte order of this machine."""
    plain = to_plain_array(array)
    return plain.astype(plain.dtype.newbyteorder("="), copy=False)
