"""Keep the index in step with the folders.

When the folders of a library last changed, one number each: what the catalog is held against.

Keeps the catalog in step with the folders without a look at every folder each time.

What our own writers change they say in a log. What anybody else changes is found by a look at all folders, taken
again and again, at a small share of the time: a library of a hundred thousand artifacts is looked at in the
background, a small one each time.
"""

import contextlib
import json
import os
import threading
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from core.caching import StampedCache, file_stamp
from core.errors import LibraryError, StorageFailed, UnknownName, UnreadableRecord
from core.evidence import Evidence
from core.library import annotations, storage
from core.library.annotations import ALIASES_FILE as ALIASES
from core.library.annotations import read_aliases, read_annotations_or_empty
from core.library.catalog.catalog import Catalog, CatalogLost
from core.library.catalog.change_log import ChangeLog, LogPosition
from core.library.permissions import NOBODY, AccessControl, combine_sole_viewers, sole_viewer
from core.library.records import ID_PATTERN, Artifact, Entry, IndexedEntry, Run, validate_id

FOLDERS_PER_PAUSE = 50  # folders
PAUSE_SECONDS = 0.005  # seconds
ARTIFACT_FILES = ("artifact.json", "evidence.json", annotations.ANNOTATIONS_FILE)
RUN_FILES = ("run.json", annotations.ANNOTATIONS_FILE)


class FolderFingerprints(NamedTuple):
    """Artifacts and runs with their stamps; another stamp says that a record was touched."""

    artifacts: dict[str, int]
    runs: dict[str, int] = {}

    def of_row(self, id_: str, run: str) -> int:
        """The stamp of a row, which shows what its run says too."""
        return hash((self.artifacts.get(id_, 0), self.runs.get(run, 0)))


def fingerprint_all(
    home: Path, aliases_by_artifact: Mapping[str, tuple[str, ...]], is_throttled: bool = False
) -> FolderFingerprints:
    """Of all folders that have an id for a name; `pointing` has the aliases of each artifact.

    `gently` pauses again and again: whoever asks the same process for something meanwhile need not wait for this.
    """
    return FolderFingerprints(
        {
            name: _fingerprint_artifact(home, name, aliases_by_artifact)
            for name in _list_ids(home / "artifacts", is_throttled)
        },
        {name: _fingerprint_files(home / "runs" / name, RUN_FILES) for name in _list_ids(home / "runs", is_throttled)},
    )


def fingerprint_some(
    home: Path, ids: Iterable[str], runs: Iterable[str], aliases_by_artifact: Mapping[str, tuple[str, ...]]
) -> FolderFingerprints:
    """Of some artifacts, and of some runs."""
    return FolderFingerprints(
        {name: _fingerprint_artifact(home, name, aliases_by_artifact) for name in ids},
        {name: _fingerprint_files(home / "runs" / name, RUN_FILES) for name in runs},
    )


def _list_ids(folder: Path, is_throttled: bool) -> Iterator[str]:
    for at, name in enumerate(os.listdir(folder)):
        if is_throttled and at % FOLDERS_PER_PAUSE == 0:
            time.sleep(PAUSE_SECONDS)
        if ID_PATTERN.fullmatch(name):
            yield name


def _fingerprint_artifact(home: Path, name: str, aliases_by_artifact: Mapping[str, tuple[str, ...]]) -> int:
    stamp = _fingerprint_files(home / "artifacts" / name, ARTIFACT_FILES)
    return (
        hash((stamp, zlib.crc32("\n".join(aliases_by_artifact[name]).encode())))
        if name in aliases_by_artifact
        else stamp
    )


def _fingerprint_files(folder: Path, names: tuple[str, ...]) -> int:
    facts: list[int] = []
    for path in (str(folder), *(f"{folder}{os.sep}{name}" for name in names)):
        with contextlib.suppress(OSError):  # missing, or removed just now: the row that is read anew will say so
            found = os.stat(path)
            facts += [found.st_mtime_ns, found.st_size]
        facts.append(-1)
    return hash(tuple(facts))


ALWAYS_SCANNED = 50  # artifacts: so few are looked at each time
SCAN_INTERVAL_FACTOR = 20  # a look is taken again after so many times its own duration
MAX_FOREGROUND_SCAN = 0.1  # seconds: a longer look does not hold up who asks
MAX_SCAN_AGE = 3600.0  # seconds: after these, it does
MAX_ATTEMPTS = 3  # with the catalog as it is, with a new one, with one in memory
MAX_CACHED_RUNS = 1000  # runs that are held, so that each is not read for each of its artifacts


