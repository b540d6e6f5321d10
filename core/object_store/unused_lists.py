"""`UnusedLists`: which contents of a store no manifest listed, as `core.object_store.collection` noted it.

Whoever stores an entry relies on no object of such a list: equal bytes go under the next key that is on none. So an
object that was on a list for long enough, and is still listed by no manifest, can be deleted at any time.
"""

import itertools
import re
import threading
from datetime import datetime, timedelta
from typing import NamedTuple

from pydantic import Field

from core.errors import UnreadableRecord
from core.object_store.object_store import ObjectStore, StoredObject
from core.object_store.put_in_time import Stopwatch
from core.record import Record
from core.settings import MAX_DAYS

FOLDER = "unused"
KEY = re.compile(r"unused/(\d{9})\.json")
MAX_AGE_SECONDS = 3600.0  # of what a process has read: lists that came since are not known to it


class UnusedRecord(Record):
    """The keys of contents that no manifest listed when this was put, and for how many days they are to wait at least
    by who put it."""

    keys: list[str]
    days: float = Field(0.0, ge=0, le=MAX_DAYS)


class UnusedList(NamedTuple):
    """One list, by its key in the store, and when it was put, by the store's clock; `wait` is that of who put it."""

    key: str
    written: datetime
    keys: frozenset[str]
    wait: timedelta


class UnusedLists:
    """The lists of one store. Threads may share it. Each method raises StorageFailed, and UnreadableRecord for a list
    that is none of ours."""

    def __init__(self, store: ObjectStore):
        self._store = store
        self._lock = threading.Lock()
        # Of lists, each as it lies there: under one number another may be put, once that one was moved out.
        self._known: dict[StoredObject, tuple[frozenset[str], timedelta]] = {}
        self._keys: frozenset[str] = frozenset()
        self._since_read: Stopwatch | None = None

    def read(self) -> list[UnusedList]:
        """Return all lists as they are now, the oldest first."""
        objects = sorted(each for each in self._store.iterate_objects(FOLDER) if KEY.fullmatch(each.key))
        known = {each: self._known.get(each) or self._read_list(each.key) for each in objects}
        self._known = known
        return [UnusedList(each.key, each.written, *known[each]) for each in objects]

    def _read_list(self, key: str) -> tuple[frozenset[str], timedelta]:
        data = self._store.get(key)
        if data is None:  # another collection deleted it just now
            return frozenset(), timedelta()
        try:
            record = UnusedRecord.parse(data, key)
        except UnreadableRecord as error:
            raise UnreadableRecord(
                "A list of unused contents of the store cannot be read, so nobody knows on which ones a save may rely.",
                received=key,
                cure="If a newer version of Roundtrip wrote it, use that one; else let no collection run "
                "(ROUNDTRIP_UNUSED_DAYS=0), and move it out of the store.",
            ) from error
        return frozenset(record.keys), timedelta(days=record.days)

    def add(self, keys: list[str], wait: timedelta, after: list[UnusedList]) -> bool:
        """Put the list that follows others; False where another process put one first."""
        number = int(KEY.sub(r"\1", after[-1].key)) + 1 if after else 1
        record = UnusedRecord.model_validate({"schema": 1, "keys": keys, "days": wait / timedelta(days=1)})
        return self._store.put_if_absent(f"{FOLDER}/{number:09}.json", record.to_json_text().encode())

    def choose_key(self, key: str) -> str:
        """Return a key of contents, or what follows it, that was on no list an hour ago or later."""
        listed = self._listed_keys()
        keys = itertools.chain([key], (f"{key}.{number}" for number in itertools.count(1)))
        return next(each for each in keys if each not in listed)

    def _listed_keys(self) -> frozenset[str]:
        with self._lock:
            if self._since_read is None or self._since_read.seconds > MAX_AGE_SECONDS:
                stopwatch = Stopwatch()
                self._keys = frozenset[str]().union(*(each.keys for each in self.read()))
                self._since_read = stopwatch
            return self._keys
