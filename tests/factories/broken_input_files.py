"""Archives and headers of arrays that are not what they say."""

import io
import struct
import zipfile

import numpy as np

from core.inputs import from_npz
from tests.factories.input_files import (
    make_npy,
    make_npz,
)


def make_broken_npz(change) -> bytes:
    """A good .npz whose one central entry was changed: `change` is given the entry as a bytearray."""
    data = bytearray(make_npz(x=np.zeros((2, 4), "float32")))
    at = data.rindex(b"PK\x01\x02")
    entry = data[at:]
    change(entry)
    return bytes(data[:at] + entry)


def overwrite_uint32(at: int, value: int):
    return lambda entry: entry.__setitem__(slice(at, at + 4), struct.pack("<I", value))


def make_too_many_members() -> bytes:
    return make_npz(**{f"a{at}": np.zeros(1) for at in range(from_npz.MAX_ARRAYS + 1)})


def make_zip(name: str, content: bytes, method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


def make_overlapping_members() -> bytes:
    """Two names for one member."""
    data = make_zip("x.npy", make_npy(np.zeros((200, 4), "float32")))
    at = data.index(b"PK\x01\x02")
    end = data.index(b"PK\x05\x06")
    entry, tail = data[at:end], bytearray(data[end:])
    other = entry.replace(b"x.npy", b"y.npy")
    tail[8:12] = struct.pack("<HH", 2, 2)
    tail[12:16] = struct.pack("<I", 2 * len(entry))
    return data[:at] + entry + other + bytes(tail)


def make_npy_with_header(shape: str, descr: str = "'<f4'") -> bytes:
    """A .npy that says so of itself, with sixteen bytes behind it."""
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + bytes(16)
