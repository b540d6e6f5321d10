"""`Collector`: deletes contents of a store that no manifest lists any more, as of entries that were deleted for good.

Somebody may have put contents, or seen that equal ones are there, and not have put the manifest yet. So contents are
deleted in two steps, days apart: first their keys are put on a list, and from then on whoever stores an entry relies on
other ones (`core.object_store.unused_lists`). What is on a list for longer than anybody takes from contents to manifest
(`core.object_store.put_in_time`), and is still listed by none, nobody can come to need as long as that list is there.
So a list is kept for a month after the last day on which anything is deleted by it: a collector may stand still for so
long between the two. Contents that were used all that time, and are not any more, go on another list.
Whether a list is due goes by the store's own clock, from one list to the newest; a writer measures its time by its own
process, and what is listed once more, and what a preview says, goes by the clock of the machine.
"""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from core.errors import InputError, StorageFailed, UnreadableRecord
from core.object_store.contents import FOLDER
from core.object_store.manifests import Manifest
from core.object_store.object_store import ObjectStore, StoredObject
from core.object_store.put_in_time import Stopwatch
from core.object_store.unused_lists import UnusedList, UnusedLists

KEY = re.compile(rf"{FOLDER}/([0-9a-f]{{2}})/(\1[0-9a-f]{{62}})(\.\d+)?")
MIN_WAIT = timedelta(days=1)
# After the time that who put a list wanted to wait, which is the same for all: until when others delete by it, and
# until when it is there. What lies between is the time for which a collector may stand still.
USE_LISTS = timedelta(days=30)
KEEP_LISTS = timedelta(days=60)
MAX_LISTED = 100_000  # keys of one list; the rest come on the next one
READERS = 8  # manifests at a time: they wait for the store
DELETED_AT_ONCE = 500  # objects, between two looks at the time, and whether the store is still the same
MAX_SECONDS = 86_400.0  # that a collection may take: far less than it may stand still within one batch
OnProgress = Callable[[float, str], None]


class Collection(NamedTuple):
    """What a collection did, or would do: contents and their bytes.

    `waiting` were listed before, too short a time ago to be deleted; `listed` are listed now.
    """

    deleted: int
    deleted_bytes: int
    listed: int
    listed_bytes: int
    waiting: int
    waiting_bytes: int
    days: float  # that contents wait on a list
    is_done: bool  # rather than previewed


