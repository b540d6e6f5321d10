"""Header and tensors of a safetensors file."""

import json
import struct
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from core.readers.base import SHORT_DTYPES, WEIGHTS, FileContents, StoredTensor

HEADER_LIMIT = 100 * 2**20  # bytes, as the format itself allows
DTYPES = SHORT_DTYPES | {"bf16": "bfloat16", "bool": "bool"}


def read_safetensors(path: Path) -> FileContents:
    header, start = _read_header(path)
    metadata = header.pop("__metadata__", {})
    return FileContents(
        "safetensors",
        tensors=lambda: [_header_tensor(path, start, name, entry) for name, entry in header.items()],
        config=lambda: {"metadata": metadata, "header": header},
        remarks=["The header names every tensor; there is nothing else in such a file."],
        structure=lambda: metadata,
        told_files=(path,),
    )


def _read_header(path: Path) -> tuple[dict[str, Any], int]:
    """The header, and where the values start."""
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        if length > HEADER_LIMIT or length > path.stat().st_size:
            raise ValueError("The header is said to be longer than the file may be: not a safetensors file")
        header = json.loads(file.read(length))
    ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
    if 8 + length + max(ends, default=0) > path.stat().st_size:
        raise ValueError("The file ends before the last of its tensors")
    return header, 8 + length


def _header_tensor(path: Path, start: int, name: str, entry: dict[str, Any]) -> StoredTensor:
    dtype, shape = DTYPES.get(entry["dtype"].lower(), entry["dtype"]), tuple(entry["shape"])
    first, last = entry["data_offsets"]
    read = partial(_read_tensor, path, start + first, last - first, dtype, shape)
    return StoredTensor(name, name, shape, dtype, WEIGHTS, read)


def _read_tensor(path: Path, offset: int, size: int, dtype_name: str, shape: tuple[int, ...]) -> np.ndarray:
    import ml_dtypes

    dtype = np.dtype(ml_dtypes.bfloat16 if dtype_name == "bfloat16" else dtype_name)
    return np.fromfile(path, dtype, size // dtype.itemsize, offset=offset).reshape(shape)
