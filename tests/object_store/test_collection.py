"""Contents that no manifest lists are deleted, and never those that somebody needs, whatever is late or killed."""

import hashlib
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from core.errors import Damaged, InputError, StorageFailed, UnreadableRecord
from core.object_store import Contents, Manifest, Manifests, ObjectStore, Putting, open_object_store
from core.object_store.collection import Collection, Collector
from core.object_store.object_store import StoreMarker
from core.object_store.unused_lists import UnusedLists
from tests.factories.aged_store import AgedStore

pytestmark = pytest.mark.trust
WEEK = timedelta(days=7)
USED, UNUSED = b"used", b"no more"


class Writer:
    """A process that stores entries of one file each."""

    def __init__(self, store: ObjectStore, folder: Path):
        self.store, self._folder, self._contents, self._manifests = store, folder, Contents(store), Manifests(store)

    def begin(self, id_: str, data: bytes) -> Callable[[], None]:
        """Put contents, as far as they are not there; returns what puts the manifest."""
        (self._folder / id_).write_bytes(data)
        file = {"path": "model.bin", "bytes": len(data), "sha256": sha256(data)}
        manifest = Manifest.model_validate({"schema": 1, "id": id_, "files": [file]})
        putting = Putting(lambda: self._contents.put_file(self._folder / id_, sha256(data), lambda count: None))

        def end() -> None:
            putting.renew()
            assert self._manifests.put(manifest) == "written"
            putting.renew()

        return end

    def save(self, id_: str, data: bytes) -> None:
        self.begin(id_, data)()

    def delete(self, id_: str) -> None:
        assert self._manifests.delete(id_)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def aged(object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> AgedStore:
    """A store of ours, whose clock can be set."""
    object_store.claim()
    return AgedStore(object_store, monkeypatch)


@pytest.fixture
def writer(aged: AgedStore, tmp_path: Path) -> Writer:
    """A process that stored an entry yesterday, and another one that was deleted for good."""
    (tmp_path / "files").mkdir()
    writer = Writer(aged.store, tmp_path / "files")
    writer.save("a0000000001", USED)
    writer.save("a0000000002", UNUSED)
    writer.delete("a0000000002")
    aged.grow_older(1)
    return writer


def collect(store: ObjectStore, wait: timedelta = WEEK) -> Collection:
    return Collector(store, wait).collect()


def assert_whole(store: ObjectStore) -> None:
    """Every entry has all of its contents."""
    for id_ in Manifests(store).ids():
        for file in Manifests(store).read(id_).files:
            Contents(store).verify(file.sha256, lambda count: None)
            assert Contents(store).has_size(file.sha256, file.bytes)


def list_contents(store: ObjectStore) -> list[str]:
    return store.list_keys("contents")


def test_unused_contents_are_listed_and_deleted_after_their_time(aged, writer):
    kept, unused = (Contents(aged.store).key(sha256(data)) for data in (USED, UNUSED))
    assert collect(aged.store) == Collection(0, 0, 1, len(UNUSED), 0, 0, days=7, is_done=True)
    aged.grow_older(6.9)
    assert collect(aged.store) == Collection(0, 0, 0, 0, 1, len(UNUSED), days=7, is_done=True)
    assert list_contents(aged.store) == sorted([kept, unused])
    aged.grow_older(0.2)
    assert collect(aged.store) == Collection(1, len(UNUSED), 0, 0, 0, 0, days=7, is_done=True)
    assert list_contents(aged.store) == [kept]
    keys = aged.store.list_keys("")
    assert collect(aged.store) == Collection(0, 0, 0, 0, 0, 0, days=7, is_done=True)
    assert aged.store.list_keys("") == keys


def test_preview_says_what_is_done_and_changes_nothing(aged, writer):
    for days in (0, 8):
        aged.grow_older(days)
        keys = aged.store.list_keys("")
        preview = Collector(aged.store, WEEK).preview()
        assert (aged.store.list_keys(""), preview.is_done) == (keys, False)
        assert collect(aged.store) == preview._replace(is_done=True)
    assert preview.deleted == 1


def test_what_is_no_contents_of_ours_stays(aged, writer):
    others = ["contents/readme", "contents/ab/readme", f"contents/ab/{'cd' * 32}", "given/j0000000001/ab/x"]
    for key in others:
        aged.store.put_if_absent(key, b"x")
    for _ in range(2):
        collect(aged.store)
        aged.grow_older(8)
    assert all(aged.store.size(key) == 1 for key in others)


def test_contents_that_an_entry_in_the_making_has_put_stay(aged, writer):
    end = writer.begin("a0000000003", b"new")
    again = writer.begin("a0000000004", UNUSED)  # which is there
    collect(aged.store)
    aged.grow_older(0.4)
    end()
    again()
    aged.grow_older(8)
    for _ in range(2):
        collect(aged.store)
        assert_whole(aged.store)


@pytest.mark.parametrize("moment", ["listed", "due", "being deleted", "deleted"])
def test_entry_with_contents_that_are_collected_is_whole(aged, writer, moment, monkeypatch, tmp_path):
    """Also for a process that read the lists before, within the hour that it remembers them."""
    new = Writer(aged.store, tmp_path / "files")
    collect(aged.store)
    if moment != "listed":
        aged.grow_older(8)
    if moment == "being deleted":
        real = ObjectStore.discard

        def discard(store: ObjectStore, key: str) -> None:
            monkeypatch.setattr(ObjectStore, "discard", real)
            new.save("a0000000005", UNUSED)
            real(store, key)

        monkeypatch.setattr(ObjectStore, "discard", discard)
    if moment in ("being deleted", "deleted"):
        assert collect(aged.store).deleted == 1
    if moment != "being deleted":
        new.save("a0000000005", UNUSED)
    for _ in range(3):
        assert_whole(aged.store)
        collect(aged.store)
        aged.grow_older(8)
    assert Contents(aged.store).key(sha256(UNUSED)) + ".1" in list_contents(aged.store)


def test_collector_that_stood_still_deletes_nothing_that_is_used(aged, writer, monkeypatch, tmp_path):
    """What it was about to delete was deleted, stored anew, and used again meanwhile."""
    collect(aged.store)
    aged.grow_older(8)
    real, late = ObjectStore.discard, []
    with monkeypatch.context() as patch:
        patch.setattr(ObjectStore, "discard", lambda store, key: late.append(key))
        collect(aged.store)
    assert collect(aged.store).deleted == 1
    Writer(aged.store, tmp_path / "files").save("a0000000005", UNUSED)
    aged.grow_older(8)
    for key in late:
        real(aged.store, key)
    assert late
    assert_whole(aged.store)


@pytest.mark.parametrize("text", [b"{", b'{"schema": 9}', b'{"schema": 1, "keys": [], "days": 1e99}'])
def test_list_that_cannot_be_read_is_said_and_nothing_is_stored(tmp_path, text):
    store = open_object_store("memory:///")
    store.claim()
    store.put_if_absent("unused/000000001.json", text)
    for act in (lambda: Writer(store, tmp_path).save("a0000000001", USED), lambda: collect(store)):
        with pytest.raises(UnreadableRecord, match="nobody knows on which ones a save may rely") as caught:
            act()
        assert (caught.value.received, bool(caught.value.cure)) == ("unused/000000001.json", True)
    assert store.list_keys("") == ["roundtrip.json", "unused/000000001.json"]
    store.delete("unused/000000001.json")
    Writer(store, tmp_path).save("a0000000001", USED)
    assert_whole(store)


@pytest.mark.parametrize("days", [8, 36, 38, 66, 68])
def test_collector_that_stood_still_for_weeks_deletes_nothing_used(days, tmp_path, monkeypatch):
    """By a list on which contents came that were in use again until so many days later; others collect meanwhile."""
    store = open_object_store("memory:///")
    store.claim()
    aged, (early, late) = AgedStore(store, monkeypatch), (Writer(store, tmp_path) for _ in range(2))
    early.save("a0000000001", UNUSED)  # it remembers for an hour that nothing is listed
    early.delete("a0000000001")
    collect(store)
    early.save("a0000000002", UNUSED)
    assert list_contents(store) == [Contents(store).key(sha256(UNUSED))]
    early.save("a0000000003", USED)
    early.delete("a0000000003")
    collect(store)
    aged.grow_older(days)
    early.delete("a0000000002")
    asked, real = [], ObjectStore.discard
    with monkeypatch.context() as patch:
        patch.setattr(ObjectStore, "discard", lambda store, key: asked.append(key))
        collect(store)
    for _ in range(2):
        collect(store)
        aged.grow_older(29)
    late.save("a0000000004", UNUSED)
    for key in asked:
        if key.startswith("contents/"):
            real(store, key)
    assert_whole(store)


def test_writer_that_stood_still_for_days_stores_a_whole_entry(aged, writer, monkeypatch):
    """Its contents were deleted before its manifest came."""
    end = writer.begin("a0000000005", UNUSED)
    for _ in range(2):
        collect(aged.store)
        aged.grow_older(8)
    assert not Contents(aged.store).has_size(sha256(UNUSED), len(UNUSED))
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 8 * 86_400)
    end()
    assert_whole(aged.store)


