"""Files on disk: staged, hashed, flushed and renamed into place; whole or absent, whatever is killed when.

One rename is whole or absent, two are not. Entries that belong together (an imported run and its copy) are therefore
renamed under a write-ahead intent: whoever later clears away the staging of a process that is gone ends what it had
begun.
"""

import contextlib
import errno
import hashlib
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

CHUNK_BYTES = 2**20
PROGRESS_BYTES = 2**18  # that are hashed between two calls of a progress callback
INTENT_FILE = "together.json"  # in a staging folder: its folders, by the id of the entry that each becomes
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


# Staging


@contextlib.contextmanager
def staging_folder(home: Path) -> Iterator[Path]:
    """An empty folder on the disk of `home`; whatever is still in it at the end is deleted."""
    folder = create_staging_folder(home)
    try:
        yield folder
    finally:
        release_staging_folder(folder)


_released_names: set[str] = set()  # by this process: what is still there could not be deleted then


def create_staging_folder(home: Path) -> Path:
    """The same for a caller that releases it later."""
    folder = home / "staging" / f"{os.getpid()}-{process_start_time():.2f}-{secrets.token_hex(4)}"
    with translate_disk_errors():
        folder.mkdir(parents=True)
    return folder


def release_staging_folder(folder: Path) -> None:
    """Delete a staging folder of this process. What cannot be deleted now is abandoned from here on."""
    delete_folder(folder)
    _released_names.add(folder.name)


def find_abandoned_staging(home: Path) -> list[Path]:
    """Return the staging folders that no process writes into any more."""
    return [path for path in (home / "staging").iterdir() if not _is_in_use(path.name)]


def _is_in_use(name: str) -> bool:
    """Whether its process still writes into it; earlier versions named only the process's number, and none is left."""
    pid, _, started = name.rpartition("-")[0].partition("-")
    try:
        return name not in _released_names and is_process_alive(int(pid), float(started))
    except ValueError:
        return False


# Hashing


def list_files(folder: Path) -> list[Path]:
    """Every regular file below a folder, in the order of their paths."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


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


def hash_and_flush(folder: Path) -> list[FileEntry]:
    """Hash every file below a folder and flush it to the disk, then its directories.

    Hashing needs the processor and flushing the disk, so files are hashed while others are flushed.
    """
    paths = list_files(folder)
    with ThreadPoolExecutor(max_workers=2) as pool:
        flushes = [pool.submit(fsync_path, path) for path in paths]
        entries = [make_file_entry(path, folder) for path in paths]
        for flush in flushes:
            flush.result()
    for directory in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
        fsync_path(directory)
    return entries


def make_file_entry(path: Path, folder: Path) -> FileEntry:
    return FileEntry(path=path.relative_to(folder).as_posix(), bytes=path.stat().st_size, sha256=compute_sha256(path))


def compute_sha256(path: Path, on_read: BytesReadCallback = ignore_progress) -> str:
    """The hash of a file, read chunk by chunk; whatever `on_read` raises ends it."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(PROGRESS_BYTES):
            digest.update(chunk)
            on_read(len(chunk))
    return digest.hexdigest()


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


def contains_symlink(folder: Path, path: str) -> bool:
    """Whether a file, or a folder on the way to it, is a link: what it points at may be another one tomorrow."""
    parts = path.split("/")
    return any(folder.joinpath(*parts[: depth + 1]).is_symlink() for depth in range(len(parts)))


def _damaged_error(entry: FileEntry, problem: str) -> Damaged:
    return Damaged(
        f"The file {Path(entry.path).name} {problem}.",
        cure="Restore it from a backup, or save the run again; the damaged copy is not loaded.",
    )


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


def write_text_atomically(path: Path, text: str, is_flushed: bool = True) -> None:
    """Replace a small file so that a reader finds the old one or the new one whole; so does a crash if `is_flushed`.

    Raises OSError.
    """
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    try:
        with new.open("w", encoding="utf-8") as file:
            file.write(text)
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


def commit_atomically(home: Path, staged: dict[str, Path]) -> None:
    """Rename staged folders, by id and all in one staging folder, to the folders of their entries.

    Raises OSError, with none of them renamed.
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
    """End the commit that was begun in an abandoned staging folder, then delete it. Raises OSError."""
    staged = {id_: folder / name for id_, name in _read_intent(folder / INTENT_FILE).items()}
    if all(source.is_dir() or entry_folder(home, id_).is_dir() for id_, source in staged.items()):
        for id_, source in staged.items():
            with contextlib.suppress(FileNotFoundError):  # moved already, or by another process just now
                rename_durably(source, entry_folder(home, id_))
    delete_folder(folder)


def _read_intent(intent: Path) -> dict[str, str]:
    try:
        document = json.loads(intent.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}
    names = document.items() if isinstance(document, dict) else ()
    return {
        id_: name
        for id_, name in names
        if ID_PATTERN.fullmatch(id_) and id_[0] in FOLDER_BY_KIND and name == Path(name).name
    }
