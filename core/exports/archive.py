"""Stream files out of the library: one as it is, or several as a zip with random access.

The zip is computed and lies nowhere: members are stored and not deflated (weights hardly shrink), their sizes and
CRC-32 are known from their verification, and so is every offset. A range begins where it is requested, nothing is
written first, and the same files always give the same bytes, which a resumed download relies on.
"""

import contextlib
import hashlib
import io
import os
import secrets
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile, ZipInfo
from zlib import crc32

from core.errors import InputError, StorageFailed
from core.exports.download_names import name_folders, name_of_file, name_of_zip
from core.library import staging, storage
from core.library.integrity import VerifiedFile
from core.library.library import Library

Chunk = bytes
ArchivePiece = bytes | VerifiedFile
ZIP_MEDIA_TYPE = "application/zip"


class StreamedArchive:
    """Pieces one after another that make a file of this name; a context manager.

    `etag` changes with the bytes. Closing it releases its resources.
    """

    def __init__(
        self, name: str, pieces: Iterable[ArchivePiece], etag: str, media_type: str, resources: contextlib.ExitStack
    ):
        self.name, self.etag, self.media_type = name, etag, media_type
        self._pieces = list(pieces)
        self._ends = list(accumulate(_piece_length(piece) for piece in self._pieces))
        self._resources = resources

    @property
    def bytes(self) -> int:
        return self._ends[-1] if self._ends else 0

    def read(self, start: int = 0, stop: int | None = None) -> Iterator[Chunk]:
        """Yield bytes [start, stop) in chunks of at most 1 MiB.

        Raises Damaged when a file changed since it was verified.
        """
        stop = self.bytes if stop is None else stop
        at = bisect_right(self._ends, start)
        while start < stop:
            piece, first = self._pieces[at], self._ends[at] - _piece_length(self._pieces[at])
            end = min(stop, self._ends[at])
            if isinstance(piece, VerifiedFile):
                yield from piece.read(start - first, end - first)
            else:
                yield piece[start - first : end - first]
            start, at = end, at + 1

    def add_resource(self, resource: contextlib.ExitStack) -> None:
        """Release this too when it is closed."""
        self._resources.push(resource)

    def close(self) -> None:
        self._resources.close()

    def __enter__(self) -> "StreamedArchive":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _piece_length(piece: ArchivePiece) -> int:
    return len(piece) if isinstance(piece, bytes) else piece.bytes


def archive_artifacts(library: Library, ids: Iterable[str]) -> StreamedArchive:
    """Stream artifacts as they were written: a single file as it is, everything else as a zip.

    Of each artifact the files in its record, and nothing else that may lie beside them. Raises UnknownName, Damaged.
    """
    ids = list(dict.fromkeys(ids))
    folders = name_folders(library, ids)
    files = {
        f"{folders[id_]}/{path}": file for id_ in ids for path, file in verify_artifact_files(library, id_).items()
    }
    if len(files) == 1:
        file = next(iter(files.values()))
        return archive_file(library, file, name_of_file(library, ids[0], file.path.name))
    return archive_members(library, files, name_of_zip(library, ids))


def verify_artifact_files(library: Library, id_: str) -> dict[str, VerifiedFile]:
    """Verify the files of an artifact against their hashes; by their paths in it."""
    return library.verified_files(id_)


def archive_file(library: Library, file: VerifiedFile, name: str) -> StreamedArchive:
    """Stream a single file under this name."""
    linked, resources = _hard_link_members(library.home, {"": file})
    return StreamedArchive(name, linked.values(), file.sha256, "application/octet-stream", resources)


def archive_members(library: Library, members: Mapping[str, ArchivePiece], name: str) -> StreamedArchive:
    """Stream files and texts under their names in a zip."""
    linked, resources = _hard_link_members(library.home, members)
    return StreamedArchive(name, _zip_pieces(linked), _compute_etag(members), ZIP_MEDIA_TYPE, resources)


