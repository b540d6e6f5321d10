"""Files whose every byte was held against its hash, and that are read only while they are still those files."""

import hashlib
import os
import stat
import threading
import time
import zlib
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple

from core.errors import Damaged, LibraryError
from core.explain import translate
from core.library import storage
from core.library.records import FileEntry

CHUNK = 2**20
REMEMBERED = 4096  # files whose last check is known
# A file that is changed twice within one tick of the disk's clock has one time for both: the check of a file that was
# touched just now is not remembered.
TICK = 2 * 10**9  # nanoseconds


class Stamp(NamedTuple):
    """What changes whenever a file is written to or replaced."""

    bytes: int
    mtime_ns: int
    inode: int


class Checked(NamedTuple):
    """A file as it was when its bytes were held against their hash."""

    path: Path
    stamp: Stamp
    sha256: str
    crc: int

    @property
    def bytes(self) -> int:
        return self.stamp.bytes

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        """The bytes from `start` up to `stop`, in chunks; each is given only if the file is still the one that was
        checked. Raises Damaged when it is another or gone."""
        try:
            with _opened(self.path) as file:
                file.seek(start)
                while start < stop:
                    chunk = file.read(min(CHUNK, stop - start))
                    if not chunk or _stamp(file) != self.stamp:
                        raise _changed(self.path.name)
                    start += len(chunk)
                    yield chunk
        except FileNotFoundError as error:
            raise _changed(self.path.name) from error


_known: OrderedDict[tuple[Path, str], tuple[Stamp, int]] = OrderedDict()
_lock = threading.Lock()


def checked(folder: Path, entry: FileEntry) -> Checked:
    """The file of that entry below `folder`, held against its hash; what was held against it before, and was not
    touched since, is not read again. Raises Damaged, StorageFailed."""
    path = _below(folder, entry)
    try:
        with _opened(path) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise _changed(path.name)
            return _checked(path, file, entry)
    except OSError as error:  # missing, unreadable, or a link
        if error.errno in storage.NOT_THE_FILES_FAULT:
            raise translate(error, LibraryError) from error
        raise _changed(path.name) from error


def _below(folder: Path, entry: FileEntry) -> Path:
    """The path of an entry; a record that somebody has changed does not lead out of its folder."""
    parts = PurePosixPath(entry.path).parts
    if not parts or entry.path.startswith("/") or ".." in parts or "\\" in entry.path:
        raise _changed("with no proper name")
    if any(folder.joinpath(*parts[:depth]).is_symlink() for depth in range(1, len(parts))):
        raise _changed(parts[-1])
    return folder.joinpath(*parts)


def _checked(path: Path, file: BinaryIO, entry: FileEntry) -> Checked:
    stamp, key = _stamp(file), (path, entry.sha256)
    with _lock:
        known = _known.get(key)
    if known and known[0] == stamp:
        return Checked(path, stamp, entry.sha256, known[1])
    digest, crc = _read_through(file)
    if digest != entry.sha256 or stamp.bytes != entry.bytes or _stamp(file) != stamp:
        raise _changed(path.name)
    _remember(key, stamp, crc)
    return Checked(path, stamp, entry.sha256, crc)


def _remember(key: tuple[Path, str], stamp: Stamp, crc: int) -> None:
    if time.time_ns() - stamp.mtime_ns < TICK:
        return
    with _lock:
        _known[key] = stamp, crc
        _known.move_to_end(key)
        while len(_known) > REMEMBERED:
            _known.popitem(last=False)


def _read_through(file: BinaryIO) -> tuple[str, int]:
    """The SHA-256 and the CRC-32 of a file, in one pass."""
    digest, crc = hashlib.sha256(), 0
    while chunk := file.read(CHUNK):
        digest.update(chunk)
        crc = zlib.crc32(chunk, crc)
    return digest.hexdigest(), crc


def _opened(path: Path) -> BinaryIO:
    """Without following a link in its last place, where the system can refuse one."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
    return os.fdopen(os.open(path, flags), "rb", buffering=0)


def _stamp(file: BinaryIO) -> Stamp:
    facts = os.fstat(file.fileno())
    return Stamp(facts.st_size, facts.st_mtime_ns, facts.st_ino)


def _changed(name: str) -> Damaged:
    return Damaged(
        f"The file {name} is missing, or not what was saved: its bytes do not have the SHA-256 of its record.",
        cure="Restore it from a backup, or save the run again; what is damaged is not given out.",
    )
