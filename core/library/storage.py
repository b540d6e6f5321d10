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
from pathlib import Path

from core.errors import Damaged, LibraryError, cleanup_on_error
from core.explain import translate
from core.library.records import FOLDER_BY_KIND, ID_PATTERN, FileEntry
from core.system import is_process_alive, process_start_time

CHUNK_BYTES = 4 * 2**20
PROCESS_LIMIT_ERRNOS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
BytesReadCallback = Callable[[int], None]  # told how many bytes were read since the last time


def ignore_progress(_: int) -> None:
    """Whoever hashes a file without being followed."""


@contextlib.contextmanager
def translate_disk_errors() -> Iterator[None]:
    """Turn what a disk refuses (full, read-only, gone) into StorageFailed."""
    try:
        yield
    except OSError as error:
        raise translate(error, LibraryError) from error


@contextlib.contextmanager
def staging_folder(home: Path) -> Iterator[Path]:
    """An empty folder on the disk of `home`; whatever is still in it at the end is gone."""
    folder = _new_staging_path(home)
    try:
        with translate_disk_errors():
            folder.mkdir(parents=True)
        yield folder
    finally:
        release_staging_folder(folder)


_released_names: set[str] = set()  # by this process: what is still there could not be deleted then


def _new_staging_path(home: Path) -> Path:
    return home / "staging" / f"{os.getpid()}-{process_start_time():.2f}-{secrets.token_hex(4)}"


def create_staging_folder(home: Path) -> Path:
    """The same for somebody who gives it up later: see `give_up`."""
    folder = _new_staging_path(home)
    with translate_disk_errors():
        folder.mkdir(parents=True)
    return folder


def release_staging_folder(folder: Path) -> None:
    """Delete a staging folder of this process. What cannot be deleted now is a leftover from here on."""
    delete_folder(folder)
    _released_names.add(folder.name)


def find_abandoned_staging(home: Path) -> list[Path]:
    """What is staged and nobody writes into any more."""
    return [path for path in (home / "staging").iterdir() if not _is_in_use(path.name)]


def _is_in_use(name: str) -> bool:
    """Whether somebody still writes into it; earlier versions named the process's number only, and none is left."""
    pid, _, born = name.rpartition("-")[0].partition("-")
    try:
        return name not in _released_names and is_process_alive(int(pid), float(born))
    except ValueError:
        return False


