"""Files whose every byte was held against its hash, and that are read only while they are still those files."""

import hashlib
import os
import stat
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple

from cachetools import LRUCache

from core.errors import Damaged, LibraryError
from core.explain import translate
from core.library import storage
from core.library.records import FileEntry

CHUNK_BYTES = 2**20
MAX_CACHED_CHECKS = 4096  # files whose last check is known
# A file that is changed twice within one tick of the disk's clock has one time for both: the check of a file that was
# touched just now is not remembered.
CLOCK_TICK = 2 * 10**9  # nanoseconds


class FileStamp(NamedTuple):
    """What changes whenever a file is written to or replaced."""

    bytes: int
    mtime_ns: int
    inode: int


class VerifiedFile(NamedTuple):
    """A file as it was when its bytes were held against their hash."""

    path: Path
    stamp: FileStamp
    sha256: str
    crc: int

    @property
    def bytes(self) -> int:
        return self.stamp.bytes

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        """The bytes from `start` up to `stop`, in chunks; each is given only if the file is still the one that was
        checked. Raises Damaged when it is another or gone."""
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


_verified: LRUCache[tuple[Path, str], tuple[FileStamp, int]] = LRUCache(MAX_CACHED_CHECKS)
_lock = threading.Lock()


def verify_file(folder: Path, entry: FileEntry) -> VerifiedFile:
    """The file of that entry below `folder`, held against its hash; what was held against it before, and was not
    touched since, is not read again. Raises Damaged, StorageFailed."""
    path = _resolve_entry_path(folder, entry)
    try:
        with _open_without_links(path) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise _changed_file_error(path.name)
            return _verify_open_file(path, file, entry)
    except OSError as error:  # missing, unreadable, or a link
        if error.errno in storage.PROCESS_LIMIT_ERRNOS:
            raise translate(error, LibraryError) from error
        raise _changed_file_error(path.name) from error


def _resolve_entry_path(folder: Path, entry: FileEntry) -> Path:
    """The path of an entry; a record that somebody has changed does not lead out of its folder."""
    parts = PurePosixPath(entry.path).parts
    if not parts or entry.path.startswith("/") or ".." in parts or "\\" in entry.path:
        raise _changed_file_error("with no proper name")
    if any(folder.joinpath(*parts[:depth]).is_symlink() for depth in range(1, len(parts))):
        raise _changed_file_error(parts[-1])
    return folder.joinpath(*parts)


def _verify_open_file(path: Path, file: BinaryIO, entry: FileEntry) -> VerifiedFile:
    stamp, key = _read_stamp(file), (path, entry.sha256)
    with _lock:
        known = _verified.get(key)
    if known and known[0] == stamp:
        return VerifiedFile(path, stamp, entry.sha256, known[1])
    digest, crc = _hash_stream(file)
    if digest != entry.sha256 or stamp.bytes != entry.bytes or _read_stamp(file) != stamp:
        raise _changed_file_error(path.name)
    _cache_check(key, stamp, crc)
    return VerifiedFile(path, stamp, entry.sha256, crc)


def _cache_check(key: tuple[Path, str], stamp: FileStamp, crc: int) -> None:
    if time.time_ns() - stamp.mtime_ns < CLOCK_TICK:
        return
    with _lock:
        _verified[key] = stamp, crc


def _hash_stream(file: BinaryIO) -> tuple[str, int]:
    """The SHA-256 and the CRC-32 of a file, in one pass."""
    digest, crc = hashlib.sha256(), 0
    while chunk := file.read(CHUNK_BYTES):
        digest.update(chunk)
        crc = zlib.crc32(chunk, crc)
    return digest.hexdigest(), crc


def _open_without_links(path: Path) -> BinaryIO:
    """Without following a link in its last place, where the system can refuse one."""
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
