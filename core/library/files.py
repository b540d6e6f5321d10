"""Files on disk: hashed, flushed, renamed into place whole; never half written, never lost without a word."""

import contextlib
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from core.errors import Damaged, LibraryError
from core.explain import translate
from core.library.records import FileEntry

CHUNK = 4 * 2**20


@contextlib.contextmanager
def disk() -> Iterator[None]:
    """Turn what a disk refuses (full, read-only, gone) into StorageFailed."""
    try:
        yield
    except OSError as error:
        raise translate(error, LibraryError) from error


@contextlib.contextmanager
def staging(home: Path) -> Iterator[Path]:
    """An empty folder on the disk of `home`; whatever is still in it at the end is gone."""
    folder = home / "staging" / f"{os.getpid()}-{secrets.token_hex(4)}"
    with disk():
        folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        discard(folder)


def list_files(folder: Path) -> list[Path]:
    """Every regular file below a folder, in the order of their paths."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def stamp(folder: Path) -> str:
    """A hash of the names, sizes and times of all files below a folder: another one as soon as any is touched."""
    facts = [(path.relative_to(folder).as_posix(), path.stat()) for path in list_files(folder)]
    said = "".join(f"{name}|{one.st_size}|{one.st_mtime_ns}|{one.st_ino}\n" for name, one in facts)
    return hashlib.sha256(said.encode()).hexdigest()


def seal(folder: Path) -> list[FileEntry]:
    """Hash and flush every file below `folder` to the disk, then its directories; gives their entries.

    Hashing needs the processor and flushing the disk, so files are hashed while others are flushed.
    """
    paths = list_files(folder)
    with ThreadPoolExecutor(max_workers=2) as pool:
        flushed = [pool.submit(flush, path) for path in paths]
        entries = [entry(path, folder) for path in paths]
        for one in flushed:
            one.result()
    for directory in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
        flush(directory)
    return entries


def entry(path: Path, folder: Path) -> FileEntry:
    return FileEntry(path=path.relative_to(folder).as_posix(), bytes=path.stat().st_size, sha256=sha256(path))


def sha256(path: Path) -> str:
    with path.open("rb", buffering=0) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def flush(path: Path) -> None:
    """Have the disk keep a file or a directory. Windows cannot flush a directory, and needs no such thing."""
    if path.is_dir() and os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """Write a small file so that a reader, or a crash, finds the old one or the new one whole."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    try:
        with beside.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise


def move(source: Path, target: Path) -> None:
    """Rename a folder into place and flush both parents."""
    target.parent.mkdir(parents=True, exist_ok=True)
    os.rename(source, target)
    flush(target.parent)
    flush(source.parent)


def check(folder: Path, entries: Iterable[FileEntry]) -> None:
    """Hold the files of a folder against their entries.

    Raises Damaged, naming the first file that is missing, cut, changed, or replaced by a link.
    """
    for one in entries:
        path = folder / one.path
        if path.is_symlink() or not path.is_file():
            raise _damaged(one, "is missing")
        if path.stat().st_size != one.bytes:
            raise _damaged(one, f"has {path.stat().st_size:,} bytes instead of {one.bytes:,}")
        if sha256(path) != one.sha256:
            raise _damaged(one, "has changed since it was saved (its SHA-256 differs)")


def _damaged(one: FileEntry, what: str) -> Damaged:
    return Damaged(
        f"The file {Path(one.path).name} {what}.",
        cure="Restore it from a backup, or save the run again; the damaged copy is not loaded.",
    )


def discard(folder: Path) -> None:
    """Delete a folder of our own that nobody counts on."""
    shutil.rmtree(folder, ignore_errors=True)
