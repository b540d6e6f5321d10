"""Zip and directory listings checked before extraction.

A stranger's zip: its index is checked in full before one byte is unpacked, and against what stands beside the files.

What is let in: files that lie one behind the other without a gap, no name twice, nothing encrypted, no link, each of
the size that it says.

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

from core.validation import limits
from core.validation.rules import is_plain_name, refusal

END_RECORD = struct.Struct("<4s4H2LH")  # of the index
ZIP64_END_RECORD, ZIP64_LOCATOR = (
    struct.Struct("<4sQ2H2L4Q"),
    struct.Struct("<4sLQL"),
)  # the same in 64 bits, and where it is
LOCAL_HEADER = struct.Struct("<4s5H3L2H")  # beside a file
TAIL = END_RECORD.size + 65_535  # bytes in which the end of the index must lie, behind the longest comment
ENCRYPTED, FLAG_DATA_DESCRIPTOR, UTF8 = 0x1, 0x8, 0x800
DATA_DESCRIPTOR_SIZES = {12, 16, 20, 24}  # bytes that may follow a file whose size was not known before
ZIP64_SIZE_MARKER = 0xFFFFFFFF  # where a size stands in the extra field
BLOCK = 1 << 20
ZIP_ERRORS = (
    OSError,
    EOFError,
    RuntimeError,
    NotImplementedError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
)


def check_end_record(stream: BinaryIO, size: int, max_members: int | None = None) -> None:
    """Check the end record, which says how large the index is, against the limits before the index is read.

    Raises Refused for more than `max_members` files (by default as many as a model may have), for an index that is
    longer than one may be, and for two end records that say different things.
    """
    stream.seek(max(0, size - TAIL))
    tail = stream.read()
    where = tail.rfind(b"PK\x05\x06")
    if where < 0 or len(tail) - where < END_RECORD.size:
        raise refusal("zip-broken")
    _, disk, first, here, entries, length, start, comment = END_RECORD.unpack_from(tail, where)
    if (disk, first, here) != (0, 0, entries) or len(tail) - where != END_RECORD.size + comment:
        raise refusal("zip-broken")
    if entries > (max_members or limits.MAX_MEMBERS) or length > limits.MAX_DIRECTORY_BYTES:
        raise refusal("zip-many", f"{entries:,}")
    _check_zip64_end_record(stream, size - len(tail) + where, entries, length, start)


def _check_zip64_end_record(stream: BinaryIO, end_offset: int, entries: int, length: int, start: int) -> None:
    """In front of the end record there may be one in 64 bits, which must say the same."""
    stream.seek(max(0, end_offset - ZIP64_LOCATOR.size - ZIP64_END_RECORD.size))
    ahead = stream.read(min(end_offset, ZIP64_LOCATOR.size + ZIP64_END_RECORD.size))
    if not ahead[-ZIP64_LOCATOR.size :].startswith(b"PK\x06\x07"):
        return
    if len(ahead) < ZIP64_LOCATOR.size + ZIP64_END_RECORD.size or not ahead.startswith(b"PK\x06\x06"):
        raise refusal("zip-broken")
    *_, here, all_, wide, first = ZIP64_END_RECORD.unpack_from(ahead)
    if (here, all_, wide) != (entries, entries, length) or start not in (first, ZIP64_SIZE_MARKER):
        raise refusal("zip-broken", f"{all_:,} files in one end of its index, {entries:,} in the other")


class UntrustedZip:
    """The files of a zip by name, as in `Folder`. Raises Refused for whatever breaks a rule of zips."""

    def __init__(self, stream: BinaryIO, size: int, max_bytes: int):
        self._stream, self._size = stream, size
        check_end_record(stream, size)
        try:
            self._zip = zipfile.ZipFile(stream)
        except ZIP_ERRORS as error:
            raise refusal("zip-broken") from error
        self._members = self._check_members(max_bytes)
        self.sizes = {name: member.file_size for name, member in self._members.items()}

    def _check_members(self, max_bytes: int) -> dict[str, zipfile.ZipInfo]:
        found = self._zip.infolist()
        if len(found) > limits.MAX_MEMBERS:
            raise refusal("zip-many", f"{len(found):,}")
        for member in found:
            _check_member(member)
        names = [member.filename.rstrip("/") for member in found]
        seen: set[str] = set()
        for name in (one.casefold() for one in names):
            if name in seen:
                raise refusal("zip-duplicate", name)
            seen.add(name)
        if sum(member.file_size for member in found) > max_bytes:
            raise refusal("unpacked-size", f"{sum(member.file_size for member in found):,} bytes")
        self._check_layout(found)
        return {member.filename: member for member in found if not member.is_dir()}

    def _check_layout(self, members: list[zipfile.ZipInfo]) -> None:
        """Each file begins where the one before it ends, and the index behind the last."""
        at = 0
        for member in sorted(members, key=lambda one: one.header_offset):
            gap = member.header_offset - at
            if gap:
                raise refusal("zip-overlap", member.filename)
            at = self._member_end(member)
        if at != self._zip.start_dir:
            raise refusal("zip-overlap")

    def _member_end(self, member: zipfile.ZipInfo) -> int:
        """Where a file of the zip ends, its header read and held against the index."""
        self._stream.seek(member.header_offset)
        header = self._stream.read(LOCAL_HEADER.size)
        if len(header) < LOCAL_HEADER.size or header[:4] != b"PK\x03\x04":
            raise refusal("zip-header", member.filename)
        _, _, flags, method, _, _, crc, packed, unpacked, name_length, extra_length = LOCAL_HEADER.unpack(header)
        name = self._stream.read(name_length)
        extra = self._stream.read(extra_length)
        if name != _raw_name(member) or (flags | 6, method) != (member.flag_bits | 6, member.compress_type):
            raise refusal("zip-header", member.filename)
        behind = bool(flags & FLAG_DATA_DESCRIPTOR)
        if not behind and (crc, *_header_sizes(packed, unpacked, extra)) != (
            member.CRC,
            member.compress_size,
            member.file_size,
        ):
            raise refusal("zip-header", member.filename)
        end = member.header_offset + LOCAL_HEADER.size + name_length + extra_length + member.compress_size
        return end + self._data_descriptor_size(end) if behind else end

    def _data_descriptor_size(self, offset: int) -> int:
        """Bytes of the description behind a file: what follows it must be a header of the zip."""
        self._stream.seek(offset)
        following = self._stream.read(max(DATA_DESCRIPTOR_SIZES) + 4)
        for length in sorted(DATA_DESCRIPTOR_SIZES, reverse=True):
            if following[length : length + 2] == b"PK":
                return length
        raise refusal("zip-overlap")

    def read(self, name: str, max_bytes: int) -> bytes:
        """The content of a file of at most `most` bytes. Raises Refused for more, and for a wrong checksum."""
        if self.sizes[name] > max_bytes:
            raise refusal("zip-bomb" if max_bytes > limits.MAX_JSON_BYTES else "json-size", name)
        with self._open_member(name) as stream:
            return _read_member_bytes(stream, self.sizes[name], name)

    def copy(self, name: str, path: Path) -> None:
        """Unpack a file to a path of ours, never more bytes than it was declared to have."""
        left = self.sizes[name]
        with self._open_member(name) as stream, path.open("xb") as out:
            while left:
                block = _read_member_bytes(stream, min(BLOCK, left), name)
                out.write(block)
                left -= len(block)
            if _read_member_bytes(stream, 1, name, whole=False):
                raise refusal("zip-header", name)

    def test(self, name: str) -> None:
        """Unpack a file into nothing. Raises Refused for a wrong checksum, or another length than declared."""
        left = self.sizes[name]
        with self._open_member(name) as stream:
            while left:
                left -= len(_read_member_bytes(stream, min(BLOCK, left), name))
            if _read_member_bytes(stream, 1, name, whole=False):
                raise refusal("zip-header", name)

    def _open_member(self, name: str) -> zipfile.ZipExtFile:
        try:
            return self._zip.open(self._members[name])
        except ZIP_ERRORS as error:
            raise refusal("zip-header", name) from error


def _read_member_bytes(stream: zipfile.ZipExtFile, count: int, name: str, whole: bool = True) -> bytes:
    """So many bytes; at the end of a file its checksum is compared."""
    try:
        data = stream.read(count)
    except ZIP_ERRORS as error:
        raise refusal("zip-crc", name) from error
    if whole and len(data) != count:
        raise refusal("zip-broken", name)
    return data


def _check_member(member: zipfile.ZipInfo) -> None:
    name = member.filename
    if member.orig_filename != name or not all(is_plain_name(part) for part in name.removesuffix("/").split("/")):
        raise refusal("zip-name", member.orig_filename)
    if member.flag_bits & ENCRYPTED or member.flag_bits & 0x2040:  # strong encryption, a masked index
        raise refusal("zip-encrypted", name)
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFDIR if member.is_dir() else stat.S_IFREG):
        raise refusal("zip-link", name)
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise refusal("zip-method", name)
    if _claims_too_much(member):
        raise refusal("zip-bomb", name)


def _claims_too_much(member: zipfile.ZipInfo) -> bool:
    if member.compress_type == zipfile.ZIP_STORED or member.is_dir():
        return member.file_size != member.compress_size
    return member.file_size > member.compress_size * limits.MAX_DEFLATE_RATIO + limits.DEFLATE_RATIO_SLACK


def _raw_name(member: zipfile.ZipInfo) -> bytes:
    return member.orig_filename.encode("utf-8" if member.flag_bits & UTF8 else "cp437")


def _header_sizes(packed: int, unpacked: int, extra: bytes) -> tuple[int, int]:
    """The packed and the unpacked size that a header gives, those of 64 bits out of its extra field."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        if kind == 1 and ZIP64_SIZE_MARKER in (packed, unpacked) and length >= 16:
            wide = struct.unpack_from("<QQ", extra, at + 4)
            return (
                wide[1] if packed == ZIP64_SIZE_MARKER else packed,
                wide[0] if unpacked == ZIP64_SIZE_MARKER else unpacked,
            )
        at += 4 + length
    return packed, unpacked


