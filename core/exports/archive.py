"""What leaves the library: a file, or several as one zip, of which any part can be read without the rest.

The zip is computed and lies nowhere: members are stored and not deflated (weights hardly shrink), their sizes and
CRC-32 are known from the check of their bytes, and so is every offset. A range begins where it is asked for, nothing
is written first, and the same files always give the same bytes, which a resumed download counts on.
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
from core.library import storage
from core.library.integrity import VerifiedFile, verify_file
from core.library.library import Library

ArchivePiece = bytes | VerifiedFile
ZIP_MEDIA_TYPE = "application/zip"


class StreamedArchive:
    """Pieces one after another, under the name of the file that they make.

    `tag` is another one for other bytes. Closing it lets go of what it holds; it is a context manager.
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

    def read(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The bytes from `start` up to `stop` (the end), in chunks of at most 1 MiB; memory does not grow with them.

        Raises Damaged when a file was touched since it was checked.
        """
        stop = self.bytes if stop is None else stop
        at = bisect_right(self._ends, start)
        while start < stop:
            piece, first = self._pieces[at], self._ends[at] - _piece_length(self._pieces[at])
            until = min(stop, self._ends[at])
            yield from _read_piece(piece, start - first, until - first)
            start, at = until, at + 1

    def add_resource(self, resource: contextlib.ExitStack) -> None:
        """Let go of this too at the end."""
        self._resources.push(resource)

    def close(self) -> None:
        self._resources.close()

    def __enter__(self) -> "StreamedArchive":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _piece_length(piece: ArchivePiece) -> int:
    return len(piece) if isinstance(piece, bytes) else piece.bytes


def _read_piece(piece: ArchivePiece, start: int, stop: int) -> Iterator[bytes]:
    if isinstance(piece, bytes):
        yield piece[start:stop]
    else:
        yield from piece.read(start, stop)


def archive_artifacts(library: Library, ids: Iterable[str]) -> StreamedArchive:
    """Artifacts as they were written: the only file of the only one as it is, everything else as a zip.

    Of each artifact the files in its record, and nothing else that may lie beside them. Raises UnknownName, Damaged.
    """
    ids = list(dict.fromkeys(ids))
    kept = {f"{id_}/{path}": one for id_ in ids for path, one in verify_artifact_files(library, id_).items()}
    if len(kept) == 1:
        return archive_file(library, next(iter(kept.values())), f"{ids[0]}-")
    return archive_members(library, kept, f"{ids[0]}.zip" if len(ids) == 1 else f"roundtrip-{len(ids)}-artifacts.zip")


def verify_artifact_files(library: Library, id_: str) -> dict[str, VerifiedFile]:
    """The files of an artifact by their path in it, each held against its hash."""
    entries = library.artifact(id_).files
    return {one.path: verify_file(library.home / "artifacts" / id_ / "files", one) for one in entries}


def archive_file(library: Library, file: VerifiedFile, prefix: str = "") -> StreamedArchive:
    """A single file, `before` put before its name."""
    with _hard_link_members(library.home, {"": file}) as (held, kept):
        return StreamedArchive(prefix + file.path.name, held.values(), file.sha256, "application/octet-stream", kept)


def archive_members(library: Library, members: Mapping[str, ArchivePiece], name: str) -> StreamedArchive:
    """Files and texts under their names in a zip."""
    with _hard_link_members(library.home, members) as (held, kept):
        return StreamedArchive(name, _zip_pieces(held), _compute_etag(members), ZIP_MEDIA_TYPE, kept)


@contextlib.contextmanager
def _hard_link_members(
    home: Path, members: Mapping[str, ArchivePiece]
) -> Iterator[tuple[dict[str, ArchivePiece], contextlib.ExitStack]]:
    """The members under links of our own, which outlast a removal, and what lets go of them.

    Where the disk makes no links they are read in place: a removal then ends what is under way, and spoils nothing.
    """
    with contextlib.ExitStack() as stack:
        try:
            folder = (
                stack.enter_context(storage.staging_folder(home))
                if any(map(_is_verified_file, members.values()))
                else home
            )
            held = {name: _link_piece(one, folder / str(at)) for at, (name, one) in enumerate(members.items())}
        except (OSError, StorageFailed):
            held = dict(members)
        yield held, stack.pop_all()


def _is_verified_file(piece: ArchivePiece) -> bool:
    return isinstance(piece, VerifiedFile)


def _link_piece(piece: ArchivePiece, target: Path) -> ArchivePiece:
    if isinstance(piece, bytes):
        return piece
    os.link(piece.path, target, follow_symlinks=False)
    return piece._replace(path=target)


def _compute_etag(members: Mapping[str, ArchivePiece]) -> str:
    said = "".join(f"{name}\0{_piece_length(one)}\0{piece_sha256(one)}\n" for name, one in members.items())
    return hashlib.sha256(said.encode()).hexdigest()


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
    """The end of a zip: where each member is. Python's own writer makes it, with all that large files need."""
    end = _OffsetBuffer(offset)
    with ZipFile(end, "w") as archive:
        archive.filelist[:] = infos
    return end.getvalue()


class _OffsetBuffer(io.BytesIO):
    """The last part of a file, whose places are counted from the beginning of the whole."""

    def __init__(self, offset: int):
        super().__init__()
        self._offset = offset

    def tell(self) -> int:
        return self._offset + super().tell()

    def seek(self, place: int, whence: int = os.SEEK_SET) -> int:
        return self._offset + super().seek(place - self._offset if whence == os.SEEK_SET else place, whence)


def write_archive(archive: StreamedArchive, path: Path, force: bool = False) -> int:
    """Write a parcel to a file, whole or not at all; gives its bytes.

    Raises InputError where there is such a file already and `force` is not set, Damaged, StorageFailed.
    """
    path = path.expanduser()
    require_free_path(path, force)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    with storage.translate_disk_errors():
        try:
            with beside.open("xb") as file:
                for chunk in archive.read():
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)
    return archive.bytes


def require_free_path(path: Path, force: bool, parent: Path | None = None) -> None:
    """Raises InputError where `path` is taken, or its folder (or `parent`, from which on folders are made) is not
    there."""
    parent = parent or path.parent
    if not parent.is_dir():
        raise InputError("There is no such folder.", received=parent.name, cure="Make it, or choose another.")
    if path.is_dir():
        raise InputError("There is a folder of that name already.", received=path.name, cure="Choose another name.")
    if path.exists() and not force:
        raise InputError(
            "There is a file of that name already.",
            received=path.name,
            cure="Choose another name, or have it replaced with --force.",
        )
