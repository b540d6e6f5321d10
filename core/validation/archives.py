"""The files of an untrusted zip or folder, checked before one byte of them is unpacked.

A zip's index is checked in full, and compared with the header beside each file. What is let in: files that lie one
behind the other without a gap, no name twice, nothing encrypted, no link, each of the size that it says. A folder,
which the command line may be given, is read in the same way, without links and devices.
"""

import os
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, BinaryIO

from core.errors import Refused
from core.validation import limits
from core.validation.file_types import is_plain_name
from core.validation.rules import refusal

END_RECORD = struct.Struct("<4s4H2LH")  # of the index
ZIP64_END_RECORD = struct.Struct("<4sQ2H2L4Q")  # the same in 64 bits
ZIP64_LOCATOR = struct.Struct("<4sLQL")  # and where it is
LOCAL_HEADER = struct.Struct("<4s5H3L2H")  # beside a file
TAIL = END_RECORD.size + 65_535  # bytes in which the end record must lie, behind the longest comment
ENCRYPTED, DATA_DESCRIPTOR, STRONG_ENCRYPTION, UTF8, MASKED_INDEX = 0x1, 0x8, 0x40, 0x800, 0x2000  # flags of a file
DATA_DESCRIPTOR_SIZES = (24, 20, 16, 12)  # bytes that may follow a file whose size was not known before
ZIP64_SIZE_MARKER = 0xFFFFFFFF  # where a size stands in the extra field
BLOCK = 1 << 20
ZIP_ERRORS = (OSError, EOFError, RuntimeError, ValueError, zipfile.BadZipFile, zlib.error, struct.error)


def check_end_record(stream: BinaryIO, size: int, max_members: int | None = None) -> None:
    """Check the end record, which says how large the index is, against the limits before the index is read.

    Raises Refused for more than `max_members` files (by default as many as a model may have), for an index that is
    longer than one may be, and for two end records that say different things.
    """
    stream.seek(max(0, size - TAIL))
    tail = stream.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < END_RECORD.size:
        raise refusal("zip-broken")
    _, disk, first, on_disk, entries, length, start, comment = END_RECORD.unpack_from(tail, at)
    if (disk, first, on_disk) != (0, 0, entries) or len(tail) - at != END_RECORD.size + comment:
        raise refusal("zip-broken")
    if entries > (max_members or limits.MAX_MEMBERS) or length > limits.MAX_DIRECTORY_BYTES:
        raise refusal("zip-many", f"{entries:,}")
    _check_zip64_end_record(stream, size - len(tail) + at, entries, length, start)


def _check_zip64_end_record(stream: BinaryIO, end_offset: int, entries: int, length: int, start: int) -> None:
    """Check the end record of 64 bits that may stand in front of the other one, and must say the same."""
    size = ZIP64_END_RECORD.size + ZIP64_LOCATOR.size
    stream.seek(max(0, end_offset - size))
    ahead = stream.read(min(end_offset, size))
    if not ahead[-ZIP64_LOCATOR.size :].startswith(b"PK\x06\x07"):
        return
    if len(ahead) < size or not ahead.startswith(b"PK\x06\x06"):
        raise refusal("zip-broken")
    *_, on_disk, total, wide_length, wide_start = ZIP64_END_RECORD.unpack_from(ahead)
    if (on_disk, total, wide_length) != (entries, entries, length) or start not in (wide_start, ZIP64_SIZE_MARKER):
        raise refusal("zip-broken", f"{total:,} files in one end of its index, {entries:,} in the other")