class SyncState(NamedTuple):
    """What the rows of the catalog stand for: the position in the log, and the last look at all folders."""

    position: LogPosition
    scanned_at: float
    scan_seconds: float
    artifact_count: int

    def to_json_text(self) -> str:
        return json.dumps([self.position.to_text(), self.scanned_at, self.scan_seconds, self.artifact_count])

    @classmethod
    def from_json_text(cls, text: str) -> "SyncState | None":
        try:
            position, looked, took, count = json.loads(text)
            return (
                cls(found, float(looked), float(took), int(count))
                if (found := LogPosition.from_text(position))
                else None
            )
        except (ValueError, TypeError):
            return None


class CatalogSync:
    """What stands between the folders of one library and its catalog."""

    def __init__(self, home: Path, catalog: Catalog):
        self._home = home
        self._access = AccessControl(home)
        self._catalog = catalog
        self._change_log = ChangeLog(home)
        self._state: SyncState | None = None
        self._run_facts_cache = StampedCache(MAX_CACHED_RUNS)
        self._alias_cache: tuple[tuple | None, dict[str, tuple[str, ...]]] = (None, {})
        self._scan_lock = threading.Lock()
        self._scan_thread: threading.Thread | None = None

    def query(self, run: Any) -> Any:
        """What `question`, a function of the catalog, answers once the rows are in step with the folders."""
        error: Exception | None = None
        for _ in range(MAX_ATTEMPTS):
            try:
                with storage.translate_disk_errors():
                    self._synchronize()
                return run(self._catalog)
            except CatalogLost as lost:
                self._state, error = None, lost
        raise StorageFailed(
            "The catalog cannot be read.", cure="Set ROUNDTRIP_CATALOG_URL to a database that answers."
        ) from error

    def log_changes(self, *ids: str) -> None:
        """Say that entries were changed here, after they were: what is done is done, also where the log takes no more.

        Then a folder is touched, and the next list looks at all of them.
        """
        try:
            self._change_log.append(list(ids))
        except OSError:
            with contextlib.suppress(OSError):
                os.utime(self._home / "artifacts")

    def rebuild(self) -> None:
        """Read every folder again."""
        for _ in range(MAX_ATTEMPTS):
            try:
                with storage.translate_disk_errors():
                    return self._scan(reread_all=True)
            except CatalogLost:
                self._state = None
        return None

    def _synchronize(self) -> None:
        now = self._change_log.position()
        seen = self._state
        if seen is None or seen.position != now:
            seen = SyncState.from_json_text(self._catalog.load_sync_state())
        if seen and seen.position != now:
            seen = self._apply_change_log(seen, now)
        if seen is None:
            return self._scan()
        self._state = seen
        return self._rescan_if_due(seen)

    def _apply_change_log(self, state: SyncState, now: LogPosition) -> SyncState | None:
        """Read what the log says that changed; None where it does not tell."""
        ids = self._change_log.since(state.position, now)
        if ids is None:
            return None
        ids = {id_ for id_ in ids if ID_PATTERN.fullmatch(id_)}
        wanted = sorted({id_ for id_ in ids if id_.startswith("a")} | set(self._catalog.ids_where("run", ids)))
        caught = state._replace(position=now)
        self._catalog.refresh(wanted, self._current_fingerprint, self.read_entry)
        self._catalog.save_sync_state(caught.to_json_text())
        return caught

    def _rescan_if_due(self, state: SyncState) -> None:
        age, few = time.time() - state.scanned_at, state.artifact_count <= ALWAYS_SCANNED
        if not few and 0 <= age < SCAN_INTERVAL_FACTOR * state.scan_seconds:
            return
        if few or state.scan_seconds < MAX_FOREGROUND_SCAN or not 0 <= age < MAX_SCAN_AGE:
            self._scan()
        elif self._scan_thread is None or not self._scan_thread.is_alive():
            self._scan_thread = threading.Thread(
                target=self._scan_in_background, name="look at the library", daemon=True
            )
            self._scan_thread.start()

    def _scan_in_background(self) -> None:
        try:
            self._scan(is_throttled=True)
        except (CatalogLost, OSError):  # whoever asks next hears of it
            self._state = None

    def _scan(self, reread_all: bool = False, is_throttled: bool = False) -> None:
        """Look at every folder, and read those that changed; `anew` reads all."""
        with self._scan_lock:
            began, position = time.time(), self._change_log.position()
            clock = time.perf_counter()
            stamps = fingerprint_all(self._home, self.aliases_by_artifact(), is_throttled)
            self._catalog.sync(stamps.artifacts, stamps.of_row, self.read_entry, reread_all)
            seen = SyncState(position, began, time.perf_counter() - clock, len(stamps.artifacts))
            if seen.artifact_count > ALWAYS_SCANNED or not self._state or self._state[::3] != seen[::3]:
                self._catalog.save_sync_state(seen.to_json_text())  # others need not look so soon
            self._state = seen

    # Reading

    def aliases_by_artifact(self) -> Mapping[str, tuple[str, ...]]:
        """The aliases of each artifact that has any; none where they cannot be read."""
        stamp = file_stamp(self._home / ALIASES)
        if stamp != self._alias_cache[0]:
            try:
                self._alias_cache = (stamp, _invert_aliases(self._home))
            except StorageFailed:  # not for long: asked again the next time
                return {}
        return self._alias_cache[1]

    def _current_fingerprint(self, id_: str, run: str) -> int:
        return fingerprint_some(self._home, [id_], [run] if run else [], self.aliases_by_artifact()).of_row(id_, run)

    def read_entry(self, id_: str) -> IndexedEntry | None:
        """The line of an artifact as its folder has it now; None where there is no such folder."""
        try:
            with storage.translate_disk_errors():
                folder = self._home / "artifacts" / id_
                return self._read_folder(folder) if folder.is_dir() else None
        except LibraryError as error:  # one that the disk does not give stops no list
            return IndexedEntry(Entry(id_, problem=str(error)), is_final=False, sole_viewer=NOBODY)

    def _read_folder(self, folder: Path) -> IndexedEntry:
        """Raises StorageFailed, OSError."""
        marks = read_annotations_or_empty(folder)
        entry = Entry(
            folder.name,
            pinned=marks.pinned,
            tags=tuple(marks.tags),
            aliases=self.aliases_by_artifact().get(folder.name, ()),
            shared=marks.shared,
            note=" ".join(marks.note[:200].split())[:100],
        )
        try:
            artifact = Artifact.read(folder / "artifact.json")
        except UnreadableRecord as error:
            return IndexedEntry(
                entry._replace(problem=str(error)), marks.note, sole_viewer=self._access.sole_viewer(folder)
            )
        entry = entry._replace(owner=artifact.owner)
        try:
            evidence, run = Evidence.read(folder / "evidence.json"), self._read_run_facts(artifact.run)
        except (UnreadableRecord, UnknownName) as error:
            found = entry._replace(problem=str(error), run=artifact.run)
            return IndexedEntry(found, marks.note, sole_viewer=self._access.sole_viewer(folder))
        alone = combine_sole_viewers(sole_viewer(artifact.owner, marks.shared), run.pop("only"))
        known = _artifact_facts(artifact, evidence)
        known["trust"] = run.pop("trust") if artifact.trust == "ours" else artifact.trust
        return IndexedEntry(
            entry._replace(**run | known), marks.note, tuple(one.sha256 for one in artifact.files), sole_viewer=alone
        )

    def _read_run_facts(self, id_: str) -> dict[str, Any]:
        """What a line says of its run, and who alone sees that. Raises UnreadableRecord, UnknownName."""
        folder = self._home / "runs" / validate_id(id_, "r")
        stamp = tuple(file_stamp(os.path.join(folder, name)) for name in RUN_FILES)
        return dict(self._run_facts_cache.get_or_compute(id_, lambda: _run_facts(id_, folder), stamp))


def _run_facts(id_: str, folder: Path) -> dict[str, Any]:
    run, marks = Run.read(folder / "run.json"), read_annotations_or_empty(folder)
    facts = {"run": id_, "run_name": marks.name or run.name, "demo": run.demo, "trust": run.trust}
    return facts | {"only": sole_viewer(run.owner, marks.shared)}


def _artifact_facts(artifact: Artifact, evidence: Evidence) -> dict[str, Any]:
    return {
        "format": artifact.format,
        "created": artifact.created,
        "bytes": artifact.bytes,
        "verdict": evidence.best.verdict.value,
        "needs_code": evidence.needs_code,
        "made_from": artifact.made_from,
    }


def _invert_aliases(home: Path) -> dict[str, tuple[str, ...]]:
    try:
        aliases = read_aliases(home)
    except UnreadableRecord:
        return {}
    return {id_: tuple(sorted(name for name in aliases if aliases[name] == id_)) for id_ in set(aliases.values())}
