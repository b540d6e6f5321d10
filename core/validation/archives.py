"""Zip and directory listings checked before extraction.

A stranger's zip: its index is checked in full before one byte is unpacked, and against what stands beside the files.

Only what every reader reads in the same way gets through: files that lie one behind the other without a gap, no name
twice, nothing encrypted, no link, each of the size that it says.

A folder that the command line was given: the same view as of a zip, with links and devices refused.
"""

import os
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from core.validation import rules
from core.validation.rules import is_plain, refused

END = struct.Struct("<4s4H2LH")  # of the index
WIDE_END, LOCATOR = struct.Struct("<4sQ2H2L4Q"), struct.Struct("<4sLQL")  # the same in 64 bits, and where it is
LOCAL = struct.Struct("<4s5H3L2H")  # beside a file
TAIL = END.size + 65_535  # bytes in which the end of the index must lie, behind the longest comment
ENCRYPTED, DESCRIBED_BEHIND, UTF8 = 0x1, 0x8, 0x800
DESCRIPTORS = {12, 16, 20, 24}  # bytes that may follow a file whose size was not known before
LATER = 0xFFFFFFFF  # where a size stands in the extra field
BLOCK = 1 << 20
BROKEN = (
    OSError,
    EOFError,
    RuntimeError,
    NotImplementedError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
)


def check_end(stream: BinaryIO, size: int, members: int = rules.MEMBERS, directory: int = rules.DIRECTORY) -> None:
    """The end of the index bounds what `zipfile` will read of it, which takes far more memory than the file.

    Raises Refused for more than `members` files or an index of more than `directory` bytes, and for two ends that say
    different things.
    """
    stream.seek(max(0, size - TAIL))
    tail = stream.read()
    where = tail.rfind(b"PK\x05\x06")
    if where < 0 or len(tail) - where < END.size:
        raise refused("zip-broken")
    _, disk, first, here, entries, length, start, comment = END.unpack_from(tail, where)
    if (disk, first, here) != (0, 0, entries) or len(tail) - where != END.size + comment:
        raise refused("zip-broken")
    if entries > members or length > directory:
        raise refused("zip-many", f"{entries:,}")
    _check_wide_end(stream, size - len(tail) + where, entries, length, start)


def _check_wide_end(stream: BinaryIO, at: int, entries: int, length: int, start: int) -> None:
    """In front of the end there may be one in 64 bits. `zipfile` goes by it and other readers do not, so it must say
    the same: that bounds it, too."""
    stream.seek(max(0, at - LOCATOR.size - WIDE_END.size))
    ahead = stream.read(min(at, LOCATOR.size + WIDE_END.size))
    if not ahead[-LOCATOR.size :].startswith(b"PK\x06\x07"):
        return
    if len(ahead) < LOCATOR.size + WIDE_END.size or not ahead.startswith(b"PK\x06\x06"):
        raise refused("zip-broken")
    *_, here, all_, wide, first = WIDE_END.unpack_from(ahead)
    if (here, all_, wide) != (entries, entries, length) or start not in (first, LATER):
        raise refused("zip-broken", f"{all_:,} files in one end of its index, {entries:,} in the other")


class Archive:
    """The files of a zip by name, as in `Folder`. Raises Refused for whatever breaks a rule of zips."""

    def __init__(self, stream: BinaryIO, size: int, most: int):
        self._stream, self._size = stream, size
        check_end(stream, size)
        try:
            self._zip = zipfile.ZipFile(stream)
        except BROKEN as error:
            raise refused("zip-broken") from error
        self._members = self._checked(most)
        self.sizes = {name: member.file_size for name, member in self._members.items()}

    def _checked(self, most: int) -> dict[str, zipfile.ZipInfo]:
        found = self._zip.infolist()
        if len(found) > rules.MEMBERS:
            raise refused("zip-many", f"{len(found):,}")
        for member in found:
            _check_member(member)
        names = [member.filename.rstrip("/") for member in found]
        seen: set[str] = set()
        for name in (one.casefold() for one in names):
            if name in seen:
                raise refused("zip-duplicate", name)
            seen.add(name)
        if sum(member.file_size for member in found) > most:
            raise refused("unpacked-size", f"{sum(member.file_size for member in found):,} bytes")
        self._check_places(found)
        return {member.filename: member for member in found if not member.is_dir()}

    def _check_places(self, found: list[zipfile.ZipInfo]) -> None:
        """Each file begins where the one before it ends, and the index behind the last."""
        at = 0
        for member in sorted(found, key=lambda one: one.header_offset):
            gap = member.header_offset - at
            if gap:
                raise refused("zip-overlap", member.filename)
            at = self._end_of(member)
        if at != self._zip.start_dir:
            raise refused("zip-overlap")

    def _end_of(self, member: zipfile.ZipInfo) -> int:
        """Where a file of the zip ends, its header read and held against the index."""
        self._stream.seek(member.header_offset)
        header = self._stream.read(LOCAL.size)
        if len(header) < LOCAL.size or header[:4] != b"PK\x03\x04":
            raise refused("zip-header", member.filename)
        _, _, flags, method, _, _, crc, packed, unpacked, name_length, extra_length = LOCAL.unpack(header)
        name = self._stream.read(name_length)
        extra = self._stream.read(extra_length)
        if name != _raw_name(member) or (flags | 6, method) != (member.flag_bits | 6, member.compress_type):
            raise refused("zip-header", member.filename)
        behind = bool(flags & DESCRIBED_BEHIND)
        if not behind and (crc, *_sizes(packed, unpacked, extra)) != (
            member.CRC,
            member.compress_size,
            member.file_size,
        ):
            raise refused("zip-header", member.filename)
        end = member.header_offset + LOCAL.size + name_length + extra_length + member.compress_size
        return end + self._descriptor(end) if behind else end

    def _descriptor(self, at: int) -> int:
        """Bytes of the description behind a file: what follows it must be a header of the zip."""
        self._stream.seek(at)
        following = self._stream.read(max(DESCRIPTORS) + 4)
        for length in sorted(DESCRIPTORS, reverse=True):
            if following[length : length + 2] == b"PK":
                return length
        raise refused("zip-overlap")

    def read(self, name: str, most: int) -> bytes:
        """The content of a file of at most `most` bytes. Raises Refused for more, and for a wrong checksum."""
        if self.sizes[name] > most:
            raise refused("zip-bomb" if most > rules.JSON else "json-size", name)
        with self._opened(name) as stream:
            return _read(stream, self.sizes[name], name)

    def copy(self, name: str, path: Path) -> None:
        """Unpack a file to a path of ours, never more bytes than it was declared to have."""
        left = self.sizes[name]
        with self._opened(name) as stream, path.open("xb") as out:
            while left:
                block = _read(stream, min(BLOCK, left), name)
                out.write(block)
                left -= len(block)
            if _read(stream, 1, name, whole=False):
                raise refused("zip-header", name)

    def test(self, name: str) -> None:
        """Unpack a file into nothing. Raises Refused for a wrong checksum, or another length than declared."""
        left = self.sizes[name]
        with self._opened(name) as stream:
            while left:
                left -= len(_read(stream, min(BLOCK, left), name))
            if _read(stream, 1, name, whole=False):
                raise refused("zip-header", name)

    def _opened(self, name: str) -> zipfile.ZipExtFile:
        try:
            return self._zip.open(self._members[name])
        except BROKEN as error:
            raise refused("zip-header", name) from error


