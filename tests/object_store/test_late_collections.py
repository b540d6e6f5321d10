"""Collections that stand still, and contents that lie under several keys."""

import pytest

from core.errors import StorageFailed
from core.object_store import Contents, ObjectStore, open_object_store
from core.object_store.collection import Collector
from core.object_store.unused_lists import UnusedLists
from tests.factories.aged_store import AgedStore
from tests.factories.store_writers import WEEK, Writer, pass_hours, sha256

pytestmark = pytest.mark.trust


@pytest.fixture
def store() -> ObjectStore:
    """An empty store of ours."""
    store = open_object_store("memory:///")
    store.claim()
    return store


@pytest.mark.parametrize("method", ["announce_collections", "require_identified", "discard"])
@pytest.mark.parametrize("hours", [25, 23])
def test_collection_that_took_more_than_a_day_is_ended(store, tmp_path, monkeypatch, method, hours):
    """Wherever it stood still: before it lists what is unused, before it deletes, and between two batches."""
    aged, writer = AgedStore(store, monkeypatch), Writer(store, tmp_path)
    monkeypatch.setattr("core.object_store.collection.DELETED_AT_ONCE", 1)
    for number in range(4):
        if number == 3:
            Collector(store, WEEK).collect()
            aged.grow_older(8)
        writer.save(f"a000000000{number}", b"%d" % number)
        writer.delete(f"a000000000{number}")
    before = (store.list_keys("unused"), store.list_keys("contents"))
    collector, real = Collector(store, WEEK), getattr(ObjectStore, method)

    def stand_still(*arguments: object) -> object:
        monkeypatch.setattr(ObjectStore, method, real)
        pass_hours(monkeypatch, hours)
        return real(*arguments)

    monkeypatch.setattr(ObjectStore, method, stand_still)
    if hours < 24:
        assert collector.collect().deleted == 3
        return
    with pytest.raises(StorageFailed, match="took more than a day") as caught:
        collector.collect()
    assert (caught.value.received, bool(caught.value.cure)) == ("25 hours", True)
    deleted = set(before[1]) - set(store.list_keys("contents"))
    assert len(deleted) == (method == "discard")
    assert (store.list_keys("unused") == before[0]) is (method != "discard")


@pytest.mark.parametrize("damage", [b"damaged and longer", b""])
def test_contents_replaced_beside_damaged_ones_are_not_missing(store, tmp_path, damage):
    """Those that a collection may delete stay as they are."""
    path, contents = tmp_path / "file", Contents(store)
    path.write_bytes(b"whole")
    key, hashed = contents.key(sha256(b"whole")), sha256(b"whole")
    assert not contents.has_size(hashed, 5)
    store.put_stream(key, [damage])
    assert not contents.has_size(hashed, 5)
    assert UnusedLists(store).add([key], WEEK, after=[])
    Contents(store).replace_file(path, hashed)
    assert store.list_keys("contents") == [key, f"{key}.1"]
    assert contents.has_size(hashed, 5)
    assert not contents.has_size(hashed, 6)
