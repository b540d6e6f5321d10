"""A safetensors file: its header, which lists every tensor, and then the numbers."""

import json
import struct
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from core.readers.base import WEIGHTS, FileContents, StoredTensor

HEADER_LIMIT = 100 * 2**20  # bytes, as the format itself allows
DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U64": "uint64",
    "U32": "uint32",
    "U16": "uint16",
    "U8": "uint8",
    "BOOL": "bool",
}


def read_safetensors(path: Path) -> FileContents:
    header, start = _read_header(path)
    notes = header.pop("__metadata__", {})
    return FileContents(
        "safetensors",
        tensors=lambda: [_header_tensor(path, start, name, one) for name, one in header.items()],
        config=lambda: {"metadata": notes, "header": header},
        remarks=["The header names every tensor; there is nothing else in such a file."],
    )


def _read_header(path: Path) -> tuple[dict[str, Any], int]:
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        if length > HEADER_LIMIT or length > path.stat().st_size:
            raise ValueError("The header is said to be longer than the file may be: not a safetensors file")
        header = json.loads(file.read(length))
    ends = [one["data_offsets"][1] for name, one in header.items() if name != "__metadata__"]
    if 8 + length + max(ends, default=0) > path.stat().st_size:
        raise ValueError("The file ends before the last of its tensors")
    return header, 8 + length


def _header_tensor(path: Path, start: int, name: str, entry: dict[str, Any]) -> StoredTensor:
    dtype, shape = DTYPES.get(entry["dtype"], entry["dtype"]), tuple(entry["shape"])
    first, last = entry["data_offsets"]
    return StoredTensor(
        name, name, shape, dtype, WEIGHTS, partial(_read_tensor, path, start + first, last - first, dtype, shape)
    )


def _read_tensor(path: Path, offset: int, size: int, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    if dtype == "bfloat16":
        import ml_dtypes

        kind = np.dtype(ml_dtypes.bfloat16)
    else:
        kind = np.dtype(dtype)
    return np.fromfile(path, kind, size // kind.itemsize, offset=offset).reshape(shape)
