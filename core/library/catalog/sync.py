"""Keep the catalog in step with the folders, without a look at every folder each time.

What our own writers change they append to a log; it is news and no record. What anybody else changes is found by a scan
of all folders, taken again and again, at a small share of the time: a library of a hundred thousand artifacts is
scanned in the background, a small one at every query.
"""

import contextlib
import json
import os
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Concatenate, NamedTuple, ParamSpec, TypeVar

from core.caching import file_stamp
from core.errors import StorageFailed, UnreadableRecord
from core.library.annotation_files import ALIASES_FILE, ANNOTATIONS_FILE, read_aliases
from core.library.catalog.catalog import Catalog, CatalogLost
from core.library.catalog.entry_folders import RUN_FILES, read_entry_folder, read_or_describe
from core.library.catalog.schema import IN_MEMORY_URL
from core.library.ids import ID_PATTERN
from core.library.permissions import AccessControl
from core.library.records import IndexedEntry, Page, Query
from core.library.storage import translate_disk_errors

LOG_FILE = "changes.log"
MAX_LOG_BYTES = 2**20  # then it begins anew
WATCHED_FOLDERS = ("artifacts", "runs")


class LogPosition(NamedTuple):
    """How far the log was read, and when the folders that hold all others last changed (ns)."""

    inode: int
    size: int
    folder_mtimes: tuple[int, ...]


class ChangeLog:
    """The log of one library."""

    def __init__(self, home: Path):
        self._home = home
        self._path = home / LOG_FILE

    def append(self, ids: list[str]) -> None:
        """Log entries after they were changed. Raises OSError."""
        if self.position().size > MAX_LOG_BYTES:
            new = self._path.with_suffix(f".{os.getpid()}.new")
            new.touch()
            os.replace(new, self._path)
        with self._path.open("ab", buffering=0) as file:
            file.write("".join(f"{id_}\n" for id_ in ids).encode())

    def position(self) -> LogPosition:
        """Where the log ends now. Taken before anything is read, it can only be too early."""
        stamps = [file_stamp(self._home / name) or (0, 0, 0) for name in (LOG_FILE, *WATCHED_FOLDERS)]
        (_, size, inode), *folders = stamps
        return LogPosition(inode, size, tuple(mtime for mtime, _, _ in folders))

    def since(self, then: LogPosition, now: LogPosition) -> set[str] | None:
        """The ids that changed between two positions; None where only the folders can tell."""
        if now.inode != then.inode or now.size <= then.size:
            return set() if now == then else None
        try:
            with self._path.open("rb") as file:
                file.seek(then.size)
                return set(file.read(now.size - then.size).decode("ascii", "replace").split())
        except OSError:
            return None


FOLDERS_PER_PAUSE = 50
PAUSE_SECONDS = 0.005
ALWAYS_SCANNED = 50  # artifacts: so few are scanned at every query
SCAN_INTERVAL_FACTOR = 20  # a scan is taken again after so many times its own duration
MAX_FOREGROUND_SCAN = 0.1  # seconds: a query does not wait for a longer scan
MAX_SCAN_AGE = 3600.0  # seconds: after these, it does
MAX_ATTEMPTS = 3  # with the catalog as it is, with a new one, with one in memory
ARTIFACT_FILES = ("artifact.json", "evidence.json", ANNOTATIONS_FILE)
AliasesByArtifact = Mapping[str, tuple[str, ...]]
P = ParamSpec("P")
ResultT = TypeVar("ResultT")


class FolderFingerprints(NamedTuple):
    """Fingerprints of all artifacts and runs by id; they change when a record is touched."""

    artifacts: dict[str, int]
    runs: dict[str, int]

    def of_row(self, id_: str, run: str) -> int:
        """The fingerprint of an artifact's row, which shows what its run says, too."""
        return hash((self.artifacts.get(id_, 0), self.runs.get(run, 0)))