def test_contents_that_took_too_long_are_looked_at_again(monkeypatch):
    real, puts = time.monotonic, []

    def put() -> int:
        puts.append(len(puts))
        if len(puts) == 1:
            monkeypatch.setattr(time, "monotonic", lambda: real() + 50_000)
        return len(puts)

    putting = Putting(put)
    putting.renew()
    assert (puts, putting.result) == ([0, 1], 2)


@pytest.mark.parametrize("text", [b"{", b'{"schema": 9}', b'{"schema": 1, "id": "s0123456789", "files": []}'])
def test_entry_that_cannot_be_read_keeps_all_contents(aged, writer, text):
    collect(aged.store)
    aged.grow_older(8)
    aged.store.put_if_absent("entries/s0123456789.json", text)
    before = list_contents(aged.store)
    for act in (collect, lambda store: Collector(store, WEEK).preview()):
        with pytest.raises(UnreadableRecord, match="nobody knows which contents it lists") as caught:
            act(aged.store)
        assert (caught.value.received, bool(caught.value.cure)) == ("entries/s0123456789.json", True)
    assert list_contents(aged.store) == before


@pytest.mark.parametrize("moment", ["before", "between"])
def test_store_that_is_another_one_keeps_all_contents(aged, writer, monkeypatch, moment):
    """As a folder that is not mounted any more, in which there seem to be no entries."""
    collect(aged.store)
    aged.grow_older(8)
    before, collector, real = list_contents(aged.store), Collector(aged.store, WEEK), Collector._find_due

    def lose() -> None:
        aged.store.put_stream("roundtrip.json", [StoreMarker.model_validate({"id": "another"}).to_json_text().encode()])

    def find_due(*arguments):
        lose()
        return real(*arguments)

    if moment == "between":
        monkeypatch.setattr(Collector, "_find_due", find_due)
    else:
        lose()
    with pytest.raises(StorageFailed, match="another one lies there now"):
        collector.collect()
    assert list_contents(aged.store) == before


