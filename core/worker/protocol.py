"""Frames between the app and a child: one JSON object, and raw arrays behind it. Never pickle.

A frame is two big-endian lengths (u32 for the JSON, u64 for the arrays), the JSON, and the bytes of the arrays, one
after another, each padded to `ALIGNED`; their names, dtypes and shapes stand in the JSON, under "@arrays". The child
may have loaded a stranger's file, so the reader bounds both lengths before it reads, and believes no shape that the
bytes do not bear out.
"""

import json
import math
import struct
from collections.abc import Callable
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from core.errors import WorkerError

HEAD = struct.Struct(">IQ")
JSON_LIMIT = 16 * 1024 * 1024  # bytes of JSON in one frame
ALIGNMENT = 16  # bytes; every dtype of NumPy can be read where these begin


class Frame(NamedTuple):
    message: dict[str, Any]
    arrays: dict[str, np.ndarray]


def encode_frame(message: dict[str, Any], arrays: dict[str, np.ndarray] | None = None) -> list[bytes | memoryview]:
    """The pieces of one frame, in order; arrays of numbers are not copied. Raises ValueError for arrays of objects and
    for numbers that JSON does not know, TypeError for what JSON cannot say."""
    whole = {name: np.ascontiguousarray(array).reshape(np.shape(array)) for name, array in (arrays or {}).items()}
    if any(array.dtype.hasobject for array in whole.values()):
        raise ValueError("Object arrays cannot be sent")
    listed = [[name, array.dtype.str, list(array.shape)] for name, array in whole.items()]
    told = {**message, "@arrays": listed} if whole else message
    text = json.dumps(told, allow_nan=False, default=_encode_scalar).encode()
    pieces = [HEAD.pack(len(text), sum(_padded_size(array.nbytes) for array in whole.values())) + text]
    for array in whole.values():
        pieces.append(array.tobytes() if array.dtype.kind in "US" else array.data)
        pieces.append(bytes(_padded_size(array.nbytes) - array.nbytes))
    return pieces


def write_pieces(stream: BinaryIO, pieces: list[bytes | memoryview]) -> None:
    """Send one frame. Raises OSError when the other end is gone."""
    for piece in pieces:
        stream.write(piece)
    stream.flush()


def write_frame(stream: BinaryIO, message: dict[str, Any], arrays: dict[str, np.ndarray] | None = None) -> None:
    """Encode and send one frame; raises what either does."""
    write_pieces(stream, encode_frame(message, arrays))


def _padded_size(count: int) -> int:
    return -(-count // ALIGNMENT) * ALIGNMENT


def _encode_scalar(value: Any) -> Any:
    """JSON for NumPy's scalars; anything else is a mistake of ours."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} does not go into a frame")


def read_frame(
    stream: BinaryIO,
    array_limit: int | Callable[[], int],
    subject: str = "The reply of a child",
    json_limit: int = JSON_LIMIT,
) -> Frame | None:
    """Receive one frame, None at the end of the stream.

    `limit` bounds the arrays, in bytes, and is asked when they come; `json_limit` bounds the JSON. Raises WorkerError
    for one that is too large, cut short or no frame; `what` names it in the sentence.
    """
    head = stream.read(HEAD.size)
    if not head:
        return None
    if len(head) < HEAD.size:
        raise WorkerError(f"{subject} broke off.", received=f"{len(head)} bytes of a header")
    json_bytes, array_bytes = HEAD.unpack(head)
    if json_bytes > json_limit or array_bytes > (array_limit() if callable(array_limit) else array_limit):
        raise WorkerError(
            f"{subject} is larger than allowed.",
            received=f"{json_bytes + array_bytes:,} bytes",
            cure="Choose fewer rows, or raise ROUNDTRIP_REPLY_MIB.",
        )
    return _parse(_read_exactly(stream, json_bytes), _read_exactly(stream, array_bytes))


def _read_exactly(stream: BinaryIO, count: int) -> bytearray:
    data = bytearray(count)
    got = stream.readinto(data) if count else 0
    if got < count:
        raise WorkerError("The reply of a child broke off.", received=f"{got} of {count} bytes")
    return data


def _parse(text: bytearray, packed: bytearray) -> Frame:
    try:
        message = json.loads(text)
        return Frame(message, _unpack(packed, message.pop("@arrays", [])))
    except Exception as error:  # whatever a stranger's bytes make of json or NumPy, it is no reply
        raise WorkerError("The reply of a child makes no sense.", detail=str(error)) from error


def _unpack(packed: bytearray, specs: list[list[Any]]) -> dict[str, np.ndarray]:
    """The arrays as `write_frame` lists them, in place: not one byte is copied. Raises ValueError where they do not add
    up to what came."""
    arrays, start = {}, 0
    for name, dtype, shape in specs:
        kind, count = np.dtype(dtype), math.prod(shape)
        if kind.hasobject or any(size < 0 for size in shape) or start + kind.itemsize * count > len(packed):
            raise ValueError(f"an array is said to be {dtype} {shape}")
        arrays[name] = np.frombuffer(packed, kind, count, start).reshape(shape)
        start += _padded_size(kind.itemsize * count)
    if start != len(packed):
        raise ValueError(f"{len(packed) - start} bytes belong to no array")
    return arrays
