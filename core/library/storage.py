"""Staging, hashing, fsync, atomic (multi-)rename, process identity.

Whether a process is still there: a number alone may have been given to another one since.

Files on disk: hashed, flushed, renamed into place whole; never half written, never lost without a word.

Entries that belong together (what was brought in is a run and its copy): all of them are kept or none, whatever is
killed when.

One rename is whole or absent, two are not. So what is about to be renamed is written down first; whoever later clears
away the staging of a process that is gone, ends what it had begun.
"""

import contextlib
import errno
import hashlib
import io
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import psutil

from core.errors import Damaged, LibraryError, cleanup_on_error
from core.explain import translate
from core.library.records import ID, KINDS, FileEntry

SAME = 1.0  # seconds by which two readings of one process's birth may differ


@cache
def _birth(pid: int) -> float:
    return psutil.Process(pid).create_time()


def birth() -> float:
    """When this process began, in seconds since 1970."""
    return _birth(os.getpid())  # a forked child is another one, and not in the cache


def is_alive(pid: int, born: float) -> bool:
    """Whether the very process lives that has this number and began at that time."""
    try:
        return abs(psutil.Process(pid).create_time() - born) < SAME
    except psutil.Error:
        return False


CHUNK = 4 * 2**20
NOT_THE_FILES_FAULT = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
Heard = Callable[[int], None]  # told how many bytes were read since the last time


def unheard(_: int) -> None:
    """Whoever hashes a file without being followed."""


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
    folder = _own(home)
    try:
        with disk():
            folder.mkdir(parents=True)
        yield folder
    finally:
        give_up(folder)


_given_up: set[str] = set()  # by this process: what is still there could not be deleted then


def _own(home: Path) -> Path:
    return home / "staging" / f"{os.getpid()}-{birth():.2f}-{secrets.token_hex(4)}"


def stage(home: Path) -> Path:
    """The same for somebody who gives it up later: see `give_up`."""
    folder = _own(home)
    with disk():
        folder.mkdir(parents=True)
    return folder


def give_up(folder: Path) -> None:
    """Delete a staging folder of this process. What cannot be deleted now is a leftover from here on."""
    discard(folder)
    _given_up.add(folder.name)


def leftovers(home: Path) -> list[Path]:
    """What is staged and nobody writes into any more."""
    return [path for path in (home / "staging").iterdir() if not _is_used(path.name)]


def _is_used(name: str) -> bool:
    """Whether somebody still writes into it; earlier versions named the process's number only, and none is left."""
    pid, _, born = name.rpartition("-")[0].partition("-")
    try:
        return name not in _given_up and is_alive(int(pid), float(born))
    except ValueError:
        return False


def list_files(folder: Path) -> list[Path]:
    """Every regular file below a folder, in the order of their paths."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def stamp(folder: Path, besides: Iterable[str] = ()) -> str:
    """A hash of the names, sizes and times of all files below a folder: another one as soon as any is touched.

    Files in the folder itself that have one of the names `besides` are left out.
    """
    kept = [path for path in list_files(folder) if path.parent != folder or path.name not in besides]
    facts = [(path.relative_to(folder).as_posix(), path.stat()) for path in kept]
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


class _Followed(io.RawIOBase):
    """A file that tells how much of it was read."""

    def __init__(self, file: io.RawIOBase, heard: Heard):
        self._file, self._heard = file, heard

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:
        count = self._file.readinto(buffer)
        self._heard(count)
        return count


def sha256(path: Path, heard: Heard = unheard) -> str:
    """The hash of a file, read piece by piece; what `heard` raises ends it."""
    with path.open("rb", buffering=0) as file:
        return hashlib.file_digest(_Followed(file, heard), "sha256").hexdigest()


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


def check(folder: Path, entries: Iterable[FileEntry], heard: Heard = unheard) -> None:
    """Hold the files of a folder against their entries.

    Raises Damaged, naming the first file that is missing, cut, changed, or replaced by a link.
    """
    for one in entries:
        if damage := wrong_with(folder, one, heard):
            raise damage


def wrong_with(folder: Path, one: FileEntry, heard: Heard = unheard) -> Damaged | None:
    """What is wrong with a kept file; None where it is as it was kept. Raises StorageFailed where this process has no
    room to look."""
    path = folder / one.path
    try:
        if _is_link(folder, one.path) or not path.is_file():
            return _damaged(one, "is missing")
        if (count := path.stat().st_size) != one.bytes:
            return _damaged(one, f"has {count:,} bytes instead of {one.bytes:,}")
        if sha256(path, heard) != one.sha256:
            return _damaged(one, "has changed since it was saved (its SHA-256 differs)")
    except OSError as error:
        if error.errno in NOT_THE_FILES_FAULT:
            raise translate(error, LibraryError) from error
        gone = error.errno == errno.ENOENT
        return _damaged(one, "is missing" if gone else f"cannot be read ({os.strerror(error.errno or errno.EIO)})")
    return None


def _is_link(folder: Path, path: str) -> bool:
    """Whether a file, or a folder on the way to it, is a link: what it points at may be another one tomorrow."""
    parts = path.split("/")
    return any(folder.joinpath(*parts[: depth + 1]).is_symlink() for depth in range(len(parts)))


def _damaged(one: FileEntry, what: str) -> Damaged:
    return Damaged(
        f"The file {Path(one.path).name} {what}.",
        cure="Restore it from a backup, or save the run again; the damaged copy is not loaded.",
    )


def discard(folder: Path) -> None:
    """Delete a folder of our own that nobody counts on."""
    shutil.rmtree(folder, ignore_errors=True)


INTENT = "together.json"  # in the staging folder: its folders, by the id under which each is kept


def place(home: Path, id_: str) -> Path:
    """Where an entry lies."""
    return home / KINDS[id_[0]] / id_


def commit_entries(home: Path, staged: dict[str, Path]) -> None:
    """Rename staged folders, all in one folder of staging, to where the entries of these ids lie.

    Raises OSError, and then none of them is there.
    """
    intent = next(iter(staged.values())).parent / INTENT
    write_text(intent, json.dumps({id_: folder.name for id_, folder in staged.items()}))
    flush(intent.parent)
    with cleanup_on_error(lambda: _undo(home, staged, intent)):
        for id_, folder in staged.items():
            move(folder, place(home, id_))


def _undo(home: Path, staged: dict[str, Path], intent: Path) -> None:
    """Where the disk does not even take this, the intent stays, and with it what is to be ended."""
    with contextlib.suppress(OSError):
        for id_, folder in staged.items():
            if not folder.exists() and place(home, id_).exists():
                os.rename(place(home, id_), folder)
        intent.unlink()


def clear(folder: Path, home: Path) -> None:
    """End what was begun in a folder of staging that nobody uses any more, then delete it. Raises OSError."""
    begun = {id_: folder / name for id_, name in _read(folder / INTENT).items()}
    if all(one.is_dir() or place(home, id_).is_dir() for id_, one in begun.items()):
        for id_, one in begun.items():
            with contextlib.suppress(FileNotFoundError):  # moved already, or by somebody else just now
                move(one, place(home, id_))
    discard(folder)


def _read(intent: Path) -> dict[str, str]:
    try:
        found = json.loads(intent.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}
    names = found.items() if isinstance(found, dict) else ()
    return {id_: name for id_, name in names if ID.fullmatch(id_) and id_[0] in KINDS and name == Path(name).name}
