"""Files verified against their SHA-256, and readable only while they are still those files."""

import errno
import hashlib
import os
import stat
import time
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple

from core.caching import StampedCache
from core.error_translation import translate
from core.errors import Damaged, LibraryError
from core.library import storage
from core.library.records import FileEntry
from core.library.storage import (
    CHUNK_BYTES,
    PROCESS_LIMIT_ERRNOS,
    BytesReadCallback,
    compute_sha256,
    contains_symlink,
    ignore_progress,
    list_files,
)

MAX_CACHED_CHECKS = 4096
# A file that is changed twice within one tick of the disk's clock has one time for both: the check of a file that was
# touched just now is not cached.
CLOCK_TICK = 2 * 10**9  # nanoseconds
Chunks = Iterator[bytes]


class FileStamp(NamedTuple):
    """Changes whenever a file is written to or replaced."""

    bytes: int
    mtime_ns: int
    inode: int


class VerifiedFile(NamedTuple):
    """A file as it was when its bytes were verified; `crc` is the CRC-32 that a zip needs."""

    path: Path
    stamp: FileStamp
    sha256: str
    crc: int

    @property
    def bytes(self) -> int:
        return self.stamp.bytes

    def read(self, start: int, stop: int) -> Chunks:
        """Yield bytes [start, stop) in chunks of at most 1 MiB, each while the file is still the one that was verified.

        Raises Damaged when it is another or gone.
        """
        try:
            with _open_without_links(self.path) as file:
                file.seek(start)
                while start < stop:
                    chunk = file.read(min(CHUNK_BYTES, stop - start))
                    if not chunk or _read_stamp(file) != self.stamp:
                        raise _changed_file_error(self.path.name)
                    start += len(chunk)
                    yield chunk
        except FileNotFoundError as error:
            raise _changed_file_error(self.path.name) from error


_checks = StampedCache(MAX_CACHED_CHECKS, "checksums")  # the CRC-32 by path and SHA-256


def verify_file(folder: Path, entry: FileEntry) -> VerifiedFile:
    """Verify the file of an entry below `folder`; it is not read again while it is not touched.

    Raises Damaged, StorageFailed.
    """
    path = _resolve_entry_path(folder, entry)
    try:
        with _open_without_links(path) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise _changed_file_error(path.name)
            return _verify_open_file(path, file, entry)
    except OSError as error:  # missing, unreadable, or a link
        if error.errno in PROCESS_LIMIT_ERRNOS:
            raise translate(error, LibraryError) from error
        raise _changed_file_error(path.name) from error


def _resolve_entry_path(folder: Path, entry: FileEntry) -> Path:
    """The path of an entry; a record that somebody has changed does not lead out of its folder."""
    parts = PurePosixPath(entry.path).parts
    if not parts or entry.path.startswith("/") or ".." in parts or "\\" in entry.path:
        raise _changed_file_error("with no proper name")
    if contains_symlink(folder, "/".join(parts)):
        raise _changed_file_error(parts[-1])
    return folder.joinpath(*parts)


def _verify_open_file(path: Path, file: BinaryIO, entry: FileEntry) -> VerifiedFile:
    stamp = _read_stamp(file)
    is_settled = time.time_ns() - stamp.mtime_ns >= CLOCK_TICK
    compute = partial(_verify_bytes, path, file, entry, stamp)
    crc = _checks.get_or_compute((path, entry.sha256), compute, stamp if is_settled else None)
    return VerifiedFile(path, stamp, entry.sha256, crc)


def _verify_bytes(path: Path, file: BinaryIO, entry: FileEntry, stamp: FileStamp) -> int:
    """The CRC-32 of a file whose SHA-256, size and stamp are as they should be. Raises Damaged."""
    digest, crc = hashlib.sha256(), 0
    while chunk := file.read(CHUNK_BYTES):
        digest.update(chunk)
        crc = zlib.crc32(chunk, crc)
    if digest.hexdigest() != entry.sha256 or stamp.bytes != entry.bytes or _read_stamp(file) != stamp:
        raise _changed_file_error(path.name)
    return crc


def _open_without_links(path: Path) -> BinaryIO:
    """Open a file without following a link in its last place, where the system can refuse one."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
    return os.fdopen(os.open(path, flags), "rb", buffering=0)


def _read_stamp(file: BinaryIO) -> FileStamp:
    facts = os.fstat(file.fileno())
    return FileStamp(facts.st_size, facts.st_mtime_ns, facts.st_ino)


def _changed_file_error(name: str) -> Damaged:
    return Damaged(
        f"The file {name} is missing, or not what was saved: its bytes do not have the SHA-256 of its record.",
        cure="Restore it from a backup, or save the run again; what is damaged is not given out.",
    )


def hash_and_flush(folder: Path) -> list[FileEntry]:
    """Hash every file below a folder and flush it to the disk, then its directories.

    Hashing needs the processor and flushing the disk, so files are hashed while others are flushed.
    """
    paths = list_files(folder)
    with ThreadPoolExecutor(max_workers=2) as pool:
        flushes = [pool.submit(storage.fsync_path, path) for path in paths]
        entries = [make_file_entry(path, folder) for path in paths]
        for flush in flushes:
            flush.result()
    for directory in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
        storage.fsync_path(directory)
    return entries


def make_file_entry(path: Path, folder: Path) -> FileEntry:
    return FileEntry(path=path.relative_to(folder).as_posix(), bytes=path.stat().st_size, sha256=compute_sha256(path))


def verify_files(folder: Path, entries: Iterable[FileEntry], on_read: BytesReadCallback = ignore_progress) -> None:
    """Verify the files of a folder against their entries.

    Raises Damaged, naming the first file that is missing, cut, changed, or replaced by a link.
    """
    for entry in entries:
        if damage := find_damage(folder, entry, on_read):
            raise damage


def find_damage(folder: Path, entry: FileEntry, on_read: BytesReadCallback = ignore_progress) -> Damaged | None:
    """What is wrong with a stored file, if anything. Raises StorageFailed where this process has no room to look."""
    path = folder / entry.path
    try:
        if contains_symlink(folder, entry.path) or not path.is_file():
            return _damaged_error(entry, "is missing")
        if (size := path.stat().st_size) != entry.bytes:
            return _damaged_error(entry, f"has {size:,} bytes instead of {entry.bytes:,}")
        if compute_sha256(path, on_read) != entry.sha256:
            return _damaged_error(entry, "has changed since it was saved (its SHA-256 differs)")
    except FileNotFoundError:
        return _damaged_error(entry, "is missing")
    except OSError as error:
        if error.errno in PROCESS_LIMIT_ERRNOS:
            raise translate(error, LibraryError) from error
        return _damaged_error(entry, f"cannot be read ({os.strerror(error.errno or errno.EIO)})")
    return None


def _damaged_error(entry: FileEntry, problem: str) -> Damaged:
    return Damaged(
        f"The file {Path(entry.path).name} {problem}.",
        cure="Restore it from a backup, or save the run again; the damaged copy is not loaded.",
    )