class Killed(BaseException):
    """This process is gone."""


def test_collector_killed_at_each_step_is_followed_by_one_that_ends(aged, writer, monkeypatch):
    for number in range(3):
        writer.save(f"a000000001{number}", bytes([number]) * 9)
        writer.delete(f"a000000001{number}")
    aged.grow_older(1)
    collect(aged.store)
    aged.grow_older(8)
    killed = 0
    for step in range(1, 30):
        calls = []
        with monkeypatch.context() as patch:
            for name in ("put_if_absent", "put_stream", "discard"):
                patch.setattr(ObjectStore, name, die_at(step, calls, getattr(ObjectStore, name)))
            try:
                collect(aged.store)
            except Killed:
                killed += 1
            else:
                break
        assert_whole(aged.store)
    assert killed >= 2
    collect(aged.store)
    assert list_contents(aged.store) == [Contents(aged.store).key(sha256(USED))]


def die_at(step, calls, real):
    def act(*arguments):
        calls.append(arguments)
        if len(calls) >= step:
            raise Killed
        return real(*arguments)

    return act


def test_lists_go_when_they_have_had_their_time_but_for_the_newest(aged, writer, tmp_path):
    collect(aged.store)
    aged.grow_older(8)
    collect(aged.store)
    assert aged.store.list_keys("unused") == ["unused/000000001.json", "unused/000000002.json"]
    aged.grow_older(58)
    collect(aged.store)
    assert aged.store.list_keys("unused") == ["unused/000000001.json", "unused/000000002.json"]
    aged.grow_older(2)
    for _ in range(2):
        collect(aged.store)
    assert aged.store.list_keys("unused") == ["unused/000000002.json", "unused/000000003.json"]
    aged.grow_older(68)
    collect(aged.store)
    assert aged.store.list_keys("unused") == ["unused/000000003.json", "unused/000000004.json"]
    Writer(aged.store, tmp_path / "files").save("a0000000005", UNUSED)
    assert_whole(aged.store)


