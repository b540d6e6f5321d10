"""`StoreEntries`: the entries of a library that a team shares, in an object store, with a cache in this machine's home.

An entry is put contents first, then its manifest, if there was none: from then on it is there for everybody, whatever
becomes of this process. What people change gets a further version, after the one that they read: of two writers one
wins, and the other reads again.
"""

import contextlib
import time
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

from core.errors import Damaged, RoundtripError, UnreadableRecord, cleanup_on_error
from core.library import integrity, storage
from core.library.annotation_files import AliasChange, Aliases
from core.library.catalog.catalog import Catalog
from core.library.ids import ID_PATTERN, unknown_id_error
from core.library.local_entries import lock_home
from core.library.records import FOLDER_BY_KIND, FileEntry
from core.library.shared_entries import Fence, Freed, Hold, StoreState, TextChange
from core.library.storage import BytesReadCallback, translate_disk_errors
from core.library.trash_folder import REMOVAL_FILE, RemovalRecord
from core.object_store.collection import Collector
from core.object_store.contents import Contents
from core.object_store.documents import Documents, parse_change
from core.object_store.entry_cache import EntryCache
from core.object_store.entry_index import EntryIndex
from core.object_store.local_entry import LocalEntry
from core.object_store.manifests import Manifest, Manifests
from core.object_store.object_store import ObjectStore
from core.object_store.put_in_time import Putting
from core.object_store.store_rows import ALIAS_KEY, StoreRows

MAX_LOCATED = 20_000  # entries of which is remembered where they lie
COLLECTED = "collected"  # in the catalog's table of states: when contents were last collected
DAY_SECONDS = 86_400
SENDERS = 8  # files at a time: they wait for the network


