"""`EntryCache`: what a machine has fetched of a store, in the home's own layout; what was unused longest goes first.

Records and documents come first, files when they are asked for. Each file or folder of an entry is fetched beside it,
verified by its hash, and renamed into place: it is whole or absent. Beside them lie the manifests of what is known to
be in the store, and nothing else is ever deleted here.
"""

import contextlib
import errno
import os
import threading
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from core.errors import InputError, RoundtripError
from core.library import storage
from core.library.records import FileEntry
from core.library.staging import staging_folder
from core.library.storage import compute_sha256, delete_folder, size_on_disk, translate_disk_errors
from core.object_store.contents import Contents
from core.object_store.entry_index import StoredEntry
from core.object_store.local_entry import DOCUMENT_FILES, FOLDER_BY_KIND
from core.object_store.manifests import Manifest, Manifests
from core.object_store.object_store import ObjectStore
from core.telemetry import measure

RECORD_FILES = ("run.json", "artifact.json", "evidence.json", "inputs.json", "job.json")
IN_USE_SECONDS = 3600.0  # for which what was used stays, whatever the limit
FETCHERS = 8  # files at a time: they wait for the network
MEASURED_SHARE = 0.05  # of the limit that is fetched before the cache is measured again


class EntryCache:
    """The cache in one home. Threads and processes may share it.

    Args:
        max_bytes: What it may take, beside what was used within the hour.
    """

    def __init__(self, home: Path, store: ObjectStore, max_bytes: float):
        self._home, self._store, self.max_bytes = home, store, max_bytes
        self._contents, self._manifests = Contents(store), Manifests(store)
        self._folder = home / "cache" / "store"
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._unmeasured = max_bytes  # bytes that were fetched since the cache was measured
        with translate_disk_errors():
            for folder in (self._folder, *(home / name for name in (*FOLDER_BY_KIND.values(), "trash"))):
                folder.mkdir(parents=True, exist_ok=True)

    # Manifests

    def manifest(self, id_: str) -> Manifest:
        """The manifest of an entry of the store. Raises UnreadableRecord, LibraryError where it is gone."""
        if known := self._known_manifest(id_):
            return known
        manifest = self._manifests.read_whole(id_)
        if manifest is None:
            self._store.require_identified()
            raise missing_manifest_error(id_)
        return manifest

    def _known_manifest(self, id_: str) -> Manifest | None:
        with contextlib.suppress(OSError, RoundtripError):
            return Manifest.read(self._manifest_path(id_))
        return None

    def _manifest_path(self, id_: str) -> Path:
        return self._folder / f"{id_}.json"

    def _note(self, manifest: Manifest) -> None:
        storage.write_text_atomically(self._manifest_path(manifest.id), manifest.to_json_text(), is_flushed=False)

    def has(self, id_: str) -> bool:
        """Whether an entry is known to be in the store."""
        return self._manifest_path(id_).exists()

    # Bringing

    @translate_disk_errors()
    def adopt(self, manifest: Manifest, folder: Path) -> None:
        """Move the folder of an entry that is in the store now into its place, unless one lies there."""
        self._note(manifest)
        self._place(manifest.id, is_removed=False).parent.mkdir(exist_ok=True)
        with contextlib.suppress(FileExistsError):
            _rename(folder, self._place(manifest.id, is_removed=False))
        self._count(manifest.bytes)

    @translate_disk_errors()
    def bring(self, entry: StoredEntry) -> Path:
        """The folder of an entry, with its records and documents. Raises Damaged, UnreadableRecord, StorageFailed."""
        self._touch(entry.id)
        try:
            return self._bring(entry)
        except FileNotFoundError:  # another process deleted it just now, as what was unused longest
            return self._bring(entry)

    def _bring(self, entry: StoredEntry) -> Path:
        is_removed = bool(entry.removed_at)
        folder, other = self._place(entry.id, is_removed), self._place(entry.id, not is_removed)
        if not folder.is_dir() and other.is_dir():
            with contextlib.suppress(FileNotFoundError, FileExistsError):  # another process was faster
                _rename(other, folder)
        if not folder.is_dir():
            self._fetch_records(self.manifest(entry.id), folder)
        elif not self.has(entry.id):
            self._recognize(self.manifest(entry.id), folder)
        _write_documents(folder, entry.documents)
        self._touch(entry.id)
        return folder

    def _place(self, id_: str, is_removed: bool) -> Path:
        return self._home / ("trash" if is_removed else FOLDER_BY_KIND[id_[0]]) / id_

    def _fetch_records(self, manifest: Manifest, folder: Path) -> None:
        records = [file for file in manifest.files if _top(file) in RECORD_FILES]
        self._note(manifest)
        folder.parent.mkdir(exist_ok=True)
        with self._staged(records) as staged, contextlib.suppress(FileExistsError):
            _rename(staged, folder)

    def _recognize(self, manifest: Manifest, folder: Path) -> None:
        """A folder that lay here before, as of a library that was brought into the store. Raises InputError."""
        for file in manifest.files:
            path = folder / file.path
            if _top(file) in RECORD_FILES and not (path.is_file() and compute_sha256(path) == file.sha256):
                raise InputError(
                    "An entry of this machine has the id of another one in the store, which stays where it is.",
                    received=manifest.id,
                    cure="Set ROUNDTRIP_HOME to another folder, or move the entry away by hand.",
                )
        self._note(manifest)

    @translate_disk_errors()
    def fetch(self, id_: str, folder: Path, names: Collection[str] = ()) -> None:
        """See that files and folders of an entry lie in its folder. Raises Damaged, StorageFailed."""
        manifest = self.manifest(id_)
        parts = {_top(file) for file in manifest.files} - set(RECORD_FILES)
        missing = [name for name in sorted(parts & set(names) if names else parts) if not (folder / name).exists()]
        self._touch(id_)  # whoever asks is about to use them
        if not missing:
            return measure("cache_requests", cache="store", result="hit")
        measure("cache_requests", cache="store", result="miss")
        with self._staged([file for file in manifest.files if _top(file) in missing]) as staged:
            for name in missing:
                with contextlib.suppress(FileExistsError):  # another process was faster
                    _rename(staged / name, folder / name)
        return None

    def drop(self, folder: Path, names: Collection[str]) -> None:
        """Delete files and folders of an entry that are damaged here."""
        with staging_folder(self._home) as staged:
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    os.rename(folder / name, staged / name)

    def forget(self, id_: str) -> None:
        """Delete what lies here of an entry that is in the store no more."""
        for is_removed in (True, False):
            self._delete(self._place(id_, is_removed))
        with contextlib.suppress(OSError):
            self._manifest_path(id_).unlink()

    @contextlib.contextmanager
    def _staged(self, files: list[FileEntry]) -> Iterator[Path]:
        """A folder with these files; on a full disk what is not in use makes room once."""
        self._count(sum(file.bytes for file in files))
        with staging_folder(self._home) as staged:
            try:
                self._download(files, staged / "first")
                folder = staged / "first"
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT) or not self.evict(0):
                    raise
                delete_folder(staged / "first")
                folder = staged / "second"
                self._download(files, folder)
            yield folder

    def _download(self, files: list[FileEntry], folder: Path) -> None:
        folder.mkdir()
        for parent in {(folder / file.path).parent for file in files}:
            parent.mkdir(parents=True, exist_ok=True)

        def fetch(file: FileEntry) -> None:
            self._contents.fetch_file(file.sha256, folder / file.path, lambda count: None)

        if len(files) == 1:
            return fetch(files[0])
        with ThreadPoolExecutor(FETCHERS) as pool:
            list(pool.map(fetch, files))
        return None

    # Evicting

    def _touch(self, id_: str) -> None:
        """What was used last goes last."""
        with contextlib.suppress(OSError):
            os.utime(self._manifest_path(id_))

    def _count(self, size: int) -> None:
        """Measure the cache now and then, and evict from it; nobody waits for that."""
        with self._lock:
            self._unmeasured += size
            is_due = self._unmeasured > MEASURED_SHARE * self.max_bytes and not self.is_measuring
            if is_due:
                self._unmeasured = 0
                self._thread = threading.Thread(target=self._evict, name="cache", daemon=True)
                self._thread.start()

    @property
    def is_measuring(self) -> bool:
        """Whether the cache is measured just now."""
        return self._thread is not None and self._thread.is_alive()

    def _evict(self) -> None:
        with contextlib.suppress(OSError, RoundtripError):  # it is measured again later
            self.evict(self.max_bytes)

    def measure(self) -> int:
        """Bytes of all that is known to be in the store and lies here."""
        return sum(map(self._measure, self._ids_by_use()))

    def evict(self, max_bytes: float) -> list[str]:
        """Delete entries here, those that were unused longest first, until all take at most so many bytes.

        What was used within the hour stays, and what is not known to be in the store. Returns the ids.
        """
        sizes = {id_: self._measure(id_) for id_ in self._ids_by_use()}
        total, evicted = sum(sizes.values()), []
        for id_, size in sizes.items():
            if total <= max_bytes or self._is_in_use(id_):
                break
            self.forget(id_)
            evicted.append(id_)
            total -= size
        return evicted

    def _ids_by_use(self) -> list[str]:
        times = {}
        with os.scandir(self._folder) as files:
            for file in files:
                with contextlib.suppress(FileNotFoundError):
                    times[file.name.removesuffix(".json")] = file.stat().st_mtime_ns
        return sorted((id_ for id_ in times if not id_.startswith(".")), key=times.__getitem__)

    def _measure(self, id_: str) -> int:
        return sum(size_on_disk(self._place(id_, is_removed)) for is_removed in (True, False))

    def _is_in_use(self, id_: str) -> bool:
        try:
            return time.time() - self._manifest_path(id_).stat().st_mtime < IN_USE_SECONDS
        except FileNotFoundError:  # another process deletes it
            return True

    def _delete(self, folder: Path) -> None:
        """Away first, so that nobody finds half of it."""
        with contextlib.suppress(OSError, RoundtripError), staging_folder(self._home) as staged:
            os.rename(folder, staged / folder.name)


def _top(file: FileEntry) -> str:
    return file.path.split("/")[0]


def _rename(source: Path, target: Path) -> None:
    """Raises FileExistsError where another process was faster, OSError."""
    try:
        os.rename(source, target)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.EISDIR, errno.ENOTDIR) or target.is_dir():
            raise FileExistsError(error.errno, str(error)) from error
        raise


def _write_documents(folder: Path, documents: dict[str, str]) -> None:
    """Have the documents in a folder say what the store's say."""
    for name in DOCUMENT_FILES:
        path, text = folder / name, documents.get(name)
        if text is None:
            path.unlink(missing_ok=True)
        elif _read(path.read_text) != text:
            storage.write_text_atomically(path, text, is_flushed=False)


def _read(read: Callable[..., str]) -> str | None:
    try:
        return read(encoding="utf-8")
    except (OSError, ValueError):
        return None


def missing_manifest_error(id_: str) -> RoundtripError:
    return InputError(
        "The store lists an entry without its manifest.",
        received=id_,
        cure="Rebuild the catalog: roundtrip rebuild.",
    )