def list_files(folder: Path) -> list[Path]:
    """Every regular file below a folder, in the order of their paths."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def fingerprint_folder(folder: Path, excluded: Iterable[str] = ()) -> str:
    """A hash of the names, sizes and times of all files below a folder: another one as soon as any is touched.

    Files in the folder itself that have one of the names `besides` are left out.
    """
    kept = [path for path in list_files(folder) if path.parent != folder or path.name not in excluded]
    facts = [(path.relative_to(folder).as_posix(), path.stat()) for path in kept]
    said = "".join(f"{name}|{one.st_size}|{one.st_mtime_ns}|{one.st_ino}\n" for name, one in facts)
    return hashlib.sha256(said.encode()).hexdigest()


def hash_and_flush(folder: Path) -> list[FileEntry]:
    """Hash and flush every file below `folder` to the disk, then its directories; gives their entries.

    Hashing needs the processor and flushing the disk, so files are hashed while others are flushed.
    """
    paths = list_files(folder)
    with ThreadPoolExecutor(max_workers=2) as pool:
        flushed = [pool.submit(fsync_path, path) for path in paths]
        entries = [make_file_entry(path, folder) for path in paths]
        for one in flushed:
            one.result()
    for directory in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
        fsync_path(directory)
    return entries


def make_file_entry(path: Path, folder: Path) -> FileEntry:
    return FileEntry(path=path.relative_to(folder).as_posix(), bytes=path.stat().st_size, sha256=compute_sha256(path))


class _ProgressReader(io.RawIOBase):
    """A file that tells how much of it was read."""

    def __init__(self, file: io.RawIOBase, on_read: BytesReadCallback):
        self._file, self._on_read = file, on_read

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:
        count = self._file.readinto(buffer)
        self._on_read(count)
        return count


def compute_sha256(path: Path, on_read: BytesReadCallback = ignore_progress) -> str:
    """The hash of a file, read piece by piece; what `heard` raises ends it."""
    with path.open("rb", buffering=0) as file:
        return hashlib.file_digest(_ProgressReader(file, on_read), "sha256").hexdigest()


def fsync_path(path: Path) -> None:
    """Have the disk keep a file or a directory. Windows cannot flush a directory, and needs no such thing."""
    if path.is_dir() and os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text_atomically(path: Path, text: str) -> None:
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


def rename_durably(source: Path, target: Path) -> None:
    """Rename a folder into place and flush both parents."""
    target.parent.mkdir(parents=True, exist_ok=True)
    os.rename(source, target)
    fsync_path(target.parent)
    fsync_path(source.parent)


def verify_files(folder: Path, entries: Iterable[FileEntry], on_read: BytesReadCallback = ignore_progress) -> None:
    """Hold the files of a folder against their entries.

    Raises Damaged, naming the first file that is missing, cut, changed, or replaced by a link.
    """
    for one in entries:
        if damage := find_damage(folder, one, on_read):
            raise damage


def find_damage(folder: Path, entry: FileEntry, on_read: BytesReadCallback = ignore_progress) -> Damaged | None:
    """What is wrong with a kept file; None where it is as it was kept. Raises StorageFailed where this process has no
    room to look."""
    path = folder / entry.path
    try:
        if _contains_symlink(folder, entry.path) or not path.is_file():
            return _damaged_error(entry, "is missing")
        if (count := path.stat().st_size) != entry.bytes:
            return _damaged_error(entry, f"has {count:,} bytes instead of {entry.bytes:,}")
        if compute_sha256(path, on_read) != entry.sha256:
            return _damaged_error(entry, "has changed since it was saved (its SHA-256 differs)")
    except OSError as error:
        if error.errno in PROCESS_LIMIT_ERRNOS:
            raise translate(error, LibraryError) from error
        gone = error.errno == errno.ENOENT
        return _damaged_error(
            entry, "is missing" if gone else f"cannot be read ({os.strerror(error.errno or errno.EIO)})"
        )
    return None


def _contains_symlink(folder: Path, path: str) -> bool:
    """Whether a file, or a folder on the way to it, is a link: what it points at may be another one tomorrow."""
    parts = path.split("/")
    return any(folder.joinpath(*parts[: depth + 1]).is_symlink() for depth in range(len(parts)))


def _damaged_error(entry: FileEntry, problem: str) -> Damaged:
    return Damaged(
        f"The file {Path(entry.path).name} {problem}.",
        cure="Restore it from a backup, or save the run again; the damaged copy is not loaded.",
    )


def delete_folder(folder: Path) -> None:
    """Delete a folder of our own that nobody counts on."""
    shutil.rmtree(folder, ignore_errors=True)


INTENT_FILE = "together.json"  # in the staging folder: its folders, by the id under which each is kept


def entry_folder(home: Path, id_: str) -> Path:
    """Where an entry lies."""
    return home / FOLDER_BY_KIND[id_[0]] / id_


def commit_atomically(home: Path, staged: dict[str, Path]) -> None:
    """Rename staged folders, all in one folder of staging, to where the entries of these ids lie.

    Raises OSError, and then none of them is there.
    """
    intent = next(iter(staged.values())).parent / INTENT_FILE
    write_text_atomically(intent, json.dumps({id_: folder.name for id_, folder in staged.items()}))
    fsync_path(intent.parent)
    with cleanup_on_error(lambda: _roll_back(home, staged, intent)):
        for id_, folder in staged.items():
            rename_durably(folder, entry_folder(home, id_))


def _roll_back(home: Path, staged: dict[str, Path], intent: Path) -> None:
    """Where the disk does not even take this, the intent stays, and with it what is to be ended."""
    with contextlib.suppress(OSError):
        for id_, folder in staged.items():
            if not folder.exists() and entry_folder(home, id_).exists():
                os.rename(entry_folder(home, id_), folder)
        intent.unlink()


def recover_staging(folder: Path, home: Path) -> None:
    """End what was begun in a folder of staging that nobody uses any more, then delete it. Raises OSError."""
    begun = {id_: folder / name for id_, name in _read_intent(folder / INTENT_FILE).items()}
    if all(one.is_dir() or entry_folder(home, id_).is_dir() for id_, one in begun.items()):
        for id_, one in begun.items():
            with contextlib.suppress(FileNotFoundError):  # moved already, or by somebody else just now
                rename_durably(one, entry_folder(home, id_))
    delete_folder(folder)


def _read_intent(intent: Path) -> dict[str, str]:
    try:
        found = json.loads(intent.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}
    names = found.items() if isinstance(found, dict) else ()
    return {
        id_: name
        for id_, name in names
        if ID_PATTERN.fullmatch(id_) and id_[0] in FOLDER_BY_KIND and name == Path(name).name
    }