class UntrustedFolder:
    """The files under a folder by their name in it, such as "variables/variables.index". Raises Refused."""

    def __init__(self, root: Path, max_bytes: int):
        self._root = root
        self.sizes = dict(self._walk(root, ""))
        if sum(self.sizes.values()) > max_bytes:
            raise refusal("unpacked-size", f"{sum(self.sizes.values()):,} bytes")

    def _walk(self, folder: Path, prefix: str) -> Iterator[tuple[str, int]]:
        count = 0
        waiting = [(folder, prefix)]
        while waiting:
            where, before = waiting.pop()
            for entry in sorted(os.scandir(where), key=lambda one: one.name):
                count += 1
                if count > limits.MAX_MEMBERS:
                    raise refusal("zip-many", f"more than {limits.MAX_MEMBERS:,}")
                name = f"{before}{entry.name}"
                mode = entry.stat(follow_symlinks=False).st_mode
                if not is_plain_name(entry.name):
                    raise refusal("zip-name", name)
                if stat.S_ISDIR(mode):
                    waiting.append((where / entry.name, f"{name}/"))
                elif stat.S_ISREG(mode):
                    yield name, entry.stat(follow_symlinks=False).st_size
                else:
                    raise refusal("not-a-file", name)

    def read(self, name: str, max_bytes: int) -> bytes:
        """The content of a file of at most `most` bytes. Raises Refused for more."""
        if self.sizes[name] > max_bytes:
            raise refusal("json-size", name)
        return (self._root / name).read_bytes()

    def copy(self, name: str, path: Path) -> None:
        """Copy a file to a path of ours. Raises Refused where it changed since it was listed."""
        shutil.copyfile(self._root / name, path, follow_symlinks=False)
        if path.is_symlink() or path.stat().st_size != self.sizes[name]:
            raise refusal("changed", name)
