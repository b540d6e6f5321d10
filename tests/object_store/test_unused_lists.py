"""Lists of unused contents: who reads which of them, how long they stay, and one that is put in place of another."""

import itertools
from datetime import timedelta

import pytest

from core.errors import UnreadableRecord
from core.object_store import Contents, ObjectStore, open_object_store
from core.object_store.unused_lists import UnusedLists
from tests.factories.store_writers import (
    UNUSED,
    USED,
    WEEK,
    Writer,
    assert_whole,
    collect,
    list_contents,
    pass_hours,
    sha256,
)

pytestmark = pytest.mark.trust


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


def test_list_that_was_replaced_under_its_number_is_read_anew(tmp_path, monkeypatch):
    store = open_object_store("memory:///")
    store.claim()
    contents = Contents(store)
    first, second = (contents.key(sha256(data)) for data in (b"first", b"second"))
    assert UnusedLists(store).add([first], WEEK, after=[])
    writer = Writer(store, tmp_path)
    writer.save("a0000000001", b"first")
    store.discard("unused/000000001.json")
    assert UnusedLists(store).add([second, f"{second}.1"], WEEK, after=[])
    pass_hours(monkeypatch, 2)
    writer.save("a0000000002", b"second")
    assert store.list_keys("contents") == sorted([f"{first}.1", f"{second}.2"])


def test_list_that_is_replaced_within_a_second_is_read_anew(object_store: ObjectStore):
    """The clock of a bucket says no more than seconds, and both lists have one size."""
    lists, seconds = UnusedLists(object_store), (0, 1)
    for number in itertools.count(10):
        if len(set(seconds)) == 1:
            break
        before, after = f"contents/{number}", f"contents/{number + 1}"
        assert lists.add([before], WEEK, after=[])
        (first,) = lists.read()
        object_store.discard(first.key)
        assert lists.add([after], WEEK, after=[])
        (second,) = lists.read()
        object_store.discard(second.key)
        seconds = int(first.written.timestamp()), int(second.written.timestamp())
        assert (first.keys, second.keys) == ({before}, {after})
