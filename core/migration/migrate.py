"""A library into a store, or a store into a library: what is there is passed over, what fails fails alone."""

import math
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

from core.error_translation import translate
from core.errors import Cancelled, InputError, LibraryError
from core.library import Library
from core.migration.entry_folders import find_active_jobs, list_local_entries
from core.migration.transfer import Transfer, pull_aliases, push_aliases, remembered_versions
from core.object_store import Manifests, ObjectStore
from core.object_store.entry_cache import EntryCache
from core.object_store.local_entry import LocalEntry
from core.object_store.team_library import read_home_record

WORKERS = 8  # entries at a time: they wait for the network more than for the processor
Action = Callable[[], tuple[bool, int]]


class MigratedEntry(NamedTuple):
    """What became of one entry: "brought", "present" (it was there already) or "failed", with the sentence why."""

    id: str
    state: str
    bytes: int = 0
    sentence: str = ""


class Migration(NamedTuple):
    """What became of every entry, how many changes of aliases came along, and which jobs did not: they still run."""

    entries: list[MigratedEntry]
    alias_changes: int
    active_jobs: list[str]

    @property
    def is_complete(self) -> bool:
        return not self.active_jobs and all(entry.state != "failed" for entry in self.entries)


class _Progress:
    """Counts bytes of several threads; a request to cancel is raised where they are counted."""

    def __init__(self, total: int, on_progress: Callable[[float, str], None], is_cancelled: Callable[[], bool]):
        self._total, self._done = max(total, 1), 0
        self._on_progress, self._is_cancelled = on_progress, is_cancelled
        self._lock = threading.Lock()
        self.note = ""

    def add(self, count: int) -> None:
        if self._is_cancelled():
            raise Cancelled(
                "It was cancelled; what was brought until then stays.", cure="Start it again: it goes on from there."
            )
        with self._lock:
            self._done += count
            self._on_progress(min(self._done / self._total, 1.0), self.note)


def migrate_to_store(
    library: Library,
    store: ObjectStore,
    is_read_back: bool = True,
    on_progress: Callable[[float, str], None] = lambda done, note: None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> Migration:
    """Bring a library into a store; the library stays as it is.

    Args:
        is_read_back: Whether what was put is read back and hashed before an entry appears.
        on_progress: Called with the share of the bytes that is done, and what is brought now.

    Raises InputError for a person who signed in, and where other things lie in the store; Cancelled, StorageFailed.
    """
    library.require_full_access()
    store.claim()
    groups = _leave_out_cached(library, store, list_local_entries(library))
    progress = _Progress(sum(_count_bytes(group) for group in groups.values()), on_progress, is_cancelled)
    rows: list[MigratedEntry] = []
    with remembered_versions(library, store) as seen:
        transfer = Transfer(library, store, progress.add, is_read_back, seen)
        for group, entries in groups.items():
            progress.note = group
            rows += _map([(entry.id, partial(transfer.push, entry)) for entry in entries])
    return Migration(rows, push_aliases(library, store), sorted(find_active_jobs(library)))


def migrate_from_store(
    library: Library,
    store: ObjectStore,
    on_progress: Callable[[float, str], None] = lambda done, note: None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> Migration:
    """Bring what lies in a store into a library; the store stays as it is. Arguments and errors as above."""
    library.require_full_access()
    store.require_marker()
    if read_home_record(library.home):
        raise _cache_error(
            store, "Set ROUNDTRIP_HOME to another folder, and unset ROUNDTRIP_STORE_URL for this command."
        )
    ids = sorted(Manifests(store).ids(), key=lambda id_: ("riaj".index(id_[0]), id_))
    progress = _Progress(len(ids), lambda done, note: None, is_cancelled)
    rows: list[MigratedEntry] = []
    with remembered_versions(library, store) as seen:
        transfer = Transfer(library, store, lambda count: progress.add(0), False, seen)
        for at in range(0, len(ids), WORKERS):
            on_progress(at / len(ids), f"entry {at + 1:,} of {len(ids):,}")
            rows += _map([(id_, partial(transfer.pull, id_)) for id_ in ids[at : at + WORKERS]])
    changes = pull_aliases(library, store)
    library.rebuild_catalog()
    return Migration(rows, changes, [])


def _leave_out_cached(
    library: Library, store: ObjectStore, groups: dict[str, list[LocalEntry]]
) -> dict[str, list[LocalEntry]]:
    """Of a home that caches this store what is not in it yet: the rest may lie here in part. Raises InputError."""
    record = read_home_record(library.home)
    if record is None:
        return groups
    if record.identity != store.identify():
        raise _cache_error(store, "Bring its own store into an empty folder first: roundtrip migrate --from ADDRESS.")
    cache = EntryCache(library.home, store, math.inf)
    return {group: [entry for entry in entries if not cache.has(entry.id)] for group, entries in groups.items()}


def _cache_error(store: ObjectStore, cure: str) -> InputError:
    return InputError("The library's folder is a cache of another store.", received=store.shown_address, cure=cure)


def _count_bytes(entries: Iterable[LocalEntry]) -> int:
    return sum(path.stat().st_size for entry in entries for path in entry.files().values())


def _map(actions: Sequence[tuple[str, Action]]) -> list[MigratedEntry]:
    """Do for each id what is to be done, some at a time. Raises Cancelled, and what is no fault of one entry."""
    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(lambda item: _attempt(*item), actions))


def _attempt(id_: str, action: Action) -> MigratedEntry:
    try:
        is_new, size = action()
    except Cancelled:
        raise
    except Exception as error:  # noqa: BLE001  whatever is wrong with one entry, the others are brought
        return MigratedEntry(id_, "failed", sentence=str(translate(error, LibraryError)))
    return MigratedEntry(id_, "brought" if is_new else "present", size)
