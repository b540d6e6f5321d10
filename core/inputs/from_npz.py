"""NPZ and NPY files of a stranger: no claim is believed unchecked, and rows are read as they are asked for."""

import contextlib
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from core.arrays import Arrays
from core.errors import InputError, Refused
from core.inputs.npy import Header, pieces, read_header, rows_in_piece
from core.inputs.source import Given, Source, same_rows
from core.validation.archives import check_end

MEMBERS = 256  # arrays in one file
# Deflate cannot make 1,032 bytes out of less than one (its longest match, 258 bytes, takes two bits).
RATIO = 1032
SLACK = 1024  # bytes for which no ratio is asked: a stream has a beginning and an end
NUMBER = 32  # letters that NumPy gives a number among texts
UNREADABLE = (OSError, EOFError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error)
ROLES = ("input:", "target:")


def npy_source(path: Path, most: int) -> Source:
    """The one array of a .npy file, of at most `most` bytes."""
    with path.open("rb") as stream:
        header = _sound(read_header(stream, path.name), path.name, path.stat().st_size - stream.tell(), most)
    same_rows({"": header.shape})
    return Source([Given("input", header.dtype, header.shape[1:])], _npy_chunks(path))


def _npy_chunks(path: Path) -> Iterator[Arrays]:
    with path.open("rb") as stream:
        for rows in pieces(stream, read_header(stream, path.name), path.name):
            yield {"input:input": rows}


def npz_source(path: Path, most: int) -> Source:
    """The arrays of a .npz file, together at most `most` bytes.

    "input:x" and "target:y" are taken without their roles, and what else stands beside them is passed over; where no
    name has such a role, all are inputs. Raises InputError.
    """
    with _archive(path) as archive:
        members = _members(archive, path.stat().st_size, most)
        headers = {name: _header(archive, member) for name, member in members.items()}
    roles = {role: _under(headers, role) for role in ROLES}
    if not roles["input:"]:
        roles["input:"] = {name: name for name in headers if name not in roles["target:"].values()}
    taken = {f"{role}{name}": full for role, named in roles.items() for name, full in named.items()}
    same_rows({full: headers[full].shape for full in taken.values()})
    given = {role: [_given(name, headers[full]) for name, full in named.items()] for role, named in roles.items()}
    left = [name for name in headers if name not in taken.values()]
    notes = [f"Passed over: {', '.join(left[:12])}."] if left else []
    chunks = _npz_chunks(path, {name: members[full] for name, full in taken.items()})
    return Source(given["input:"], chunks, given["target:"], notes)


def _under(headers: dict[str, Header], role: str) -> dict[str, str]:
    return {name.removeprefix(role): name for name in headers if name.startswith(role)}


def _given(name: str, header: Header) -> Given:
    return Given(name, header.dtype, header.shape[1:])


@contextlib.contextmanager
def _archive(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with path.open("rb") as stream:
            _check_end(stream, path.stat().st_size)
            with zipfile.ZipFile(stream) as archive:
                yield archive
    except UNREADABLE as error:
        raise InputError(
            "The file is damaged, or no NPZ file.", cure="Write it again with numpy.savez.", detail=str(error)
        ) from error


def _check_end(stream: BinaryIO, size: int) -> None:
    """Raises InputError for more arrays than one file may have, before the index that tells of them is read."""
    try:
        check_end(stream, size, members=MEMBERS)
    except Refused as error:
        if error.rule != "zip-many":
            raise zipfile.BadZipFile(error.sentence) from error
        raise _too_many(error.received) from error


def _too_many(received: str) -> InputError:
    return InputError(f"The file holds more than {MEMBERS} arrays.", received=received, cure="Give one for each input.")


def _members(archive: zipfile.ZipFile, size: int, most: int) -> dict[str, zipfile.ZipInfo]:
    """The arrays in the zip by name. Raises InputError for more than NumPy would write: many, huge, overlapping,
    encrypted, or of another kind."""
    found = archive.infolist()
    if len(found) > MEMBERS:
        raise _too_many(f"{len(found):,}")
    if strange := [one.filename for one in found if not one.filename.endswith(".npy")]:
        raise InputError(
            "The file is a zip, but not of arrays.", received=strange[0][:80], cure="Write it with numpy.savez."
        )
    if any(_is_a_bomb(one) for one in found) or sum(one.compress_size for one in found) > size:
        raise InputError(
            "The file claims to unpack to more than it can hold, as a zip bomb does.",
            cure="Write it again with numpy.savez.",
        )
    require_size(sum(one.file_size for one in found), most)
    return {one.filename.removesuffix(".npy"): one for one in found}


def _is_a_bomb(member: zipfile.ZipInfo) -> bool:
    known = member.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) and not member.flag_bits & 1
    if not known:
        raise InputError(
            "An array in the file is encrypted, or compressed in a way that NumPy does not write.",
            received=member.filename[:80],
            cure="Write it with numpy.savez or numpy.savez_compressed.",
        )
    packed = member.compress_size
    if member.compress_type == zipfile.ZIP_STORED:
        return member.file_size != packed
    return member.file_size > packed * RATIO + SLACK


def require_size(count: int, most: int) -> None:
    """Raises InputError when that many bytes are more than a set of inputs may have."""
    if count > most:
        raise InputError(
            "These inputs are larger than a set of inputs may be.",
            received=f"{count:,} bytes, of at most {most:,}",
            cure="Give fewer rows, or raise ROUNDTRIP_INPUTS_MIB.",
        )


def text_bytes(values: Iterable[Any]) -> int:
    """Bytes that an array of these values takes where some are text: each of them as wide as the longest."""
    widths = [len(value) if isinstance(value, str) else -1 for value in values]
    longest, numbers = max(widths, default=-1), -1 in widths
    return 0 if longest < 0 else len(widths) * max(longest, NUMBER if numbers else 1) * 4


def _header(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Header:
    name = member.filename.removesuffix(".npy")
    with archive.open(member) as stream:
        return _sound(read_header(stream, name), name, member.file_size - stream.tell(), member.file_size)


def _sound(header: Header, name: str, behind: int, most: int) -> Header:
    """The header, if as many bytes stand behind it as it says."""
    require_size(header.bytes, max(most, behind))
    if header.bytes != behind:
        raise InputError(
            f"“{name}” says that it has {header.bytes:,} bytes of values, and there are {behind:,}.",
            cure="Write the file again.",
        )
    return header


def _npz_chunks(path: Path, members: dict[str, zipfile.ZipInfo]) -> Iterator[Arrays]:
    with _archive(path) as archive, contextlib.ExitStack() as stack:
        streams = {name: stack.enter_context(archive.open(member)) for name, member in members.items()}
        headers = {name: read_header(stream, name) for name, stream in streams.items()}
        if any(header.fortran for header in headers.values()):
            yield {name: _whole(streams[name], header, name) for name, header in headers.items()}
            return
        step = min(rows_in_piece(header.row_bytes) for header in headers.values())
        rows = next(iter(headers.values())).shape[0]
        for start in range(0, rows, step):
            count = min(step, rows - start)
            yield {name: _rows(streams[name], header, count, name) for name, header in headers.items()}


def _whole(stream: BinaryIO, header: Header, name: str) -> np.ndarray:
    return np.concatenate(list(pieces(stream, header, name)))


def _rows(stream: BinaryIO, header: Header, count: int, name: str) -> np.ndarray:
    return np.concatenate(list(pieces(stream, header._replace(shape=(count, *header.shape[1:])), name)))
