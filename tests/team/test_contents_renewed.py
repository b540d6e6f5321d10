"""An entry whose contents may be gone, and cannot be put once more, is withdrawn by whoever put it."""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import Cancelled, StorageFailed
from core.library import Library
from core.library.shared_entries import Hold
from core.migration import migrate_to_store
from core.object_store import Contents, Manifest, Manifests, ObjectStore
from core.queue import JobFiles
from tests.factories.library_entries import make_artifact, make_imported_artifact, make_run
from tests.team.conftest import MachineOpener

pytestmark = pytest.mark.trust
DAY_SECONDS = 86_400


def assert_whole(store: ObjectStore) -> None:
    for id_ in Manifests(store).ids():
        for file in Manifests(store).read(id_).files:
            Contents(store).verify(file.sha256, lambda count: None)


@pytest.fixture
def here(open_machine: MachineOpener) -> Library:
    """A library of a team with a run."""
    library = open_machine("here")
    make_run(library)
    return library


def stand_still(patch: pytest.MonkeyPatch, store: ObjectStore, kept: list[str]) -> None:
    """Two days pass, contents of the store are deleted, and nobody can put any."""
    real_time = time.time
    patch.setattr(time, "time", lambda: real_time() + 2 * DAY_SECONDS)
    patch.setattr(Contents, "put_file", refuse)
    for key in store.list_keys("contents"):
        if key not in kept:
            store.discard(key)


def refuse(*arguments: object) -> bool:
    raise StorageFailed("The store did not answer.")


def fail_to_put(monkeypatch: pytest.MonkeyPatch, here: Library, act: Callable[[], object], is_answered: bool) -> None:
    """Stand still when the first manifest was put; its answer may be lost."""
    store, real, stood = here.entries.store, Manifests.put, list[str]()
    kept = store.list_keys("contents")

    def put(manifests: Manifests, manifest: Manifest) -> str:
        state = real(manifests, manifest)
        stand_still(patch, store, kept)
        stood.append(manifest.id)
        return state if is_answered else str(refuse())

    with monkeypatch.context() as patch:
        patch.setattr(Manifests, "put", put)
        with contextlib.suppress(StorageFailed):
            act()
    assert stood


@pytest.fixture(params=["save", "import", "job", "migrate"])
def put_entries(request: pytest.FixtureRequest, here: Library, tmp_path: Path) -> Callable[[], object]:
    """A function that puts entries into the store of a team in one of the ways that there are."""
    made = tmp_path / "made"
    made.mkdir()
    (made / "answers.npy").write_bytes(b"numbers")
    local = Library(tmp_path / "local")
    make_run(local)
    ways: dict[str, Callable[[], object]] = {
        "save": lambda: make_artifact(here, here.runs()[0], content=b"new"),
        "import": lambda: make_imported_artifact(here, content=b"new"),
        "job": lambda: JobFiles(here.entries.store).put_made(made, {}),
        "migrate": lambda: migrate_to_store(local, here.entries.store),
    }
    return ways[request.param]


@pytest.mark.parametrize("is_answered", [True, False])
def test_entries_that_cannot_be_renewed_are_withdrawn(here, put_entries, monkeypatch, is_answered):
    """What is put again then is whole."""
    store = here.entries.store
    before = Manifests(store).ids()
    fail_to_put(monkeypatch, here, put_entries, is_answered)
    assert Manifests(store).ids() == before
    put_entries()
    assert len(Manifests(store).ids()) > len(before)
    assert_whole(store)


def test_entry_of_a_job_that_another_does_now_stays(here, monkeypatch):
    """It has put the contents itself, and may count on the entry."""

    class LostHold(Hold):
        def require(self) -> None:
            if time.time() - began > DAY_SECONDS:
                raise Cancelled("Another worker has this job.")

    began = time.time()
    late = here.with_fence(lambda: contextlib.nullcontext(LostHold()))
    before = Manifests(here.entries.store).ids()
    fail_to_put(monkeypatch, here, lambda: make_artifact(late, here.runs()[0], content=b"new"), True)
    assert len(Manifests(here.entries.store).ids()) == len(before) + 1