def fingerprint_all(home: Path, aliases: AliasesByArtifact, is_throttled: bool = False) -> FolderFingerprints:
    """Of all folders that have an id for a name; `is_throttled` pauses now and then for whoever waits meanwhile."""
    return FolderFingerprints(
        {id_: _fingerprint_artifact(home, id_, aliases) for id_ in _list_ids(home / "artifacts", is_throttled)},
        {id_: _fingerprint_run(home, id_) for id_ in _list_ids(home / "runs", is_throttled)},
    )


def _list_ids(folder: Path, is_throttled: bool) -> Iterator[str]:
    for index, name in enumerate(os.listdir(folder)):
        if is_throttled and index % FOLDERS_PER_PAUSE == 0:
            time.sleep(PAUSE_SECONDS)
        if ID_PATTERN.fullmatch(name):
            yield name


def _fingerprint_artifact(home: Path, id_: str, aliases: AliasesByArtifact) -> int:
    files = _fingerprint_files(home / "artifacts" / id_, ARTIFACT_FILES)
    return hash((files, zlib.crc32("\n".join(aliases[id_]).encode()))) if id_ in aliases else files


def _fingerprint_run(home: Path, id_: str) -> int:
    return _fingerprint_files(home / "runs" / id_, RUN_FILES)


def _fingerprint_files(folder: Path, names: tuple[str, ...]) -> int:
    facts: list[int] = []
    for path in (str(folder), *(f"{folder}{os.sep}{name}" for name in names)):
        with contextlib.suppress(OSError):  # missing, or removed just now: the row that is read again will say so
            stat = os.stat(path)
            facts += [stat.st_mtime_ns, stat.st_size]
        facts.append(-1)
    return hash(tuple(facts))


class SyncState(NamedTuple):
    """What the rows of the catalog stand for: the position in the log, and the last scan of all folders."""

    position: LogPosition
    scanned_at: float
    scan_seconds: float
    artifact_count: int

    @classmethod
    def from_json_text(cls, text: str) -> "SyncState | None":
        """The state that `json.dumps` wrote; None for any other text."""
        try:
            (inode, size, mtimes), scanned_at, seconds, count = json.loads(text)
            position = LogPosition(int(inode), int(size), tuple(int(mtime) for mtime in mtimes))
            return cls(position, float(scanned_at), float(seconds), int(count))
        except (ValueError, TypeError):
            return None


