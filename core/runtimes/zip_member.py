"""Members of a zip: one as a file that can be read at any place, and one put in the place of another."""

import contextlib
import io
import os
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

LOCAL_HEADER_BYTES, NAME_LENGTH_AT = 30, 26  # of the header before a zip member, whose end tells the lengths behind it


@contextlib.contextmanager
def open_zip_member(path: Path, name: str) -> Iterator[io.IOBase]:
    """A member of a zip as a seekable file, which is closed at the end (see `zip_member`)."""
    with contextlib.closing(zip_member(path, name)) as file:
        yield file


def zip_member(path: Path, name: str) -> io.IOBase:
    """A member of a zip as a seekable file: in place where it is stored as it is, else in memory.

    Raises KeyError where there is none of that name.
    """
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(name)
        if info.compress_type != zipfile.ZIP_STORED:
            return io.BytesIO(archive.read(name))
    file = path.open("rb")
    file.seek(info.header_offset + NAME_LENGTH_AT)
    lengths = np.frombuffer(file.read(4), "<u2")
    return _FilePart(file, info.header_offset + LOCAL_HEADER_BYTES + int(lengths.sum()), info.file_size)


def replace_zip_member(path: Path, name: str, data: bytes, target: Path | None = None) -> None:
    """Write a zip anew, into `target` or in its place, with `data` as the member of that name.

    The others keep their bytes.
    """
    copy = (target or path).with_name(f"{(target or path).name}.copy")
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(copy, "w") as rewritten:
        for info in archive.infolist():
            with rewritten.open(zipfile.ZipInfo(info.filename, info.date_time), "w", force_zip64=True) as member:
                source = io.BytesIO(data) if info.filename == name else archive.open(info)
                with source:
                    shutil.copyfileobj(source, member, 2**20)
    os.replace(copy, target or path)


class _FilePart(io.RawIOBase):
    """So many bytes of a file, from an offset on; it closes the file with itself."""

    def __init__(self, file: io.BufferedReader, offset: int, size: int):
        self._file, self._offset, self._size, self._at = file, offset, size, 0

    def close(self) -> None:
        self._file.close()
        super().close()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, position: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, start + position)
        return self._at

    def readinto(self, buffer: Any) -> int:
        self._file.seek(self._offset + self._at)
        count = self._file.readinto(memoryview(buffer)[: max(0, self._size - self._at)])
        self._at += count
        return count