class StoreEntries:
    """See `SharedEntries`. Threads and processes may share it.

    Args:
        home: This machine's folder.
        catalog: In PostgreSQL, for all machines.
        cache_bytes: What the home may take of the store.
    """

    is_shared = True

    def __init__(self, home: Path, store: ObjectStore, catalog: Catalog, cache_bytes: float):
        self._home, self.catalog = home, catalog
        self.store, self._contents, self._manifests = store, Contents(store), Manifests(store)
        self._index = EntryIndex(catalog)
        self.cache = EntryCache(home, store, cache_bytes)
        self.rows = StoreRows(home, store, catalog, self._index, self.cache)
        self._located: dict[str, tuple[int, Path]] = {}

    # Reading

    def locate(self, id_: str) -> Path | None:
        changes = self.rows.catch_up()
        folder = self._recall(id_, changes) or self.rows.bring(id_)
        if folder:
            self._remember(id_, changes, folder)
        return folder

    def _recall(self, id_: str, changes: int) -> Path | None:
        """Where an entry lies, if nothing was changed since it was looked for."""
        known = self._located.get(id_)
        return known[1] if known and known[0] == changes and known[1].is_dir() else None

    def _remember(self, id_: str, changes: int, folder: Path) -> None:
        if len(self._located) >= MAX_LOCATED:
            self._located.clear()
        self._located[id_] = changes, folder

    def locate_all(self, ids: Iterable[str]) -> dict[str, Path]:
        changes, ids = self.rows.catch_up(), list(dict.fromkeys(ids))
        recalled = {id_: folder for id_ in ids if (folder := self._recall(id_, changes))}
        brought = self.rows.bring_all(id_ for id_ in ids if id_ not in recalled)
        for id_, folder in brought.items():
            self._remember(id_, changes, folder)
        located = recalled | brought
        return {id_: located[id_] for id_ in ids if id_ in located}

    def fetch(self, id_: str, names: Collection[str] = ()) -> None:
        folder = self.locate(id_)
        if folder is None:
            raise unknown_id_error(id_)
        self.cache.fetch(id_, folder, names)

    def refetch(self, id_: str, names: Collection[str]) -> bool:
        folder = self.locate(id_)
        if folder is None:
            raise unknown_id_error(id_)
        self.cache.drop(folder, names)
        self.cache.fetch(id_, folder, names)
        return True

    def list_damage(
        self, id_: str, folder: Path, files: Iterable[FileEntry], on_read: BytesReadCallback
    ) -> list[Damaged]:
        """In the store, which is the truth; what is damaged in the cache is deleted there, and so fetched again."""
        damage = []
        for file in files:
            try:
                self._contents.verify(file.sha256, on_read)
            except Damaged as error:
                damage.append(error)
            if (folder / file.path).exists() and integrity.find_damage(folder, file):
                self.cache.drop(folder, [file.path.split("/")[0]])
        return damage

    def find_missing(self, folder: Path, files: Sequence[FileEntry]) -> list[str]:
        with ThreadPoolExecutor(SENDERS) as pool:
            are_there = list(pool.map(lambda file: self._contents.has_size(file.sha256, file.bytes), files))
        return [file.path for file, is_there in zip(files, are_there, strict=True) if not is_there]

    def ids(self, kinds: str) -> list[str]:
        self.rows.catch_up()
        return self._index.ids(kinds, is_removed=False)

    def trash_ids(self) -> list[str]:
        self.rows.catch_up()
        return self._index.ids("".join(FOLDER_BY_KIND), is_removed=True)

    def stamp(self) -> Hashable:
        return self.rows.catch_up()

    def find_unshared(self) -> list[str]:
        local = [path.name for folder in FOLDER_BY_KIND.values() for path in (self._home / folder).iterdir()]
        ids = [name for name in local if ID_PATTERN.fullmatch(name)]
        return sorted({*ids} - self._index.read(ids).keys())

    def check_store(self) -> StoreState | None:
        began, problem = time.monotonic(), ""
        try:
            self.store.identify()
        except RoundtripError as error:
            problem = str(error)
        seconds = time.monotonic() - began
        limit, address = int(self.cache.max_bytes), self.store.shown_address
        return StoreState(address, problem, seconds, self.cache.measure(), limit, self.find_unshared())

    def find_foreign(self) -> dict[str, RoundtripError]:
        problems: dict[str, RoundtripError] = {}
        for id_ in {*self._manifests.ids()} - self._index.numbers().keys():
            try:
                manifest = self._manifests.read(id_)
                if manifest and manifest.id != id_:
                    raise UnreadableRecord("It is the manifest of another entry.", received=manifest.id)
            except RoundtripError as error:
                problems[id_] = error
        return problems

    # Writing

    @contextlib.contextmanager
    def _announced(self, *keys: str) -> Iterator[None]:
        """While the store is changed: index and catalog follow, or others see to it where this process ends."""
        self._index.keep_lock()
        self._require_mounted()
        token = self._index.announce(keys)
        try:
            yield
        except BaseException:
            with contextlib.suppress(RoundtripError):  # what did not get through stays announced
                self._settle(token, keys)
            raise
        self._settle(token, keys)

    def _require_mounted(self) -> None:
        """What is written into a folder that is not mounted any more lies on this machine's disk, where nobody sees
        it. Raises StorageFailed."""
        if self.store.address.startswith("file:"):
            self.store.require_identified()

    def _settle(self, token: str, keys: Collection[str]) -> None:
        self.rows.settle(keys)
        self._index.withdraw(token)

    @translate_disk_errors()
    def commit(self, staged: Mapping[str, Path], fence: Fence) -> list[str]:
        self._require_mounted()
        manifests = self._make_manifests(staged)
        putting = Putting(lambda: self._put_all_contents(manifests, staged))
        with fence() as hold, self._announced(*staged):
            with putting.listed(lambda: self._withdraw_incomplete(manifests.values(), hold)):
                # What an artifact needs comes last: with it both are there.
                others = [id_ for id_ in sorted(manifests) if not self._put_manifest(manifests[id_], hold)]
                for id_, manifest in manifests.items():
                    if manifest.needs in others:
                        self._manifests.delete(id_)
            for id_, manifest in manifests.items():
                if id_ not in others and manifest.needs not in others:
                    self.cache.adopt(manifest, staged[id_])
        return others

    def _put_manifest(self, manifest: Manifest, hold: Hold) -> bool:
        """Whether the entry is there with these files."""
        hold.require()
        state = self._manifests.put(manifest)
        if state == "written":
            hold.add(manifest.id, lambda: self._withdraw(manifest.id))
        return state != "different"

    def _withdraw_incomplete(self, manifests: Iterable[Manifest], hold: Hold) -> None:
        """Delete entries of this commit whose contents may be gone; none where another commits by now, which may count
        on them and has put the contents itself."""
        with contextlib.suppress(RoundtripError):
            hold.require()
            for manifest in manifests:
                self._manifests.withdraw(manifest)

    def _withdraw(self, id_: str) -> None:
        """Move an entry into the trash that came too late, unless somebody uses it by now; what nobody saw, because
        that with which it was made did not come, is deleted."""
        if self._manifests.read_whole(id_) is None:
            self.delete(id_)
        elif not self._is_used(id_):
            self.put_in_trash(id_)

    def _is_used(self, id_: str) -> bool:
        """Whether an alias points to an entry, people wrote something of it, or another entry was made from it."""
        if id_ in self.aliases().aliases.values() or self._documents(id_).names():
            return True
        return any(self.catalog.ids_where(column, [id_]) for column in ("run", "made_from"))

    def _make_manifests(self, staged: Mapping[str, Path]) -> dict[str, Manifest]:
        """An artifact that is committed with its run is not there without it."""
        manifests = {
            id_: LocalEntry(id_, folder).make_manifest(storage.ignore_progress, is_recorded=True)
            for id_, folder in staged.items()
        }
        run = next((manifest for id_, manifest in manifests.items() if id_.startswith("r")), None)
        return {id_: manifest if manifest is run else manifest.needing(run) for id_, manifest in manifests.items()}

    def _put_all_contents(self, manifests: Mapping[str, Manifest], staged: Mapping[str, Path]) -> None:
        def put(file: tuple[Path, str]) -> bool:
            return self._contents.put_file(*file, storage.ignore_progress)

        files = [(staged[id_] / file.path, file.sha256) for id_, each in manifests.items() for file in each.files]
        with ThreadPoolExecutor(SENDERS) as pool:
            list(pool.map(put, files))

    def change_document(self, id_: str, name: str, change: TextChange) -> None:
        documents = self._documents(id_)
        while True:
            latest = documents.latest(name)
            text = change(latest.text)
            if text in (latest.text, None):
                return
            with self._announced(id_):
                if documents.append(name, text, latest.number):
                    return

    def _documents(self, id_: str) -> Documents:
        return Documents(self.store, f"documents/{id_}")

    def put_in_trash(self, id_: str) -> None:
        with self._announced(id_):
            self._documents(id_).replace(REMOVAL_FILE, RemovalRecord.model_validate({}).to_json_text())

    def restore(self, id_: str) -> None:
        with self._announced(id_):
            self._documents(id_).replace(REMOVAL_FILE, None)

    def delete(self, id_: str) -> bool:
        """Its contents stay in the store until they are collected: others may list them."""
        with self._announced(id_):
            was_there = self._manifests.delete(id_)
            self._documents(id_).delete_all()
            self.cache.forget(id_)
        return was_there

    def collect_if_due(self, days: int) -> Freed:
        """Raises as `Collector`."""
        if not self._index.take_turn(COLLECTED, DAY_SECONDS):
            return Freed()
        with cleanup_on_error(self._give_turn_back):
            done = Collector(self.store, timedelta(days=days)).collect()
        return Freed(done.deleted, done.deleted_bytes)

    def _give_turn_back(self) -> None:
        """Whoever comes next tries again, rather than tomorrow."""
        with contextlib.suppress(RoundtripError):
            self._index.give_turn_back(COLLECTED)

    def aliases(self) -> Aliases:
        self.rows.catch_up()
        return self.rows.aliases()

    def change_alias(self, aliases: Aliases, change: AliasChange) -> bool:
        documents, key = Documents(self.store, "aliases"), f"{ALIAS_KEY}{change.alias}"
        latest = documents.latest(change.alias)
        stored = parse_change(change.alias, latest.text)
        with self._announced(key):
            if (stored.artifact if stored else None) != aliases.aliases.get(change.alias):
                return False
            return documents.append(change.alias, change.model_dump_json(), latest.number)

    @contextlib.contextmanager
    def write_lock(self) -> Iterator[None]:
        with lock_home(self._home), self._index.lock_writers():
            yield
