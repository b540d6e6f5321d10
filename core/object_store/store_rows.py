"""`StoreRows`: keeps index and catalog in step with an object store that other machines write to as well.

Each writer brings the rows of what it changed up to date itself. What a writer that was killed left announced is read
from the store at the next query, and what was put there otherwise, as by a migration, by a look at all keys, which is
taken again and again, at a small share of the time.
"""

import contextlib
import json
import threading
import time
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Concatenate, NamedTuple, ParamSpec, TypeVar

from core.errors import LibraryError, RoundtripError, StorageFailed, UnreadableRecord
from core.library.annotation_files import Aliases
from core.library.annotations import validate_alias
from core.library.catalog.catalog import Catalog
from core.library.catalog.entry_folders import read_entry_folder, read_or_describe
from core.library.catalog.schema import IN_MEMORY_URL, in_batches
from core.library.ids import ID_PATTERN
from core.library.permissions import AccessControl
from core.library.records import IndexedEntry, Page, Query
from core.object_store.documents import Documents, changes_of, join_histories, latest_numbers, targets
from core.object_store.entry_cache import EntryCache
from core.object_store.entry_index import EntryIndex, Numbers
from core.object_store.local_entry import DOCUMENT_FILES
from core.object_store.manifests import Manifests
from core.object_store.object_store import ObjectStore

ALIAS_KEY = "alias/"  # before the name of an alias that is announced
READERS = 8  # entries at a time: they wait for the store
MIN_LOOK_INTERVAL = 30.0  # seconds between two looks at all keys
LOOK_INTERVAL_FACTOR = 20  # and so many times the duration of the last
MAX_FOREGROUND_LOOK = 0.1  # seconds: a query does not wait for a longer one
SETTLE_INTERVAL = 1.0  # seconds: what is still announced is not read from the store at every query
SETTLE_GROWTH = 1.5  # the longer it stays announced, the likelier its writer is gone: by how much the interval grows
P = ParamSpec("P")
ResultT = TypeVar("ResultT")


class _Look(NamedTuple):
    """When all keys were looked at last, and how long it took in seconds."""

    at: float
    seconds: float


class _Settled(NamedTuple):
    """When what is announced is to be read again, in monotonic seconds, and the seconds until then."""

    due_at: float
    interval: float


