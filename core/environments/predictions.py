"""Predictions that the process of an environment wrote: read within bounds, as its model may be untrusted."""

import lzma
import math
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.lib import format as npy

from core.arrays import Arrays
from core.errors import InputError

PREDICTIONS = "predictions.npz"
MAX_SURPLUS = 64  # outputs that nobody expects
MAX_OUTPUTS, MAX_AXES = 256, 16  # of a model of which nothing is known
MAX_OPEN_BYTES = 64 * 2**20  # of predictions that nobody expects
OPEN_KINDS = "biufcU"
# What zipfile and NumPy raise over a file that is damaged, or was made to mislead them.
READ_ERRORS = (
    OSError,
    EOFError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    MemoryError,
    RuntimeError,
    SyntaxError,
    SystemError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
)


class _Header(NamedTuple):
    shape: tuple[int, ...]
    is_fortran: bool
    dtype: np.dtype

    @property
    def bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


def read_unexpected_predictions(path: Path) -> Arrays:
    """Read predictions of which nothing is known, at most `MAX_OPEN_BYTES`. Raises InputError."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if not 0 < len(members) <= MAX_OUTPUTS:
                raise _unlike_error("It gives no outputs, or too many.", f"{len(members):,}")
            if (size := sum(member.file_size for member in members)) > MAX_OPEN_BYTES:
                raise _unlike_error("Its answers are larger than what is read of a file.", f"{size:,} bytes")
            return {member.filename.removesuffix(".npy"): _read_open_array(archive, member) for member in members}
    except READ_ERRORS as error:
        raise _unlike_error("It gave no predictions that can be read.", None) from error


def _read_open_array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(member) as stream:
        header = _read_header(stream)
        if header.dtype.kind not in OPEN_KINDS or len(header.shape) > MAX_AXES:
            received = f"{member.filename} as {header.dtype} with {len(header.shape)} axes"
            raise _unlike_error("It gives another kind of value.", received)
        if header.bytes != member.file_size - stream.tell():
            received = f"{member.filename}, {header.bytes:,} bytes"
            raise _unlike_error("Its answers are of another size than it says.", received)
        return _read_values(stream, header)


def read_predictions(path: Path, expected: Mapping[str, np.ndarray]) -> Arrays:
    """Read the predictions of a kit, of which no more is read than was expected.

    Raises InputError where an output is missing, or has another shape or kind of value.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = {name.removesuffix(".npy") for name in archive.namelist()}
            if missing := [name for name in expected if name not in names]:
                raise _unlike_error("It does not give all outputs of this model.", f"without {', '.join(missing[:5])}")
            if len(names) > len(expected) + MAX_SURPLUS:
                raise _unlike_error("It gives too many outputs.", f"{len(names):,}")
            return {name: _read_array(archive, name, array) for name, array in expected.items()}
    except READ_ERRORS as error:
        raise _unlike_error("It gave no predictions that can be read.", None) from error


def _read_array(archive: zipfile.ZipFile, name: str, expected: np.ndarray) -> np.ndarray:
    """Read an array in one go: another look at the file might find another header."""
    with archive.open(f"{name}.npy") as stream:
        header = _read_header(stream)
        _require_alike(name, header, expected)
        return _read_values(stream, header)


def _require_alike(name: str, header: _Header, expected: np.ndarray) -> None:
    shape, _, dtype = header
    if shape != expected.shape:
        raise _unlike_error("It gives predictions of another shape.", f"{name} {shape} instead of {expected.shape}")
    is_alike = dtype.kind == expected.dtype.kind or {dtype.kind, expected.dtype.kind} <= set("SU")
    if not is_alike or dtype.itemsize > max(16, 4 * expected.dtype.itemsize):
        raise _unlike_error("It gives another kind of value.", f"{name} as {dtype} instead of {expected.dtype}")


def _read_header(stream: IO[bytes]) -> _Header:
    """Raises ValueError for items of no bytes, of which a few bytes could hold any number, and for sizes below 0."""
    read = npy.read_array_header_1_0 if npy.read_magic(stream) == (1, 0) else npy.read_array_header_2_0
    header = _Header(*read(stream))
    if not header.dtype.itemsize or min(header.shape, default=0) < 0:
        raise ValueError(f"no array has {header.shape} items of {header.dtype}")
    return header


def _read_values(stream: IO[bytes], header: _Header) -> np.ndarray:
    """Raises EOFError where the bytes end before."""
    data = bytearray(stream.read(header.bytes))
    if len(data) != header.bytes:
        raise EOFError(f"{len(data):,} bytes of {header.bytes:,}")
    return np.ndarray(header.shape, header.dtype, data, order="F" if header.is_fortran else "C")


def _unlike_error(sentence: str, received: Any) -> InputError:
    return InputError(sentence, received=received, cure="Take another format for this engine, or another engine.")
