"""Contents that no manifest lists are deleted, and never those that somebody needs, whatever is late or killed."""

import time
from datetime import timedelta

import pytest

from core.errors import Damaged, InputError, StorageFailed, UnreadableRecord
from core.object_store import Contents, ObjectStore, Putting, open_object_store
from core.object_store.collection import Collection, Collector
from core.object_store.object_store import StoreMarker
from tests.factories.aged_store import AgedStore
from tests.factories.store_writers import UNUSED, USED, WEEK, Writer, assert_whole, collect, list_contents, sha256

pytestmark = pytest.mark.trust


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
