"""The cache of a team's library in each home: what is damaged there, what it evicts, and where it is full."""

import errno
import os
import time
from pathlib import Path

import pytest

from core.errors import StorageFailed
from core.library.storage import size_on_disk
from core.object_store import Contents
from core.object_store.entry_cache import IN_USE_SECONDS, EntryCache
from tests.factories.library_entries import make_artifact, make_run
from tests.helpers import wait_until
from tests.team.conftest import MachineOpener


def test_damaged_cache_is_fetched_again(open_machine: MachineOpener):
    here = open_machine("here")
    artifact = make_artifact(here, make_run(here))
    (here.folder(artifact.id) / "files" / "model.bin").write_bytes(b"9")
    assert (here.verified_folder(artifact.id) / "model.bin").read_bytes() == b"0123456789"
    (here.folder(artifact.id) / "files" / "variables" / "data").unlink()
    assert here.verified_file(artifact.id, "variables/data").bytes == 20
    (here.folder(artifact.run) / "reference.npz").write_bytes(b"")
    assert here.reference(artifact.run).rows == 4


def test_cache_evicts_what_was_unused_longest(open_machine: MachineOpener):
    here = open_machine("here")
    run = make_run(here)
    old, new, used = (make_artifact(here, run, content=os.urandom(1000)) for _ in range(3))
    unshared = here.home / "artifacts" / "a0000000000"
    unshared.mkdir()
    now = time.time()
    for artifact, age in ((old, 3 * IN_USE_SECONDS), (new, 2 * IN_USE_SECONDS), (used, 10)):
        os.utime(here.home / "cache" / "store" / f"{artifact.id}.json", (now - age, now - age))
    assert here.entries.cache.evict(10**9) == []
    total = sum(size_on_disk(here.home / folder) for folder in ("runs", "artifacts"))
    assert here.entries.cache.evict(total - 1000) == [old.id]
    assert here.entries.cache.evict(0) == [new.id]
    assert [(here.home / "artifacts" / id_).is_dir() for id_ in (old.id, new.id, used.id, "a0000000000")] == [
        False,
        False,
        True,
        True,
    ]
    for artifact in (old, new, used):
        here.verify(artifact.id)


def test_cache_over_its_limit_evicts_by_itself(open_machine: MachineOpener):
    here, there = open_machine("here"), open_machine("there", cache_gb=1e-6)  # 1 kB
    run = make_run(here)
    old, new = (make_artifact(here, run, content=os.urandom(1000)) for _ in range(2))
    there.verify(old.id)
    os.utime(there.home / "cache" / "store" / f"{old.id}.json", (0, 0))
    wait_until(lambda: not there.entries.cache.is_measuring)
    there.verify(new.id)
    wait_until(lambda: not there.folder(new.id).parent.joinpath(old.id).exists())
    assert (there.folder(new.id) / "files").is_dir()
    there.verify(old.id)


def test_full_disk_makes_room_once_and_is_said_then(open_machine: MachineOpener, monkeypatch: pytest.MonkeyPatch):
    here, there = open_machine("here"), open_machine("there")
    artifact = make_artifact(here, make_run(here))
    there.folder(artifact.id)
    made_room: list[float] = []
    real = Contents.fetch_file

    def fetch(self, sha256: str, target: Path, on_bytes) -> None:
        if not made_room:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(self, sha256, target, on_bytes)

    monkeypatch.setattr(Contents, "fetch_file", fetch)
    with pytest.raises(StorageFailed, match="full"):
        there.verified_folder(artifact.id)
    assert not (there.folder(artifact.id) / "files").exists()
    monkeypatch.setattr(EntryCache, "evict", lambda self, max_bytes: made_room.append(max_bytes) or ["a0000000000"])
    there.verify(artifact.id)
    assert made_room == [0]


def test_cache_keeps_what_a_load_is_about_to_use(open_machine: MachineOpener):
    here = open_machine()
    artifact = make_artifact(here, make_run(here))
    manifest = here.home / "cache" / "store" / f"{artifact.id}.json"
    here.artifact(artifact.id)
    os.utime(manifest, (0, 0))
    here.verified_folder(artifact.id)
    assert time.time() - manifest.stat().st_mtime < IN_USE_SECONDS
    assert artifact.id not in here.entries.cache.evict(0)