class UntrustedZip:
    """The files of a zip: their sizes in bytes by name. Raises Refused for whatever breaks a rule of zips."""

    def __init__(self, stream: BinaryIO, size: int, max_bytes: int):
        self._stream = stream
        check_end_record(stream, size)
        try:
            self._zip = zipfile.ZipFile(stream)
        except ZIP_ERRORS as error:
            raise refusal("zip-broken") from error
        self._members = self._check_members(max_bytes)
        self.sizes = {name: member.file_size for name, member in self._members.items()}

    def _check_members(self, max_bytes: int) -> dict[str, zipfile.ZipInfo]:
        members = self._zip.infolist()
        if len(members) > limits.MAX_MEMBERS:
            raise refusal("zip-many", f"{len(members):,}")
        for member in members:
            _check_member(member)
        names: set[str] = set()
        for name in (member.filename.rstrip("/").casefold() for member in members):
            if name in names:
                raise refusal("zip-duplicate", name)
            names.add(name)
        if (total := sum(member.file_size for member in members)) > max_bytes:
            raise refusal("unpacked-size", f"{total:,} bytes")
        self._check_layout(members)
        return {member.filename: member for member in members if not member.is_dir()}

    def _check_layout(self, members: list[zipfile.ZipInfo]) -> None:
        """Each file begins where the one before it ends, and the index behind the last."""
        end = 0
        for member in sorted(members, key=lambda member: member.header_offset):
            if member.header_offset != end:
                raise refusal("zip-overlap", member.filename)
            end = self._member_end(member)
        if end != self._zip.start_dir:
            raise refusal("zip-overlap")

    def _member_end(self, member: zipfile.ZipInfo) -> int:
        """Return where a file of the zip ends, after comparing its header with the index."""
        self._stream.seek(member.header_offset)
        header = self._stream.read(LOCAL_HEADER.size)
        if len(header) < LOCAL_HEADER.size or header[:4] != b"PK\x03\x04":
            raise refusal("zip-header", member.filename)
        _, _, flags, method, _, _, crc, packed, unpacked, name_length, extra_length = LOCAL_HEADER.unpack(header)
        name, extra = self._stream.read(name_length), self._stream.read(extra_length)
        if name != _raw_name(member) or (flags | 6, method) != (member.flag_bits | 6, member.compress_type):
            raise refusal("zip-header", member.filename)
        end: int = member.header_offset + LOCAL_HEADER.size + name_length + extra_length + member.compress_size
        if flags & DATA_DESCRIPTOR:
            return end + self._data_descriptor_size(end)
        sizes = _header_sizes(packed, unpacked, extra)
        if (crc, *sizes) != (member.CRC, member.compress_size, member.file_size):
            raise refusal("zip-header", member.filename)
        return end

    def _data_descriptor_size(self, offset: int) -> int:
        """Return the bytes of the descriptor behind a file; what follows it must be a header of the zip."""
        self._stream.seek(offset)
        following = self._stream.read(max(DATA_DESCRIPTOR_SIZES) + 4)
        for length in DATA_DESCRIPTOR_SIZES:
            if following[length : length + 2] == b"PK":
                return length
        raise refusal("zip-overlap")

    def read(self, name: str) -> bytes:
        """Return the content of a text file. Raises Refused for one that is too long, or a wrong checksum."""
        if self.sizes[name] > limits.MAX_JSON_BYTES:
            raise refusal("json-size", name)
        return b"".join(self._unpack(name))

    def copy(self, name: str, path: Path) -> None:
        """Unpack a file to a path of ours, never more bytes than it was declared to have."""
        with path.open("xb") as out:
            out.writelines(self._unpack(name))

    def test(self, name: str) -> None:
        """Unpack a file into nothing. Raises Refused for a wrong checksum, or another length than declared."""
        for _ in self._unpack(name):
            pass

    def _unpack(self, name: str) -> Iterator[bytes]:
        """Yield the content of a file in blocks; at its end the checksum is compared."""
        left = self.sizes[name]
        with self._open_member(name) as stream:
            while block := _read_block(stream, min(BLOCK, left) or 1, name):
                if not left:
                    raise refusal("zip-header", name)
                left -= len(block)
                yield block
        if left:
            raise refusal("zip-broken", name)

    def _open_member(self, name: str) -> IO[bytes]:
        try:
            return self._zip.open(self._members[name])
        except ZIP_ERRORS as error:
            raise refusal("zip-header", name) from error


