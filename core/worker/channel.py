"""Frames between the app and a child: one JSON object, and raw arrays beside it. Never pickle.

A frame is two big-endian lengths (u32 for the JSON, u64 for the arrays), the JSON, and the arrays as an npz. The child
may have loaded a stranger's file, so the reader bounds both lengths before it reads, and refuses object arrays.
"""

import io
import json
import struct
import zipfile
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from core.errors import WorkerError

HEAD = struct.Struct(">IQ")
JSON_LIMIT = 16 * 1024 * 1024  # bytes of JSON in one frame


class Frame(NamedTuple):
    message: dict[str, Any]
    arrays: dict[str, np.ndarray]


def write_frame(stream: BinaryIO, message: dict[str, Any], arrays: dict[str, np.ndarray] | None = None) -> None:
    """Send one frame. Raises OSError when the other end is gone."""
    text = json.dumps(message, allow_nan=False, default=_plain).encode()
    packed = b""
    if arrays:
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **{str(index): array for index, array in enumerate(arrays.values())})
        text = json.dumps({**json.loads(text), "@arrays": list(arrays)}, allow_nan=False).encode()
        packed = buffer.getvalue()
    stream.write(HEAD.pack(len(text), len(packed)) + text)
    stream.write(packed)
    stream.flush()


def _plain(value: Any) -> Any:
    """JSON for NumPy's scalars; anything else is a mistake of ours."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} does not go into a frame")


def read_frame(stream: BinaryIO, limit: int) -> Frame | None:
    """Receive one frame, None at the end of the stream.

    `limit` bounds the arrays, in bytes. Raises WorkerError for a reply that is too large, cut short or no frame.
    """
    head = stream.read(HEAD.size)
    if not head:
        return None
    if len(head) < HEAD.size:
        raise WorkerError("The reply of a child broke off.", received=f"{len(head)} bytes of a header")
    json_bytes, array_bytes = HEAD.unpack(head)
    if json_bytes > JSON_LIMIT or array_bytes > limit:
        raise WorkerError(
            "The reply of a child is larger than allowed.",
            received=f"{json_bytes + array_bytes:,} bytes",
            cure="Choose fewer rows, or raise ROUNDTRIP_REPLY_MIB.",
        )
    return _parse(_exactly(stream, json_bytes), _exactly(stream, array_bytes))


def _exactly(stream: BinaryIO, count: int) -> bytes:
    data = stream.read(count)
    if len(data) < count:
        raise WorkerError("The reply of a child broke off.", received=f"{len(data)} of {count} bytes")
    return data


def _parse(text: bytes, packed: bytes) -> Frame:
    try:
        message = json.loads(text)
        names = message.pop("@arrays", [])
        return Frame(message, _unpack(packed, names) if packed else {})
    except Exception as error:  # whatever a stranger's bytes make of zipfile, json or NumPy, it is no reply
        raise WorkerError("The reply of a child makes no sense.", detail=str(error)) from error


def _unpack(packed: bytes, names: list[str]) -> dict[str, np.ndarray]:
    """The arrays of an npz as `write_frame` packs it: stored, so that no small reply becomes a large one."""
    with zipfile.ZipFile(io.BytesIO(packed)) as kept:
        members = kept.infolist()
    if any(one.compress_type != zipfile.ZIP_STORED for one in members):
        raise ValueError("the arrays are compressed")
    if sum(one.file_size for one in members) > len(packed):
        raise ValueError("the arrays claim more bytes than there are")
    with np.load(io.BytesIO(packed), allow_pickle=False) as kept:
        return {name: kept[str(index)] for index, name in enumerate(names)}
