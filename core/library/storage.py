"""Files on disk: staged, hashed, flushed and renamed into place; whole or absent, whatever is killed when.

One rename is whole or absent, two are not. Entries that belong together (an imported run and its copy) are therefore
renamed under a write-ahead intent: whoever later clears away the staging of a process that is gone ends what it had
begun.
"""

import contextlib
import errno
import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from core.error_translation import translate
from core.errors import LibraryError
from core.library.records import FOLDER_BY_KIND

PROGRESS_BYTES = 2**18  # that are hashed between two calls of a progress callback
CHUNK_BYTES = 2**20
PROCESS_LIMIT_ERRNOS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
BytesReadCallback = Callable[[int], None]  # gets the number of bytes that were read since its last call


def ignore_progress(_: int) -> None:
    """No progress callback."""


@contextlib.contextmanager
def translate_disk_errors() -> Iterator[None]:
    """Turn what a disk refuses (full, read-only, gone) into StorageFailed."""
    try:
        yield
    except OSError as error:
        raise translate(error, LibraryError) from error


# Hashing


def list_files(folder: Path) -> list[Path]:
    """Every regular file below a folder, in the order of their paths."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def contains_symlink(folder: Path, path: str) -> bool:
    """Whether a file, or a folder on the way to it, is a link: what it points at may be another one tomorrow."""
    parts = path.split("/")
    return any(folder.joinpath(*parts[: depth + 1]).is_symlink() for depth in range(len(parts)))


# Writing


def fsync_path(path: Path) -> None:
    """Flush a file or a directory to the disk. Windows cannot flush a directory, and needs no such thing."""
    if path.is_dir() and os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_folder(folder: Path) -> None:
    """Flush every file and directory below a folder, and the folder itself. Raises OSError."""
    for path in (*list_files(folder), *(path for path in folder.rglob("*") if path.is_dir()), folder):
        fsync_path(path)


def write_text_atomically(path: Path, text: str, is_flushed: bool = True) -> None:
    """As `write_bytes_atomically`, in UTF-8."""
    write_bytes_atomically(path, text.encode(), is_flushed)


def write_bytes_atomically(path: Path, data: bytes, is_flushed: bool = True) -> None:
    """Replace a small file so that a reader finds the old one or the new one whole; so does a crash if `is_flushed`.

    Raises OSError.
    """
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    try:
        with new.open("wb") as file:
            file.write(data)
            if is_flushed:
                file.flush()
                os.fsync(file.fileno())
        os.replace(new, path)
    except OSError:
        new.unlink(missing_ok=True)
        raise


def rename_durably(source: Path, target: Path) -> None:
    """Rename a folder into place and flush both parents."""
    target.parent.mkdir(parents=True, exist_ok=True)
    os.rename(source, target)
    fsync_path(target.parent)
    fsync_path(source.parent)


def delete_folder(folder: Path) -> None:
    """Delete a folder of ours that nothing refers to; errors are ignored."""
    shutil.rmtree(folder, ignore_errors=True)


def entry_folder(home: Path, id_: str) -> Path:
    """The folder of a run or an artifact."""
    return home / FOLDER_BY_KIND[id_[0]] / id_


def size_on_disk(path: Path | os.DirEntry[str]) -> int:
    """Bytes of a file, or of all files below a folder; links are not followed, and what goes meanwhile is nothing."""
    try:
        if path.is_dir() and not path.is_symlink():
            with os.scandir(path) as entries:
                return sum(size_on_disk(entry) for entry in entries)
        return path.stat(follow_symlinks=False).st_size
    except OSError:
        return 0


def fingerprint_folder(folder: Path, excluded: Iterable[str] = ()) -> str:
    """Hash the names, sizes and times of all files below a folder; it changes as soon as any is touched.

    Files in the folder itself that have one of the names `excluded` are left out.
    """
    digest = hashlib.sha256()
    for path in list_files(folder):
        if path.parent != folder or path.name not in excluded:
            stat = path.stat()
            name = path.relative_to(folder).as_posix()
            digest.update(f"{name}|{stat.st_size}|{stat.st_mtime_ns}|{stat.st_ino}\n".encode())
    return digest.hexdigest()


def compute_sha256(path: Path, on_read: BytesReadCallback = ignore_progress) -> str:
    """The hash of a file, read chunk by chunk; whatever `on_read` raises ends it."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(PROGRESS_BYTES):
            digest.update(chunk)
            on_read(len(chunk))
    return digest.hexdigest()
