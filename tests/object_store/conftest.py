"""Stores of every kind that a machine has by itself: in memory, in a folder, and on servers for S3 and for Azure."""

from pathlib import Path

import pytest

from core.object_store import ObjectStore, open_object_store
from tests.factories.aged_store import AgedStore
from tests.factories.store_writers import UNUSED, USED, Writer

KINDS = ("memory", "folder", "s3", pytest.param("azure", marks=pytest.mark.long))


@pytest.fixture(params=KINDS)
def object_store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    """An empty store."""
    if make := {"s3": "make_bucket", "azure": "make_container"}.get(request.param):
        return open_object_store(request.getfixturevalue(make)())
    return open_object_store(
        "memory:///" if request.param == "memory" else f"file://{tmp_path}/a%20store", makes_folder=True
    )


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
