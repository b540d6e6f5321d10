"""NPZ and NPY files of a stranger: no claim is believed unchecked, and rows are read as they are asked for."""

import contextlib
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from core.arrays import Arrays
from core.errors import InputError, Refused
from core.inputs.npy import NpyHeader, iter_row_chunks, read_header, rows_per_chunk
from core.inputs.source import InputSource, SourceArray, require_same_rows, require_size
from core.validation.archives import check_end_record

MAX_ARRAYS = 256  # arrays in one file
# Deflate cannot make 1,032 bytes out of less than one (its longest match, 258 bytes, takes two bits).
MAX_DEFLATE_RATIO = 1032
RATIO_SLACK_BYTES = 1024  # bytes for which no ratio is asked: a stream has a beginning and an end
READ_ERRORS = (OSError, EOFError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error)
ROLE_PREFIXES = ("input:", "target:")


def npy_source(path: Path, max_bytes: int) -> InputSource:
    """The one array of a .npy file, of at most `most` bytes."""
    with path.open("rb") as stream:
        header = _validate_header(
            read_header(stream, path.name), path.name, path.stat().st_size - stream.tell(), max_bytes
        )
    require_same_rows({"": header.shape})
    return InputSource([SourceArray("input", header.dtype, header.shape[1:])], _npy_chunks(path))


def _npy_chunks(path: Path) -> Iterator[Arrays]:
    with path.open("rb") as stream:
        for rows in iter_row_chunks(stream, read_header(stream, path.name), path.name):
            yield {"input:input": rows}


def npz_source(path: Path, max_bytes: int) -> InputSource:
    """The arrays of a .npz file, together at most `most` bytes.

    "input:x" and "target:y" are taken without their roles, and what else stands beside them is passed over; where no
    name has such a role, all are inputs. Raises InputError.
    """
    with _open_archive(path) as archive:
        members = _read_members(archive, path.stat().st_size, max_bytes)
        headers = {name: _read_member_header(archive, member) for name, member in members.items()}
    roles = {role: _strip_role(headers, role) for role in ROLE_PREFIXES}
    if not roles["input:"]:
        roles["input:"] = {name: name for name in headers if name not in roles["target:"].values()}
    taken = {f"{role}{name}": full for role, named in roles.items() for name, full in named.items()}
    require_same_rows({full: headers[full].shape for full in taken.values()})
    given = {
        role: [_source_array(name, headers[full]) for name, full in named.items()] for role, named in roles.items()
    }
    left = [name for name in headers if name not in taken.values()]
    notes = [f"Passed over: {', '.join(left[:12])}."] if left else []
    chunks = _npz_chunks(path, {name: members[full] for name, full in taken.items()})
    return InputSource(given["input:"], chunks, given["target:"], notes)


def _strip_role(headers: dict[str, NpyHeader], role: str) -> dict[str, str]:
    return {name.removeprefix(role): name for name in headers if name.startswith(role)}


def _source_array(name: str, header: NpyHeader) -> SourceArray:
    return SourceArray(name, header.dtype, header.shape[1:])


@contextlib.contextmanager
def _open_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with path.open("rb") as stream:
            _check_zip_end(stream, path.stat().st_size)
            with zipfile.ZipFile(stream) as archive:
                yield archive
    except READ_ERRORS as error:
        raise InputError(
            "The file is damaged, or no NPZ file.", cure="Write it again with numpy.savez.", detail=str(error)
        ) from error


def _check_zip_end(stream: BinaryIO, size: int) -> None:
    """Raises InputError for more arrays than one file may have, before the index that tells of them is read."""
    try:
        check_end_record(stream, size, max_members=MAX_ARRAYS)
    except Refused as error:
        if error.rule != "zip-many":
            raise zipfile.BadZipFile(error.sentence) from error
        raise _too_many_arrays(error.received) from error


def _too_many_arrays(received: str) -> InputError:
    return InputError(
        f"The file holds more than {MAX_ARRAYS} arrays.", received=received, cure="Give one for each input."
    )


def _read_members(archive: zipfile.ZipFile, size: int, max_bytes: int) -> dict[str, zipfile.ZipInfo]:
    """The arrays in the zip by name. Raises InputError for more than NumPy would write: many, huge, overlapping,
    encrypted, or of another kind."""
    found = archive.infolist()
    if len(found) > MAX_ARRAYS:
        raise _too_many_arrays(f"{len(found):,}")
    if strange := [one.filename for one in found if not one.filename.endswith(".npy")]:
        raise InputError(
            "The file is a zip, but not of arrays.", received=strange[0][:80], cure="Write it with numpy.savez."
        )
    if any(_is_zip_bomb(one) for one in found) or sum(one.compress_size for one in found) > size:
        raise InputError(
            "The file claims to unpack to more than it can hold, as a zip bomb does.",
            cure="Write it again with numpy.savez.",
        )
    require_size(sum(one.file_size for one in found), max_bytes)
    return {one.filename.removesuffix(".npy"): one for one in found}


def _is_zip_bomb(member: zipfile.ZipInfo) -> bool:
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
    return member.file_size > packed * MAX_DEFLATE_RATIO + RATIO_SLACK_BYTES


def _read_member_header(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NpyHeader:
    name = member.filename.removesuffix(".npy")
    with archive.open(member) as stream:
        return _validate_header(read_header(stream, name), name, member.file_size - stream.tell(), member.file_size)


def _validate_header(header: NpyHeader, name: str, data_bytes: int, max_bytes: int) -> NpyHeader:
    """The header, if as many bytes stand behind it as it says."""
    require_size(header.bytes, max(max_bytes, data_bytes))
    if header.bytes != data_bytes:
        raise InputError(
            f"“{name}” says that it has {header.bytes:,} bytes of values, and there are {data_bytes:,}.",
            cure="Write the file again.",
        )
    return header


def _npz_chunks(path: Path, members: dict[str, zipfile.ZipInfo]) -> Iterator[Arrays]:
    with _open_archive(path) as archive, contextlib.ExitStack() as stack:
        streams = {name: stack.enter_context(archive.open(member)) for name, member in members.items()}
        headers = {name: read_header(stream, name) for name, stream in streams.items()}
        if any(header.is_fortran for header in headers.values()):
            yield {name: _read_array(streams[name], header, name) for name, header in headers.items()}
            return
        step = min(rows_per_chunk(header.row_bytes) for header in headers.values())
        rows = next(iter(headers.values())).shape[0]
        for start in range(0, rows, step):
            count = min(step, rows - start)
            yield {name: _read_rows(streams[name], header, count, name) for name, header in headers.items()}


def _read_array(stream: BinaryIO, header: NpyHeader, name: str) -> np.ndarray:
    return np.concatenate(list(iter_row_chunks(stream, header, name)))


def _read_rows(stream: BinaryIO, header: NpyHeader, count: int, name: str) -> np.ndarray:
    return np.concatenate(list(iter_row_chunks(stream, header._replace(shape=(count, *header.shape[1:])), name)))