def _read(stream: zipfile.ZipExtFile, count: int, name: str, whole: bool = True) -> bytes:
    """So many bytes; at the end of a file its checksum is compared."""
    try:
        data = stream.read(count)
    except BROKEN as error:
        raise refused("zip-crc", name) from error
    if whole and len(data) != count:
        raise refused("zip-broken", name)
    return data


def _check_member(member: zipfile.ZipInfo) -> None:
    name = member.filename
    if member.orig_filename != name or not all(is_plain(part) for part in name.removesuffix("/").split("/")):
        raise refused("zip-name", member.orig_filename)
    if member.flag_bits & ENCRYPTED or member.flag_bits & 0x2040:  # strong encryption, a masked index
        raise refused("zip-encrypted", name)
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFDIR if member.is_dir() else stat.S_IFREG):
        raise refused("zip-link", name)
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise refused("zip-method", name)
    if _is_a_bomb(member):
        raise refused("zip-bomb", name)


def _is_a_bomb(member: zipfile.ZipInfo) -> bool:
    if member.compress_type == zipfile.ZIP_STORED or member.is_dir():
        return member.file_size != member.compress_size
    return member.file_size > member.compress_size * rules.RATIO + rules.SLACK


def _raw_name(member: zipfile.ZipInfo) -> bytes:
    return member.orig_filename.encode("utf-8" if member.flag_bits & UTF8 else "cp437")


def _sizes(packed: int, unpacked: int, extra: bytes) -> tuple[int, int]:
    """The packed and the unpacked size that a header gives, those of 64 bits out of its extra field."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        if kind == 1 and LATER in (packed, unpacked) and length >= 16:
            wide = struct.unpack_from("<QQ", extra, at + 4)
            return (wide[1] if packed == LATER else packed, wide[0] if unpacked == LATER else unpacked)
        at += 4 + length
    return packed, unpacked


class Folder:
    """The files under a folder by their name in it, such as "variables/variables.index". Raises Refused."""

    def __init__(self, root: Path, most: int):
        self._root = root
        self.sizes = dict(self._walk(root, ""))
        if sum(self.sizes.values()) > most:
            raise refused("unpacked-size", f"{sum(self.sizes.values()):,} bytes")

    def _walk(self, folder: Path, prefix: str) -> Iterator[tuple[str, int]]:
        count = 0
        waiting = [(folder, prefix)]
        while waiting:
            where, before = waiting.pop()
            for entry in sorted(os.scandir(where), key=lambda one: one.name):
                count += 1
                if count > rules.MEMBERS:
                    raise refused("zip-many", f"more than {rules.MEMBERS:,}")
                name = f"{before}{entry.name}"
                mode = entry.stat(follow_symlinks=False).st_mode
                if not is_plain(entry.name):
                    raise refused("zip-name", name)
                if stat.S_ISDIR(mode):
                    waiting.append((where / entry.name, f"{name}/"))
                elif stat.S_ISREG(mode):
                    yield name, entry.stat(follow_symlinks=False).st_size
                else:
                    raise refused("not-a-file", name)

    def read(self, name: str, most: int) -> bytes:
        """The content of a file of at most `most` bytes. Raises Refused for more."""
        if self.sizes[name] > most:
            raise refused("json-size", name)
        return (self._root / name).read_bytes()

    def copy(self, name: str, path: Path) -> None:
        """Copy a file to a path of ours. Raises Refused where it changed since it was listed."""
        shutil.copyfile(self._root / name, path, follow_symlinks=False)
        if path.is_symlink() or path.stat().st_size != self.sizes[name]:
            raise refused("changed", name)
