"""`LocalEntries`: the entries of a library that lies in one folder, and is shared with nobody but its processes."""

import contextlib
import os
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from core.caching import file_stamp
from core.errors import Damaged, RoundtripError, StorageFailed
from core.library import atomic_commit, integrity, staging, storage
from core.library.annotation_files import AliasChange, Aliases, read_aliases, write_aliases
from core.library.catalog.catalog import Catalog
from core.library.catalog.sync import LOG_FILE, CatalogSync
from core.library.permissions import find_entry_folder
from core.library.records import FOLDER_BY_KIND, FileEntry
from core.library.shared_entries import Fence, Freed, StoreState, TextChange
from core.library.storage import BytesReadCallback, translate_disk_errors
from core.library.trash_folder import REMOVAL_FILE, RemovalRecord

LOCK_TIMEOUT = 60  # seconds to wait for another writer


class LocalEntries:
    """See `SharedEntries`."""

    is_shared = False

    def __init__(self, home: Path, catalog: Catalog):
        self._home = home
        self.catalog = catalog
        self.rows = CatalogSync(home, catalog)

    @translate_disk_errors()
    def locate(self, id_: str) -> Path | None:
        return find_entry_folder(self._home, id_)

    def locate_all(self, ids: Iterable[str]) -> dict[str, Path]:
        return {id_: folder for id_ in ids if (folder := self.locate(id_))}

    def fetch(self, id_: str, names: Collection[str] = ()) -> None:
        """They lie here, or nowhere."""

    def refetch(self, id_: str, names: Collection[str]) -> bool:
        return False

    def list_damage(
        self, id_: str, folder: Path, files: Iterable[FileEntry], on_read: BytesReadCallback
    ) -> list[Damaged]:
        return list(filter(None, (integrity.find_damage(folder, entry, on_read) for entry in files)))

    def find_missing(self, folder: Path, files: Sequence[FileEntry]) -> list[str]:
        stamps = {file.path: file_stamp(folder / file.path) for file in files}
        return [file.path for file in files if (stamps[file.path] or (0, -1))[1] != file.bytes]

    @translate_disk_errors()
    def ids(self, kinds: str) -> list[str]:
        return [path.name for kind in kinds for path in (self._home / FOLDER_BY_KIND[kind]).iterdir()]

    @translate_disk_errors()
    def trash_ids(self) -> list[str]:
        times = {}
        with os.scandir(self._home / "trash") as folders:
            for folder in folders:
                with contextlib.suppress(FileNotFoundError):  # restored or emptied by another process just now
                    times[folder.name] = folder.stat(follow_symlinks=False).st_mtime_ns
        return sorted(times, key=lambda id_: (-times[id_], id_))

    def stamp(self) -> Hashable:
        return file_stamp(self._home / LOG_FILE)

    def find_unshared(self) -> list[str]:
        return []  # nobody else has any

    def check_store(self) -> StoreState | None:
        return None

    def find_foreign(self) -> dict[str, RoundtripError]:
        return {}  # `Library.foreign_paths` tells of those in the home

    @translate_disk_errors()
    def commit(self, staged: Mapping[str, Path], fence: Fence) -> list[str]:
        with fence():
            if len(staged) > 1:
                atomic_commit.commit_atomically(self._home, dict(staged))
            else:
                for id_, folder in staged.items():
                    storage.rename_durably(folder, storage.entry_folder(self._home, id_))
            self.rows.log_changes(*staged)
        return []

    @translate_disk_errors()
    def change_document(self, id_: str, name: str, change: TextChange) -> None:
        path = storage.entry_folder(self._home, id_) / name
        text = change(_read_text(path))
        if text is not None:
            storage.write_text_atomically(path, text)
        self.rows.log_changes(id_)

    @translate_disk_errors()
    def put_in_trash(self, id_: str) -> None:
        folder = storage.entry_folder(self._home, id_)
        storage.rename_durably(folder, self._home / "trash" / id_)
        with contextlib.suppress(OSError):  # a full disk is what a trash is emptied for: it counts from when it is seen
            storage.write_text_atomically(self._home / "trash" / id_ / REMOVAL_FILE, RemovalRecord().to_json_text())
        self.rows.log_changes(id_)

    @translate_disk_errors()
    def restore(self, id_: str) -> None:
        (self._home / "trash" / id_ / REMOVAL_FILE).unlink(missing_ok=True)
        storage.rename_durably(self._home / "trash" / id_, storage.entry_folder(self._home, id_))
        self.rows.log_changes(id_)

    def delete(self, id_: str) -> bool:
        """Out of the trash first, so that what was half deleted cannot be restored."""
        with translate_disk_errors(), staging.staging_folder(self._home) as staged:
            try:
                os.rename(self._home / "trash" / id_, staged / id_)
            except FileNotFoundError:  # another process was faster
                return False
        return True

    def collect_if_due(self, days: int) -> Freed:
        return Freed()

    def aliases(self) -> Aliases:
        return read_aliases(self._home)

    @translate_disk_errors()
    def change_alias(self, aliases: Aliases, change: AliasChange) -> bool:
        write_aliases(self._home, aliases.changed(change))
        self.rows.log_changes(*filter(None, (change.artifact, change.before)))
        return True

    @contextlib.contextmanager
    def write_lock(self) -> Iterator[None]:
        with lock_home(self._home):
            yield


def _read_text(path: Path) -> str | None:
    """None where there is no such file, and what is no record where it cannot be read as text."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (IsADirectoryError, PermissionError, ValueError):
        return ""


@contextlib.contextmanager
def lock_home(home: Path) -> Iterator[None]:
    """One writer at a time in all processes on this machine. Raises StorageFailed."""
    with translate_disk_errors():
        try:
            lock = FileLock(home / ".lock", timeout=LOCK_TIMEOUT).acquire()
        except Timeout as error:
            raise lock_timeout_error() from error
        with lock:
            yield


def lock_timeout_error() -> StorageFailed:
    return StorageFailed(
        f"Somebody else has been changing the library for {LOCK_TIMEOUT:g} seconds.",
        cure="Wait until that is done, then try again.",
    )