class Collector:
    """Collects the contents of one store.

    Args:
        wait: How long contents are on a list before they are deleted, a day at least.

    Raises InputError for a shorter time, or where there is no store.
    """

    def __init__(self, store: ObjectStore, wait: timedelta, on_progress: OnProgress = lambda share, note: None):
        if wait < MIN_WAIT:
            cure = "Give 1 day or more: who stores an entry may take so long from its files to its record."
            raise InputError("Contents cannot be deleted so soon.", received=f"{wait / MIN_WAIT:g} days", cure=cure)
        store.identify()
        self._store, self._wait, self._on_progress = store, wait, on_progress
        self._lists = UnusedLists(store)
        self._read_entries: set[str] = set()  # keys of manifests that were read
        self._used: set[str] = set()  # hashes that they list
        self._stopwatch = Stopwatch()

    def preview(self) -> Collection:
        """Return what `collect` would do now, by this machine's clock. Raises as `collect`."""
        lists, unused, now = self._lists.read(), self._find_unused(), datetime.now(UTC)
        due, listed = self._find_due(unused, lists, now), _find_unlisted(unused, lists, now)
        return self._summarize(unused, lists, due, listed, is_done=False)

    def collect(self) -> Collection:
        """List what is unused, and delete what was listed long ago and still is. Stopped, it can be begun again.

        Raises UnreadableRecord where a manifest cannot be read, for nobody knows what it lists, and nothing is deleted
        then; StorageFailed, also where a day has passed since it began.
        """
        self._stopwatch = Stopwatch()
        lists, unused = self._lists.read(), self._find_unused()
        if not unused and not self._find_old_lists(lists, datetime.now(UTC)):
            return self._summarize(unused, lists, [], [], is_done=True)
        self._store.announce_collections()
        listed = _find_unlisted(unused, lists, datetime.now(UTC))
        self._require_time()
        if not self._lists.add([each.key for each in listed], self._wait, after=lists):
            listed = []  # another collector was faster
        now = max(each.written for each in self._lists.read())  # whoever put the last one
        self._read_new_manifests()  # of those who knew nothing of the lists that are due now, all have come
        due = [each for each in self._find_due(unused, lists, now) if _hash_of(each.key) not in self._used]
        self._delete(due)
        for each in self._find_old_lists(lists, now):
            self._store.discard(each.key)
        return self._summarize(unused, lists, due, listed, is_done=True)

    def _find_unused(self) -> list[StoredObject]:
        """The contents that no manifest lists. Raises UnreadableRecord."""
        self._read_new_manifests()
        stored = (each for each in self._store.iterate_objects(FOLDER) if KEY.fullmatch(each.key))
        return sorted(each for each in stored if _hash_of(each.key) not in self._used)

    def _read_new_manifests(self) -> None:
        """Read the manifests that came since the last call, which never change."""
        keys = [key for key in self._store.list_keys("entries") if key.endswith(".json")]
        new = [key for key in keys if key not in self._read_entries]
        self._store.require_identified()  # a folder that is not mounted any more has none
        with ThreadPoolExecutor(READERS) as pool:
            for at, hashes in enumerate(pool.map(self._read_hashes, new)):
                self._on_progress(0.9 * at / len(new), f"{at:,} of {len(new):,} entries")
                self._used |= hashes
        self._read_entries |= {*new}

    def _read_hashes(self, key: str) -> set[str]:
        data = self._store.get(key)
        if data is None:  # deleted for good just now
            return set()
        try:
            return {file.sha256 for file in Manifest.parse(data, key).files}
        except UnreadableRecord as error:
            raise UnreadableRecord(
                "An entry of the store cannot be read, so nobody knows which contents it lists; nothing was deleted.",
                received=key,
                cure="If a newer version of Roundtrip wrote it, collect with that one; else move it out of the store.",
            ) from error

    def _find_due(self, unused: list[StoredObject], lists: list[UnusedList], now: datetime) -> list[StoredObject]:
        """Those that were on a list for long enough, and were not written since."""
        due_lists = [each for each in lists if each.written + self._wait <= now and _is_in_use(each, now)]
        return [each for each in unused if any(_is_noted(each, due) for due in due_lists)]

    def _delete(self, objects: list[StoredObject]) -> None:
        for first in range(0, len(objects), DELETED_AT_ONCE):
            self._on_progress(0.9 + 0.1 * first / len(objects), f"{first:,} of {len(objects):,} contents deleted")
            self._require_time()
            self._store.require_identified()
            with ThreadPoolExecutor(READERS) as pool:
                list(pool.map(self._store.discard, [each.key for each in objects[first : first + DELETED_AT_ONCE]]))

    def _require_time(self) -> None:
        """Raises StorageFailed where what was read is too old to go by."""
        if (seconds := self._stopwatch.seconds) > MAX_SECONDS:
            raise StorageFailed(
                "The collection took more than a day, or stood still, and was ended; the rest stays for now.",
                received=f"{seconds / 3600:.0f} hours",
                cure="Run it again: roundtrip collect. A server does so within a day.",
            )

    def _find_old_lists(self, lists: list[UnusedList], now: datetime) -> list[UnusedList]:
        """Those that have had their time; the newest stays, so that no number is given twice."""
        return [each for each in lists[:-1] if each.written + each.wait + KEEP_LISTS <= now]

    def _summarize(
        self,
        unused: list[StoredObject],
        lists: list[UnusedList],
        due: list[StoredObject],
        listed: list[StoredObject],
        is_done: bool,
    ) -> Collection:
        known = _join_keys(lists)
        waiting = {each for each in unused if each.key in known} - {*due, *listed}
        days = self._wait / timedelta(days=1)
        return Collection(*_measure(due), *_measure(listed), *_measure(waiting), days, is_done)


def _is_in_use(noted: UnusedList, now: datetime) -> bool:
    """Whether anything may still be deleted by a list."""
    return now < noted.written + noted.wait + USE_LISTS


def _is_noted(content: StoredObject, noted: UnusedList) -> bool:
    return content.key in noted.keys and content.written < noted.written


def _find_unlisted(unused: list[StoredObject], lists: list[UnusedList], now: datetime) -> list[StoredObject]:
    """Those that are on no list yet by which they will be deleted, as many as go on one."""
    used = [each for each in lists if _is_in_use(each, now)]
    return [each for each in unused if not any(_is_noted(each, noted) for noted in used)][:MAX_LISTED]


def _join_keys(lists: list[UnusedList]) -> frozenset[str]:
    return frozenset[str]().union(*(each.keys for each in lists))


def _measure(objects: set[StoredObject] | list[StoredObject]) -> tuple[int, int]:
    """How many they are, and their bytes."""
    return len(objects), sum(each.size for each in objects)


def _hash_of(key: str) -> str:
    """The SHA-256 in a key of contents."""
    return key.rpartition("/")[2][:64]
