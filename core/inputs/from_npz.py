"""Inputs from untrusted NPZ and NPY files: every claim is checked before rows are read, some at a time."""

import contextlib
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from core.arrays import Arrays
from core.errors import InputError, Refused
from core.inputs.npy import NpyHeader, iter_row_chunks, read_header, read_rows, require_all_bytes, rows_per_chunk
from core.inputs.source import InputSource, SourceArray, require_same_rows, require_size
from core.validation.archives import check_end_record

MAX_ARRAYS = 256  # arrays in one file
# Deflate cannot make 1,032 bytes out of less than one (its longest match, 258 bytes, takes two bits).
MAX_DEFLATE_RATIO = 1032
RATIO_SLACK_BYTES = 1024  # bytes for which no ratio is required: a stream has a beginning and an end
READ_ERRORS = (OSError, EOFError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error)


def npy_source(path: Path, max_bytes: int) -> InputSource:
    """Open the array of a .npy file of at most `max_bytes`. Raises InputError."""
    with path.open("rb") as stream:
        header = read_header(stream, path.name)
        data_bytes = path.stat().st_size - stream.tell()
        require_size(header.bytes, max(max_bytes, data_bytes))
        require_all_bytes(header, path.name, data_bytes)
    require_same_rows({"": header.shape})
    return InputSource([_source_array("input", header)], _npy_chunks(path))


def _npy_chunks(path: Path) -> Iterator[Arrays]:
    with path.open("rb") as stream:
        for rows in iter_row_chunks(stream, read_header(stream, path.name), path.name):
            yield {"input:input": rows}


def npz_source(path: Path, max_bytes: int) -> InputSource:
    """Open the arrays of a .npz file, together of at most `max_bytes`.

    "input:x" and "target:y" are taken without their roles, and what else stands beside them is ignored; where no name
    has such a role, all are inputs. Raises InputError.
    """
    with _open_archive(path) as archive:
        members = _read_members(archive, path.stat().st_size, max_bytes)
        headers = {name: _read_member_header(archive, member) for name, member in members.items()}
    inputs, targets = (
        {name.removeprefix(role): name for name in headers if name.startswith(role)} for role in ("input:", "target:")
    )
    inputs = inputs or {name: name for name in headers if name not in targets.values()}
    taken = {f"input:{name}": member for name, member in inputs.items()}
    taken |= {f"target:{name}": member for name, member in targets.items()}
    require_same_rows({member: headers[member].shape for member in taken.values()})
    ignored = [name for name in headers if name not in taken.values()]
    return InputSource(
        [_source_array(name, headers[member]) for name, member in inputs.items()],
        _npz_chunks(path, {name: members[member] for name, member in taken.items()}),
        [_source_array(name, headers[member]) for name, member in targets.items()],
        [f"Passed over: {', '.join(ignored[:12])}."] if ignored else [],
    )


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
        sentence = "The file is damaged, or no NPZ file."
        raise InputError(sentence, cure="Write it again with numpy.savez.", detail=str(error)) from error


def _check_zip_end(stream: BinaryIO, size: int) -> None:
    """Raise InputError for more arrays than one file may have, before the index that lists them is read."""
    try:
        check_end_record(stream, size, max_members=MAX_ARRAYS)
    except Refused as error:
        if error.rule != "zip-many":
            raise zipfile.BadZipFile(error.sentence) from error
        raise _too_many_arrays_error(error.received) from error


def _too_many_arrays_error(received: str) -> InputError:
    sentence = f"The file holds more than {MAX_ARRAYS} arrays."
    return InputError(sentence, received=received, cure="Give one for each input.")


def _read_members(archive: zipfile.ZipFile, size: int, max_bytes: int) -> dict[str, zipfile.ZipInfo]:
    """Return the arrays in the zip by name.

    Raises InputError for more than NumPy would write: many, huge, overlapping, encrypted, or of another kind.
    """
    members = archive.infolist()
    if len(members) > MAX_ARRAYS:
        raise _too_many_arrays_error(f"{len(members):,}")
    if others := [member.filename for member in members if not member.filename.endswith(".npy")]:
        sentence = "The file is a zip, but not of arrays."
        raise InputError(sentence, received=others[0][:80], cure="Write it with numpy.savez.")
    if any(_claims_too_much(member) for member in members) or sum(member.compress_size for member in members) > size:
        sentence = "The file claims to unpack to more than it can hold."
        raise InputError(sentence, cure="Write it again with numpy.savez.")
    require_size(sum(member.file_size for member in members), max_bytes)
    return {member.filename.removesuffix(".npy"): member for member in members}


def _claims_too_much(member: zipfile.ZipInfo) -> bool:
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or member.flag_bits & 1:
        sentence = "An array in the file is encrypted, or compressed in a way that NumPy does not write."
        cure = "Write it with numpy.savez or numpy.savez_compressed."
        raise InputError(sentence, received=member.filename[:80], cure=cure)
    if member.compress_type == zipfile.ZIP_STORED:
        return member.file_size != member.compress_size
    return member.file_size > member.compress_size * MAX_DEFLATE_RATIO + RATIO_SLACK_BYTES


def _read_member_header(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NpyHeader:
    name = member.filename.removesuffix(".npy")
    with archive.open(member) as stream:
        header = read_header(stream, name)
        require_size(header.bytes, member.file_size)
        require_all_bytes(header, name, member.file_size - stream.tell())
    return header


def _npz_chunks(path: Path, members: dict[str, zipfile.ZipInfo]) -> Iterator[Arrays]:
    with _open_archive(path) as archive, contextlib.ExitStack() as stack:
        streams = {name: stack.enter_context(archive.open(member)) for name, member in members.items()}
        headers = {name: read_header(stream, name) for name, stream in streams.items()}
        rows = next(iter(headers.values())).shape[0]
        # In Fortran order the rows of an array lie strewn over the whole of it.
        is_whole = any(header.is_fortran for header in headers.values())
        step = rows if is_whole else min(rows_per_chunk(header.row_bytes) for header in headers.values())
        for start in range(0, rows, step):
            count = min(step, rows - start)
            yield {name: read_rows(streams[name], header, count, name) for name, header in headers.items()}
