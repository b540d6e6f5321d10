"""Copies with one harmed weight, kept in the library beside the sound ones."""

import zipfile
from pathlib import Path

import h5py
import numpy as np

SIGN_BIT, EXPONENT_BIT = 0x80, 0x40  # of the last byte of a little-endian float32


def _variable_groups(file: h5py.File) -> list[h5py.Group]:
    result: list[h5py.Group] = []
    file.visititems(lambda name, item: result.append(item) if isinstance(item, h5py.Group) and "0" in item else None)
    return result


def flip_bit_in_file(path: Path, value: np.float32, bit: int) -> int:
    """Flip a bit wherever the value stands in a file; gives how often it does."""
    if path.suffix != ".keras":
        changed, count = flip_bit(path.read_bytes(), value, bit)
        path.write_bytes(changed)
        return count
    with zipfile.ZipFile(path) as stored:
        members = {name: stored.read(name) for name in stored.namelist()}
    changed, count = flip_bit(members["model.weights.h5"], value, bit)
    with zipfile.ZipFile(path, "w") as again:
        for name, content in (members | {"model.weights.h5": changed}).items():
            again.writestr(name, content)
    return count


def flip_bit(content: bytes, value: np.float32, bit: int) -> tuple[bytes, int]:
    good = np.float32(value).tobytes()
    return content.replace(good, good[:3] + bytes([good[3] ^ bit])), content.count(good)
