"""Writers, deletions and collectors that stop anywhere and for weeks: all that an entry lists is there at each moment.

Each collector is a thread that does its next request to the store only when it is told to.
"""

import math
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from core.object_store import Contents, open_object_store
from core.object_store import collection as collections
from core.object_store.collection import KEEP_LISTS, USE_LISTS, Collector
from tests.factories.aged_store import AgedStore
from tests.factories.store_writers import Writer, sha256
from tests.object_store.test_collection import Killed
from tests.parameter_pairs import SEED
from tests.state_machines import run_state_machine

pytestmark = pytest.mark.trust
PROCESSES, DATA = st.integers(0, 1), st.sampled_from([b"a", b"b"])
REQUESTS = ("get", "put_if_absent", "put_stream", "list_keys", "iterate_objects", "discard")
STILL_DAYS = (KEEP_LISTS - USE_LISTS).days - 1  # that a collector may stand still


class SteppedStore:
    """A store that waits before each request."""

    def __init__(self, store: Any, wait: Callable[[], None]):
        self._store, self._wait = store, wait

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._store, name)
        return self._after_wait(real) if name in REQUESTS else real

    def _after_wait(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def request(*arguments: Any) -> Any:
            self._wait()
            result = real(*arguments)
            return list(result) if real.__name__ == "<lambda>" else result  # as it is now, not when it is read

        return request


class SteppedCollector:
    """A collection that does its next request to the store, and stands still again, at each `step`."""

    def __init__(self, store: Any, days: int):
        self._turn, self._stands = threading.Semaphore(0), threading.Semaphore(0)
        self._store, self._wait = SteppedStore(store, self._stand_still), timedelta(days=days)
        self._is_killed, self.days = False, 0.0
        self._pool = ThreadPoolExecutor(1)
        self._collected = self._pool.submit(lambda: Collector(self._store, self._wait).collect())
        self._collected.add_done_callback(lambda _: self._stands.release())
        self._stands.acquire()

    @property
    def is_over(self) -> bool:
        return self._collected.done()

    def _stand_still(self) -> None:
        self._stands.release()
        self._turn.acquire()
        if self._is_killed:
            raise Killed

    def step(self) -> None:
        self._turn.release()
        self._stands.acquire()
        if self.is_over and not self._is_killed:
            self._collected.result()

    def finish(self) -> None:
        while not self.is_over:
            self.step()
        self._pool.shutdown()

    def kill(self) -> None:
        self._is_killed = True
        self.finish()


class CollectedStore(RuleBasedStateMachine):
    """Two processes that store and delete entries of one file, and up to two collectors, over one store."""

    def __init__(self):
        super().__init__()
        self.patch, self.folder = pytest.MonkeyPatch(), tempfile.TemporaryDirectory()
        self.store = open_object_store("memory:///")
        self.store.claim()
        self.aged = AgedStore(self.store, self.patch)
        self.real_time, self.seconds = time.time, 0.0
        self.patch.setattr(time, "time", lambda: self.real_time() + self.seconds)
        self.patch.setattr(collections, "READERS", 1)
        # What a collection asked for in a batch may be done as late as this, whenever it looks at the time.
        self.patch.setattr(collections, "MAX_SECONDS", math.inf)
        self.writers = [self.open_writer() for _ in range(2)]
        self.entries: dict[str, bytes] = {}
        self.begun: list[tuple[str, bytes, Callable[[], None]]] = []
        self.collectors: list[SteppedCollector] = []
        self.number = 0

    def open_writer(self) -> Writer:
        return Writer(self.store, Path(self.folder.name))

    def teardown(self):
        for collector in self.collectors:
            collector.kill()
        self.patch.undo()
        self.folder.cleanup()

    @rule(at=PROCESSES, data=DATA)
    def begin(self, at: int, data: bytes) -> None:
        self.number += 1
        id_ = f"a{self.number:010}"
        self.begun.append((id_, data, self.writers[at].begin(id_, data)))

    @precondition(lambda self: self.begun)
    @rule()
    def end(self) -> None:
        id_, data, end = self.begun.pop(0)
        end()
        self.entries[id_] = data

    @rule(at=PROCESSES, data=DATA)
    def save(self, at: int, data: bytes) -> None:
        self.begin(at, data)
        self.begun.insert(0, self.begun.pop())
        self.end()

    @rule(at=PROCESSES)
    def start_anew(self, at: int) -> None:
        self.writers[at] = self.open_writer()

    @rule(data=DATA)
    def delete_all_of(self, data: bytes) -> None:
        for id_ in [id_ for id_, each in self.entries.items() if each == data]:
            self.writers[0].delete(id_)
            del self.entries[id_]

    @precondition(lambda self: len(self.collectors) < 2)
    @rule(days=st.sampled_from([1, 7, 40]), steps=st.integers(1, 20))
    def start_collector(self, days: int, steps: int) -> None:
        self.collectors.append(SteppedCollector(self.store, days))
        self.step_collector(steps)

    @rule(days=st.sampled_from([1, 7]))
    def collect(self, days: int) -> None:
        Collector(self.store, timedelta(days=days)).collect()

    @precondition(lambda self: self.collectors)
    @rule(steps=st.integers(1, 20))
    def step_collector(self, steps: int) -> None:
        collector = self.collectors.pop(0)
        for _ in range(steps):
            if not collector.is_over:
                collector.step()
        if not collector.is_over:
            self.collectors.append(collector)

    @precondition(lambda self: self.collectors)
    @rule()
    def finish_collector(self) -> None:
        self.collectors.pop(0).finish()

    @rule(days=st.sampled_from([0.03, 0.4, 1.1, 8, 22, 29, 32, 61]))
    def pass_days(self, days: float) -> None:
        self.aged.grow_older(days)
        self.seconds += days * 86_400
        for collector in self.collectors:
            collector.days += days
            if collector.days > STILL_DAYS:
                collector.kill()
        self.collectors = [each for each in self.collectors if not each.is_over]

    @invariant()
    def every_entry_has_its_contents(self) -> None:
        for data in {*self.entries.values()}:
            Contents(self.store).verify(sha256(data), lambda count: None)


def test_entries_have_their_contents_whoever_stops_where():
    run_state_machine(CollectedStore, 10, 30, SEED)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_entries_have_their_contents_in_many_orders():
    run_state_machine(CollectedStore, 1500, 50, SEED)