class StoreRows:
    """See `RowSync`. Threads may share it."""

    def __init__(self, home: Path, store: ObjectStore, catalog: Catalog, index: EntryIndex, cache: EntryCache):
        self._home, self._store, self._catalog, self._index, self._cache = home, store, catalog, index, cache
        self._manifests = Manifests(store)
        self._access = AccessControl(home, locate=lambda id_: self.bring_all([id_]).get(id_))
        self._look: _Look | None = None
        self._lock, self._rows_lock, self._first_lock = threading.Lock(), threading.Lock(), threading.Lock()
        self._thread: threading.Thread | None = None
        self._settled: dict[str, _Settled] = {}  # when what is announced by a token was read here

    def query(self, method: Callable[Concatenate[Catalog, P], ResultT], *args: P.args, **kwargs: P.kwargs) -> ResultT:
        self.catch_up()
        return method(self._catalog, *args, **kwargs)

    def rebuild(self) -> None:
        self._look_at_all(reread_all=True)

    def page_afresh(self, query: Query) -> Page:
        self._look_at_all()
        catalog = Catalog(IN_MEMORY_URL)
        self._refresh_rows(catalog, self._index.ids("a", is_removed=False))
        return catalog.page(query)

    # Bringing

    def bring(self, id_: str) -> Path | None:
        """The folder of an entry; None where the index has none. Raises Damaged, UnreadableRecord, StorageFailed."""
        entry = self._index.read([id_]).get(id_)
        return entry and self._cache.bring(entry)

    def bring_all(self, ids: Iterable[str]) -> dict[str, Path]:
        """The same of many; what cannot be had by itself is left out. Raises StorageFailed."""
        entries = list(self._index.read(list(ids)).values())

        def bring(number: int) -> Path | None:
            try:
                return self._cache.bring(entries[number])
            except StorageFailed:
                raise
            except RoundtripError:  # whoever asks for it alone is told
                return None

        if len(entries) == 1:
            folders = [bring(0)]
        else:
            with ThreadPoolExecutor(READERS) as pool:
                folders = list(pool.map(bring, range(len(entries))))
        return {entry.id: folder for entry, folder in zip(entries, folders, strict=True) if folder}

    def aliases(self) -> Aliases:
        """All aliases as the index has them."""
        return join_histories(self._index.aliases())

    # Settling

    def settle(self, keys: Collection[str], is_forced: bool = False) -> None:
        """Read entries, and aliases by ALIAS_KEY, from the store into index and catalog."""
        ids = {key for key in keys if ID_PATTERN.fullmatch(key)}
        with ThreadPoolExecutor(READERS) as pool:
            list(pool.map(lambda id_: self._settle_entry(id_, is_forced), ids))
        for key in keys:
            if key.startswith(ALIAS_KEY):
                ids |= self._settle_alias(key.removeprefix(ALIAS_KEY), is_forced)
        runs = {id_ for id_ in ids if id_.startswith("r")}
        artifacts = {id_ for id_ in ids if id_.startswith("a")} | set(self._catalog.ids_where("run", runs))
        self._refresh_rows(self._catalog, sorted(artifacts))
        if keys:
            self._index.count_change()

    def _settle_entry(self, id_: str, is_forced: bool) -> None:
        """A manifest that cannot be read changes nothing: a machine with a newer version may read it.

        Where a row came or went by this, another writer may have had its turn since the manifest was read: it is read
        once more.
        """
        with contextlib.suppress(UnreadableRecord):
            while self._settle_manifest(id_, is_there := self._manifests.read_whole(id_) is not None, is_forced):
                if (self._manifests.read_whole(id_) is not None) == is_there:
                    return

    def _settle_manifest(self, id_: str, is_there: bool, is_forced: bool) -> bool:
        """Whether the index had the opposite."""
        if not is_there:
            self._store.require_identified()
            return self._index.drop(id_)
        documents = Documents(self._store, f"documents/{id_}")
        numbers = {name: number for name, number in documents.numbers().items() if name in DOCUMENT_FILES}
        versions = {name: documents.read(name, number) for name, number in numbers.items()}
        return self._index.write(id_, versions, is_forced)

    def _settle_alias(self, alias: str, is_forced: bool) -> set[str]:
        """Returns the artifacts that it points or pointed to, also those that only the index knew."""
        try:
            validate_alias(alias)
        except RoundtripError:
            return set()
        versions = Documents(self._store, "aliases").versions(alias)
        known = self._index.aliases().get(alias, []) if is_forced else []
        self._index.write_alias(alias, versions, is_forced)
        return targets(changes_of(alias, [*known, *versions]))

    def _refresh_rows(self, catalog: Catalog, ids: list[str]) -> None:
        for batch in in_batches(ids):
            self._prefetch(batch)
            with self._rows_lock:  # the rows are locked in the database: other threads wait here, without a connection
                catalog.refresh(batch, lambda id_, run: 1, _BatchReader(self).read)

    def _prefetch(self, ids: Collection[str]) -> None:
        """Artifacts and their runs, before any row is locked."""
        located = self.bring_all(ids)
        self.bring_all({run for folder in located.values() if (run := self._access.run_of(folder))})

    def read_entry(self, id_: str, aliases: tuple[str, ...]) -> IndexedEntry | None:
        """The entry of an artifact as index and records have it; None where it is not in its place."""

        def read() -> IndexedEntry | None:
            folder = self.bring(id_)
            if folder is None or folder.parent.name == "trash":
                return None
            if run := self._access.run_of(folder):
                self.bring_all([run])
            return read_entry_folder(self._home, self._access, folder, aliases)

        return read_or_describe(id_, read)

    # Catching up

    def catch_up(self) -> int:
        """Have index and catalog say what the store says; returns the number of changes."""
        state = self._index.state()
        if self._look is None:
            self._look = _parse_look(self._catalog.load_sync_state())
        if self._look is None:
            with self._first_lock:  # others wait for the first look of all, and take none themselves
                if self._look is None:
                    self._look_at_all()
            return self._index.state().changes
        with contextlib.suppress(StorageFailed):  # a store that does not answer now hides nothing that is known
            if state.has_announced:
                self._settle_announced()
            self._look_if_due(self._look)
        return state.changes

    def _settle_announced(self) -> None:
        announced, settled, now = self._index.announced(), self._settled, time.monotonic()
        old = {row.token for row in announced if row.is_old}
        due = {row.token for row in announced if row.token not in settled or now > settled[row.token].due_at} | old
        if not due:
            return
        self.settle({row.key for row in announced if row.token in due})
        kept = {row.token: settled[row.token] for row in announced if row.token in settled}
        self._settled = kept | {token: _next_settled(settled.get(token), now) for token in due}
        for token in old:
            self._index.withdraw(token)

    def _look_if_due(self, look: _Look) -> None:
        if 0 <= time.time() - look.at < max(MIN_LOOK_INTERVAL, LOOK_INTERVAL_FACTOR * look.seconds):
            return
        if look.seconds < MAX_FOREGROUND_LOOK:
            self._look = look._replace(at=time.time())  # also where it fails, it is due again only later
            self._look_at_all()
        elif self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._look_in_background, name="store look", daemon=True)
            self._thread.start()

    def _look_in_background(self) -> None:
        with contextlib.suppress(LibraryError):  # the next query meets it again
            self._look_at_all()

    def _look_at_all(self, reread_all: bool = False) -> None:
        """Compare all keys of the store with the index, and read what differs, or everything."""
        with self._lock:
            at, began = time.time(), time.perf_counter()
            self.settle(self._find_changed(reread_all), is_forced=reread_all)
            kept = set(self._index.ids("a", is_removed=False))
            self._refresh_rows(self._catalog, sorted(kept ^ self._catalog.listed_ids()))
            if reread_all:
                self._catalog.rebuild_counts()
            self._look = _Look(at, time.perf_counter() - began)
            self._catalog.save_sync_state(json.dumps(self._look))

    def _find_changed(self, reread_all: bool) -> set[str]:
        """The entries and aliases of which store and index have other versions."""
        known = self._index.numbers()  # before the store, which may have more by then, and never less
        stored = self._list_entries()
        self._store.require_identified()
        changed = {id_ for id_ in stored.keys() | known if reread_all or stored.get(id_) != known.get(id_)}
        aliases = latest_numbers(self._store.list_keys("aliases"), "aliases")
        indexed = {alias: len(versions) for alias, versions in self._index.aliases().items()}
        named = aliases.keys() | indexed if reread_all else aliases.keys()  # as after a store came back from a backup
        return changed | {
            f"{ALIAS_KEY}{alias}" for alias in named if reread_all or indexed.get(alias) != aliases[alias]
        }

    def _list_entries(self) -> dict[str, Numbers]:
        """The numbers of the documents of all entries of which there is a manifest."""
        entries: dict[str, Numbers] = {id_: {} for id_ in self._manifests.ids()}
        for path, number in latest_numbers(self._store.list_keys("documents"), "documents").items():
            id_, _, name = path.partition("/")
            if id_ in entries and name in DOCUMENT_FILES:
                entries[id_][name] = number
        return entries


class _BatchReader:
    """Reads some entries for rows; their aliases are looked up at the first, when the rows are locked."""

    def __init__(self, rows: StoreRows):
        self._rows = rows
        self._aliases: dict[str, tuple[str, ...]] | None = None

    def read(self, id_: str) -> IndexedEntry | None:
        if self._aliases is None:
            self._aliases = {}
            for alias, target in sorted(self._rows.aliases().aliases.items()):
                self._aliases[target] = (*self._aliases.get(target, ()), alias)
        return self._rows.read_entry(id_, self._aliases.get(id_, ()))


def _next_settled(last: _Settled | None, now: float) -> _Settled:
    interval = last.interval * SETTLE_GROWTH if last else SETTLE_INTERVAL
    return _Settled(now + interval, interval)


def _parse_look(text: str) -> _Look | None:
    try:
        at, seconds = json.loads(text)
        return _Look(float(at), float(seconds))
    except (ValueError, TypeError):
        return None