def test_list_stays_for_the_time_of_who_put_it(aged, writer):
    collect(aged.store, timedelta(days=40))
    aged.grow_older(31.5)
    for _ in range(2):
        collect(aged.store, timedelta(days=40))
        assert collect(aged.store, timedelta(days=1)).waiting == 0
    assert "unused/000000001.json" in aged.store.list_keys("unused")
    aged.grow_older(67.5)
    collect(aged.store, timedelta(days=1))
    assert "unused/000000001.json" in aged.store.list_keys("unused")
    aged.grow_older(2)
    collect(aged.store, timedelta(days=1))
    assert "unused/000000001.json" not in aged.store.list_keys("unused")


def test_contents_damaged_under_one_key_are_read_from_another(aged, writer, tmp_path):
    collect(aged.store)
    Writer(aged.store, tmp_path / "files").save("a0000000005", UNUSED)
    contents, first = Contents(aged.store), Contents(aged.store).key(sha256(UNUSED))
    assert set(list_contents(aged.store)) > {first, f"{first}.1"}
    for damage in (b"other!!", b"longer than it was"):
        aged.store.put_stream(first, [damage])
        contents.fetch_file(sha256(UNUSED), tmp_path / damage.decode(), lambda count: None)
        assert (tmp_path / damage.decode()).read_bytes() == UNUSED
        parts = [sha256(USED), sha256(UNUSED), sha256(USED)]
        joined = tmp_path / f"joined {damage.decode()}"
        contents.fetch_joined(parts, sha256(USED + UNUSED + USED), joined, lambda count: None)
        assert joined.read_bytes() == USED + UNUSED + USED
        contents.verify(sha256(UNUSED), lambda count: None)
    aged.store.put_stream(f"{first}.1", [b"damaged"])
    with pytest.raises(Damaged, match="not those that were recorded"):
        contents.verify(sha256(UNUSED), lambda count: None)


def test_contents_copied_within_the_store_rely_on_no_list(aged, writer):
    collect(aged.store)
    aged.store.put_if_absent("given/part", UNUSED)
    contents = Contents(aged.store)
    assert contents.copy_in("given/part", sha256(UNUSED))
    assert f"{contents.key(sha256(UNUSED))}.1" in list_contents(aged.store)


def test_two_collectors_at_once_delete_the_same(aged, writer, monkeypatch):
    collect(aged.store)
    aged.grow_older(8)
    writer.save("a0000000003", b"another")
    writer.delete("a0000000003")
    real, inner = UnusedLists.add, []

    def add(lists, keys, wait, after):
        if not inner:
            inner.append(None)
            inner[0] = collect(aged.store)
        return real(lists, keys, wait, after)

    monkeypatch.setattr(UnusedLists, "add", add)
    outer = collect(aged.store)
    assert (outer.deleted, inner[0].deleted) == (1, 1)
    assert (outer.listed, inner[0].listed, outer.waiting, inner[0].waiting) == (0, 1, 0, 0)
    assert len(aged.store.list_keys("unused")) == 2
    assert_whole(aged.store)


def test_collected_store_is_refused_by_versions_that_know_of_none(aged, writer, monkeypatch):
    identity = aged.store.identify()
    Collector(aged.store, WEEK).preview()
    assert StoreMarker.parse(aged.store.get("roundtrip.json"), "").schema_ == 1
    collect(aged.store)
    assert aged.store.identify() == identity
    monkeypatch.setattr(StoreMarker, "newest_schema", 1)
    with pytest.raises(UnreadableRecord, match="has schema 2, and this version of Roundtrip reads schema 1"):
        aged.store.require_marker()


def test_shorter_time_than_a_day_is_refused(aged):
    with pytest.raises(InputError, match="cannot be deleted so soon"):
        Collector(aged.store, timedelta(hours=23))
