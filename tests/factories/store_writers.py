"""Processes that store entries of one file each, and what is asked of a store when its contents were collected."""

import hashlib
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from core.object_store import Contents, Manifest, Manifests, ObjectStore, Putting
from core.object_store.collection import Collection, Collector

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


def pass_hours(patch: pytest.MonkeyPatch, hours: float) -> None:
    """Have this process believe that it is so much later."""
    real = time.time
    patch.setattr(time, "time", lambda: real() + hours * 3600)