class CatalogSync:
    """Stands between the folders of one library and its catalog."""

    def __init__(self, home: Path, catalog: Catalog):
        self._home = home
        self._access = AccessControl(home)
        self._catalog = catalog
        self._change_log = ChangeLog(home)
        self._state: SyncState | None = None
        self._scan_lock = threading.Lock()
        self._scan_thread: threading.Thread | None = None

    def query(self, method: Callable[Concatenate[Catalog, P], ResultT], *args: P.args, **kwargs: P.kwargs) -> ResultT:
        """Call a method of the catalog once its rows are in step with the folders. Raises StorageFailed."""
        return self._with_catalog(self._synchronize, lambda: method(self._catalog, *args, **kwargs))

    def rebuild(self) -> None:
        """Read every folder again. Raises StorageFailed."""
        self._with_catalog(lambda: self._scan(reread_all=True), lambda: None)

    def _with_catalog(self, prepare: Callable[[], None], operation: Callable[[], ResultT]) -> ResultT:
        error: Exception | None = None
        for _ in range(MAX_ATTEMPTS):
            try:
                with translate_disk_errors():
                    prepare()
                return operation()
            except CatalogLost as lost:
                self._state, error = None, lost
        raise StorageFailed(
            "The catalog cannot be read.", cure="Set ROUNDTRIP_DATABASE_URL to a database that answers."
        ) from error

    def page_afresh(self, query: Query) -> Page:
        """A page as a new catalog would give it. Raises StorageFailed."""
        return CatalogSync(self._home, Catalog(IN_MEMORY_URL)).query(Catalog.page, query)

    def log_changes(self, *ids: str) -> None:
        """Log entries after they were changed; what is done is done, also where the log takes no more.

        Then a folder is touched, and the next query scans all of them.
        """
        try:
            self._change_log.append(list(ids))
        except OSError:
            with contextlib.suppress(OSError):
                os.utime(self._home / "artifacts")

    def _synchronize(self) -> None:
        now = self._change_log.position()
        state = self._state
        if state is None or state.position != now:
            state = SyncState.from_json_text(self._catalog.load_sync_state())
        if state and state.position != now:
            state = self._apply_change_log(state, now)
        if state is None:
            self._scan()
        else:
            self._state = state
            self._rescan_if_due(state)

    def _apply_change_log(self, state: SyncState, now: LogPosition) -> SyncState | None:
        """Read what changed according to the log; None where it does not tell."""
        logged = self._change_log.since(state.position, now)
        if logged is None:
            return None
        ids = {id_ for id_ in logged if ID_PATTERN.fullmatch(id_)}
        changed = {id_ for id_ in ids if id_.startswith("a")} | set(self._catalog.ids_where("run", ids))
        state = state._replace(position=now)
        self._catalog.refresh(sorted(changed), self._fingerprint_row, self.read_entry)
        self._catalog.save_sync_state(json.dumps(state))
        return state

    def _rescan_if_due(self, state: SyncState) -> None:
        age, is_small = time.time() - state.scanned_at, state.artifact_count <= ALWAYS_SCANNED
        if not is_small and 0 <= age < SCAN_INTERVAL_FACTOR * state.scan_seconds:
            return
        if is_small or state.scan_seconds < MAX_FOREGROUND_SCAN or not 0 <= age < MAX_SCAN_AGE:
            self._scan()
        elif self._scan_thread is None or not self._scan_thread.is_alive():
            self._scan_thread = threading.Thread(target=self._scan_in_background, name="catalog scan", daemon=True)
            self._scan_thread.start()

    def _scan_in_background(self) -> None:
        try:
            self._scan(is_throttled=True)
        except (CatalogLost, StorageFailed, OSError):  # the next query meets it again
            self._state = None

    def _scan(self, reread_all: bool = False, is_throttled: bool = False) -> None:
        """Look at every folder, and read those that changed, or all of them."""
        with self._scan_lock:
            scanned_at, position = time.time(), self._change_log.position()
            began = time.perf_counter()
            fingerprints = fingerprint_all(self._home, self._aliases(), is_throttled)
            self._catalog.sync(fingerprints.artifacts, fingerprints.of_row, self.read_entry, reread_all)
            state = SyncState(position, scanned_at, time.perf_counter() - began, len(fingerprints.artifacts))
            if state.artifact_count > ALWAYS_SCANNED or not self._state or self._state[::3] != state[::3]:
                self._catalog.save_sync_state(json.dumps(state))  # others need not scan so soon
            self._state = state

    # Reading

    def _aliases(self) -> AliasesByArtifact:
        """The aliases of each artifact that has any; none where they cannot be read."""
        try:
            return _read_aliases(self._home, file_stamp(self._home / ALIASES_FILE))
        except (StorageFailed, UnreadableRecord):
            return {}

    def _fingerprint_row(self, id_: str, run: str) -> int:
        artifact = _fingerprint_artifact(self._home, id_, self._aliases())
        return hash((artifact, _fingerprint_run(self._home, run) if run else 0))

    def read_entry(self, id_: str) -> IndexedEntry | None:
        """The entry of an artifact as its folder has it now; None where there is no such folder."""
        folder = self._home / "artifacts" / id_
        return read_or_describe(id_, lambda: self._read_folder(folder) if folder.is_dir() else None)

    def _read_folder(self, folder: Path) -> IndexedEntry:
        return read_entry_folder(self._home, self._access, folder, self._aliases().get(folder.name, ()))


@lru_cache(8)
def _read_aliases(home: Path, stamp: tuple[int, int, int] | None) -> AliasesByArtifact:
    """Sorted aliases by artifact; `stamp` is that of their file."""
    aliases: dict[str, tuple[str, ...]] = {}
    for alias, id_ in sorted(read_aliases(home).aliases.items()):
        aliases[id_] = (*aliases.get(id_, ()), alias)
    return aliases
