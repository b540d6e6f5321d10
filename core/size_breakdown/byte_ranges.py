"""Ranges of bytes in a file: the members of a zip, what is claimed of them, and the gaps.

Files are mapped, so that one of gigabytes takes no memory.
"""

import lzma
import zipfile
import zlib
from bisect import bisect, insort
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

LOCAL_HEADER_BYTES = 30  # before the name of a zip's member
MIN_ZERO_RUN = 64  # zero bytes in a row that count as padding
ZIP_READ_ERRORS = (OSError, RuntimeError, NotImplementedError, EOFError, zipfile.BadZipFile, zlib.error, lzma.LZMAError)
CHUNK_BYTES = 2**22


class ByteRange(NamedTuple):
    """A file, a member of a zip, or what lies between members (then without a name)."""

    start: int
    stop: int
    name: str = ""
    compressed_member: zipfile.ZipInfo | None = None


def map_file(path: Path) -> np.ndarray:
    """Map the bytes of a file (uint8, one axis): read from the disk only where they are used."""
    if not path.stat().st_size:
        return np.zeros(0, np.uint8)  # an empty file cannot be mapped
    return np.memmap(path, np.uint8, "r").view(np.ndarray)


def member_start(data: np.ndarray, member: zipfile.ZipInfo) -> int:
    """Find where the bytes of a member begin in its zip."""
    lengths = data[member.header_offset + LOCAL_HEADER_BYTES - 4 : member.header_offset + LOCAL_HEADER_BYTES].tobytes()
    name, extra = int.from_bytes(lengths[:2], "little"), int.from_bytes(lengths[2:], "little")
    return member.header_offset + LOCAL_HEADER_BYTES + name + extra


class ClaimedRanges:
    """Ranges of bytes that are accounted for; no two overlap."""

    def __init__(self) -> None:
        self._claimed: list[tuple[int, int]] = []

    def claim(self, start: int, stop: int) -> bool:
        """Claim a range, if all of it is free."""
        at = bisect(self._claimed, (start, start))
        if any(left < stop and start < right for left, right in self._claimed[max(at - 1, 0) : at + 1]):
            return False
        insort(self._claimed, (start, stop))
        return True

    def gaps(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """Return the free ranges between two places."""
        for left, right in [*self._claimed, (stop, stop)]:
            if start < min(left, stop):
                yield start, min(left, stop)
            start = max(start, right)


def split_file(path: Path, data: np.ndarray) -> list[ByteRange]:
    """Split a zip into its members and what lies between them; any other file is one range."""
    ranges, end = [], 0
    for member in sorted(_member_ranges(path, data), key=lambda member: member[:2]):
        if end <= member.start <= member.stop <= len(data):
            ranges += [ByteRange(end, member.start), member]
            end = member.stop
    return [*ranges, ByteRange(end, len(data))] if ranges else [ByteRange(0, len(data), path.name)]


def _member_ranges(path: Path, data: np.ndarray) -> Iterator[ByteRange]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile):
        return
    for member in members:
        start = member_start(data, member)
        compressed = None if member.compress_type == zipfile.ZIP_STORED else member
        yield ByteRange(start, start + member.compress_size, member.filename, compressed)


def decompress_member(path: Path, member: zipfile.ZipInfo, max_bytes: int) -> np.ndarray:
    """Decompress a member. Raises ValueError where it is unreadable or exceeds `max_bytes`."""
    if member.file_size > max_bytes:
        raise ValueError("more than may be unpacked")
    try:
        with zipfile.ZipFile(path) as archive, archive.open(member) as file:
            data = file.read(member.file_size + 1)
    except ZIP_READ_ERRORS as error:
        raise ValueError("not readable") from error
    if len(data) != member.file_size:
        raise ValueError("not the size that the zip says")
    return np.frombuffer(data, np.uint8)


def count_zero_padding(data: np.ndarray) -> int:
    """Count the bytes in long runs of zeros, to eight bytes."""
    count = 0
    for start in range(0, len(data) // 8 * 8, CHUNK_BYTES):
        words = data[start : min(start + CHUNK_BYTES, len(data) // 8 * 8)].view("<u8")
        edges = np.flatnonzero(np.diff(np.concatenate(([False], words == 0, [False]))))
        lengths = (edges[1::2] - edges[::2]) * 8
        count += int(lengths[lengths >= MIN_ZERO_RUN].sum())
    return count