def _read_block(stream: IO[bytes], size: int, name: str) -> bytes:
    try:
        return stream.read(size)
    except ZIP_ERRORS as error:
        raise refusal("zip-crc", name) from error


def _check_member(member: zipfile.ZipInfo) -> None:
    name = member.filename
    if member.orig_filename != name or not all(is_plain_name(part) for part in name.removesuffix("/").split("/")):
        raise refusal("zip-name", member.orig_filename)
    if member.flag_bits & (ENCRYPTED | STRONG_ENCRYPTION | MASKED_INDEX):
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
    """Return the packed and the unpacked size of a header, those of 64 bits out of its extra field."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        if kind == 1 and ZIP64_SIZE_MARKER in (packed, unpacked) and length >= 16:
            wide_unpacked, wide_packed = struct.unpack_from("<QQ", extra, at + 4)
            return (
                wide_packed if packed == ZIP64_SIZE_MARKER else packed,
                wide_unpacked if unpacked == ZIP64_SIZE_MARKER else unpacked,
            )
        at += 4 + length
    return packed, unpacked


class UntrustedFolder:
    """The files of a folder: their sizes in bytes by name, such as "variables/variables.index". Raises Refused."""

    def __init__(self, root: Path, max_bytes: int):
        self._root = root
        self.sizes = dict(self._walk())
        if (total := sum(self.sizes.values())) > max_bytes:
            raise refusal("unpacked-size", f"{total:,} bytes")

    def _walk(self) -> Iterator[tuple[str, int]]:
        count, folders = 0, [self._root]
        while folders:
            for entry in sorted(os.scandir(folders.pop()), key=lambda entry: entry.name):
                count += 1
                if count > limits.MAX_MEMBERS:
                    raise refusal("zip-many", f"more than {limits.MAX_MEMBERS:,}")
                name = Path(entry).relative_to(self._root).as_posix()
                status = entry.stat(follow_symlinks=False)
                if not is_plain_name(entry.name):
                    raise refusal("zip-name", name)
                if stat.S_ISDIR(status.st_mode):
                    folders.append(Path(entry))
                elif stat.S_ISREG(status.st_mode):
                    yield name, status.st_size
                else:
                    raise refusal("not-a-file", name)

    def read(self, name: str) -> bytes:
        """Return the content of a text file. Raises Refused for one that is too long."""
        if self.sizes[name] > limits.MAX_JSON_BYTES:
            raise refusal("json-size", name)
        return (self._root / name).read_bytes()

    def copy(self, name: str, path: Path) -> None:
        """Copy a file to a path of ours. Raises Refused where it changed since it was listed."""
        shutil.copyfile(self._root / name, path, follow_symlinks=False)
        if path.is_symlink() or path.stat().st_size != self.sizes[name]:
            raise refusal("changed", name)


def unpack(archive: Path, folder: Path, max_bytes: int) -> int:
    """Unpack a zip of models into an empty folder; returns its bytes. Raises Refused where it breaks a rule of zips."""
    with archive.open("rb") as stream:
        zipped = UntrustedZip(stream, archive.stat().st_size, max_bytes)
        if not zipped.sizes:
            raise refusal("empty")
        for name in zipped.sizes:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            zipped.copy(name, folder / name)
    return sum(zipped.sizes.values())


def unpack_all(folder: Path, staged: Path, max_bytes: int) -> dict[str, Refused]:
    """Put in the place of each zip in a folder of ours a folder of its name; together they hold at most `max_bytes`.

    Returns by name why a zip was refused, of which nothing is left. `staged` is another folder on the same disk.
    """
    refused = {}
    for path in sorted(path for path in folder.iterdir() if path.name.casefold().endswith(".zip") and path.is_file()):
        archive = path.rename(staged / "archive.zip")
        path.mkdir()
        try:
            max_bytes -= unpack(archive, path, max_bytes)
        except Refused as error:
            shutil.rmtree(path)
            refused[path.name] = error
    return refused
