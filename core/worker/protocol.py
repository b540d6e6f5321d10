"""Frames between the app and a child: one JSON object, and raw arrays behind it; never pickle.

A frame is two big-endian lengths (u32 for the JSON, u64 for the arrays), the JSON, and the bytes of the arrays, one
after another, each padded to `ALIGNMENT`; their names, dtypes and shapes stand in the JSON, under "@arrays". The child
may have loaded an untrusted file: the reader bounds both lengths before it reads, and validates every shape against
the bytes.
"""

import io
import json
import math
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, NamedTuple, cast

import numpy as np

from core.arrays import Arrays
from core.errors import TooMuchToSend, WorkerError
from core.kept_process_lookup import HEAD
from core.settings import MB

ALIGNMENT = 16  # bytes; every dtype of NumPy can be read where these begin


class Frame(NamedTuple):
    message: dict[str, Any]
    arrays: Arrays


class FrameLimit(NamedTuple):
    """Most bytes of a part of a frame, and the setting that lifts it; empty where none does."""

    bytes: int
    setting: str = ""

    def require(self, count: int, subject: str) -> None:
        """Raises TooMuchToSend where `count` bytes are more."""
        if count > self.bytes:
            lift = f", or raise {self.setting}" if self.setting else ""
            raise TooMuchToSend(
                f"{subject} is larger than the {self.bytes / MB:,.3g} MB that it may have.",
                received=f"{count:,} bytes",
                cure=f"Choose fewer rows{lift}.",
            )


JSON_LIMIT = FrameLimit(16 * 1024 * 1024)  # of JSON in one frame
NO_ARRAYS = FrameLimit(0)


def encode_frame(message: Mapping[str, Any], arrays: Arrays | None = None) -> list[bytes | memoryview]:
    """Encode one frame as pieces, in order; arrays of numbers are not copied.

    Raises ValueError for arrays of objects and for NaN in the JSON, TypeError for what JSON cannot hold.
    """
    plain = {name: np.ascontiguousarray(array).reshape(np.shape(array)) for name, array in (arrays or {}).items()}
    if any(array.dtype.hasobject for array in plain.values()):
        raise ValueError("Object arrays cannot be sent")
    specs = {"@arrays": [[name, array.dtype.str, list(array.shape)] for name, array in plain.items()]} if plain else {}
    text = json.dumps({**message, **specs}, allow_nan=False, default=_encode_scalar).encode()
    total = sum(_padded_size(array.nbytes) for array in plain.values())
    pieces: list[bytes | memoryview] = [HEAD.pack(len(text), total) + text]
    for array in plain.values():
        pieces.append(array.tobytes() if array.dtype.kind in "US" else array.data)
        pieces.append(bytes(_padded_size(array.nbytes) - array.nbytes))
    return pieces


def write_pieces(stream: BinaryIO, pieces: list[bytes | memoryview]) -> None:
    """Send one frame. Raises OSError when the other end is gone."""
    for piece in pieces:
        stream.write(piece)
    stream.flush()


def write_frame(stream: BinaryIO, message: Mapping[str, Any], arrays: Arrays | None = None) -> None:
    """Encode and send one frame. Raises as `encode_frame` and `write_pieces`."""
    write_pieces(stream, encode_frame(message, arrays))


def _padded_size(count: int) -> int:
    return -(-count // ALIGNMENT) * ALIGNMENT


def _encode_scalar(value: Any) -> Any:
    """JSON for NumPy's scalars; anything else is a programming error."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} does not go into a frame")


def read_frame(
    stream: BinaryIO,
    array_limit: FrameLimit | Callable[[], FrameLimit] = NO_ARRAYS,
    subject: str = "The reply of a child",
    json_limit: FrameLimit = JSON_LIMIT,
) -> Frame | None:
    """Receive one frame, None at the end of the stream.

    Args:
        array_limit: of the arrays; a function is called when they come.
        subject: what the frame is, for the sentence of an error.
        json_limit: of the JSON.

    Raises TooMuchToSend for what is larger, WorkerError for what is cut short or no frame.
    """
    head = stream.read(HEAD.size)
    if not head:
        return None
    if len(head) < HEAD.size:
        raise WorkerError(f"{subject} broke off.", received=f"{len(head)} bytes of a header")
    json_bytes, array_bytes = HEAD.unpack(head)
    json_limit.require(json_bytes, subject)
    (array_limit if isinstance(array_limit, FrameLimit) else array_limit()).require(array_bytes, subject)
    return _parse_frame(_read_exactly(stream, json_bytes), _read_exactly(stream, array_bytes))


def _read_exactly(stream: BinaryIO, count: int) -> bytearray:
    data = bytearray(count)
    size = cast(io.BufferedReader, stream).readinto(data) if count else 0
    if size < count:
        raise WorkerError("The reply of a child broke off.", received=f"{size} of {count} bytes")
    return data


def _parse_frame(text: bytearray, packed: bytearray) -> Frame:
    try:
        message = json.loads(text)
        return Frame(message, _unpack_arrays(packed, message.pop("@arrays", [])))
    except Exception as error:  # whatever untrusted bytes make of json or NumPy, it is no reply
        raise WorkerError("The reply of a child makes no sense.", detail=str(error)) from error


def _unpack_arrays(packed: bytearray, specs: list[tuple[str, str, list[int]]]) -> Arrays:
    """The arrays as `encode_frame` lists them, not copied. Raises ValueError where they do not fit the bytes."""
    arrays: Arrays = {}
    start = 0
    for name, dtype_name, shape in specs:
        dtype, count = np.dtype(dtype_name), math.prod(shape)
        if dtype.hasobject or any(size < 0 for size in shape) or start + dtype.itemsize * count > len(packed):
            raise ValueError(f"an array is said to be {dtype_name} {shape}")
        arrays[name] = np.frombuffer(packed, dtype, count, start).reshape(shape)
        start += _padded_size(dtype.itemsize * count)
    if start != len(packed):
        raise ValueError(f"{len(packed) - start} bytes belong to no array")
    return arrays