def _hard_link_members(
    home: Path, members: Mapping[str, ArchivePiece]
) -> tuple[dict[str, ArchivePiece], contextlib.ExitStack]:
    """The members under hard links of our own, which outlast a removal, and what removes these.

    Where the disk makes no links they are read in place: a removal then ends a download, and spoils nothing.
    """
    with contextlib.ExitStack() as stack:
        try:
            has_files = any(isinstance(piece, VerifiedFile) for piece in members.values())
            folder = stack.enter_context(staging.staging_folder(home)) if has_files else home
            linked = {name: _link_piece(piece, folder / str(at)) for at, (name, piece) in enumerate(members.items())}
        except (OSError, StorageFailed):
            linked = dict(members)
        return linked, stack.pop_all()


def _link_piece(piece: ArchivePiece, target: Path) -> ArchivePiece:
    if isinstance(piece, bytes):
        return piece
    os.link(piece.path, target, follow_symlinks=False)
    return piece._replace(path=target)


def _compute_etag(members: Mapping[str, ArchivePiece]) -> str:
    lines = (f"{name}\0{_piece_length(piece)}\0{piece_sha256(piece)}\n" for name, piece in members.items())
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def piece_sha256(piece: ArchivePiece) -> str:
    return piece.sha256 if isinstance(piece, VerifiedFile) else hashlib.sha256(piece).hexdigest()


def _zip_pieces(members: Mapping[str, ArchivePiece]) -> Iterator[ArchivePiece]:
    infos, at = [], 0
    for name, piece in members.items():
        info = _zip_info(name, piece, at)
        header = info.FileHeader()
        at += len(header) + info.file_size
        infos.append(info)
        yield header
        yield piece
    yield _central_directory(infos, at)


def _zip_info(name: str, piece: ArchivePiece, offset: int) -> ZipInfo:
    info = ZipInfo(name)  # dated 1980, always
    info.compress_type, info.create_system, info.external_attr = ZIP_STORED, 3, 0o644 << 16
    info.file_size = info.compress_size = _piece_length(piece)
    info.CRC = crc32(piece) if isinstance(piece, bytes) else piece.crc
    info.header_offset = offset
    return info


def _central_directory(infos: list[ZipInfo], offset: int) -> bytes:
    """The end of a zip, written by `zipfile` with all that large files need."""
    end = _OffsetBuffer(offset)
    with ZipFile(end, "w") as archive:
        archive.filelist[:] = infos
    return end.getvalue()


class _OffsetBuffer(io.BytesIO):
    """The last part of a file, with positions counted from the beginning of the whole."""

    def __init__(self, offset: int):
        super().__init__()
        self._offset = offset

    def tell(self) -> int:
        return self._offset + super().tell()

    def seek(self, position: int, whence: int = os.SEEK_SET) -> int:
        return self._offset + super().seek(position - self._offset if whence == os.SEEK_SET else position, whence)


def write_archive(archive: StreamedArchive, path: Path, force: bool = False) -> int:
    """Write an archive to a file, whole or not at all, and return its bytes.

    Raises InputError where there is such a file already and `force` is not set, Damaged, StorageFailed.
    """
    path = path.expanduser()
    require_free_path(path, force)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    with storage.translate_disk_errors():
        try:
            with temporary.open("xb") as file:
                file.writelines(archive.read())
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    return archive.bytes


def require_free_path(path: Path, force: bool, parent: Path | None = None) -> None:
    """Raises InputError where `path` is taken, or its folder does not exist.

    `parent` is that folder where the ones between it and `path` may be made.
    """
    parent = parent or path.parent
    if not parent.is_dir():
        raise InputError("There is no such folder.", received=parent.name, cure="Make it, or choose another.")
    if path.is_dir():
        raise InputError("There is a folder of that name already.", received=path.name, cure="Choose another name.")
    if path.exists() and not force:
        cure = "Choose another name, or have it replaced with --force."
        raise InputError("There is a file of that name already.", received=path.name, cure=cure)
