"""A team's library on two machines compared with a dictionary: whatever is done on which, and whatever is lost."""

import shutil
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from core.health import rebuild_catalog, repair_library
from core.health.repairs import find_catalog_differences
from core.library import Library
from core.object_store import Manifests, collection, store_rows, unused_lists
from core.object_store.entry_cache import EntryCache
from core.object_store.store_rows import StoreRows
from core.object_store.team_library import open_library
from core.settings import Settings
from tests.factories.library_entries import make_artifact, make_imported_artifact, make_run
from tests.helpers import close_catalog
from tests.state_machines import run_state_machine
from tests.team.test_team_faults import Killed

pytestmark = pytest.mark.trust
MACHINES = st.sampled_from([0, 1])
# At each of these calls of a commit the process is gone: whether the run and its copy are there.
CRASHES = {(Manifests, "put", 1): False, (Manifests, "put", 2): False, (EntryCache, "adopt", 1): True}
CRASHES |= {(EntryCache, "adopt", 2): True, (StoreRows, "settle", 1): True}


class ExpectedArtifact:
    """What the dictionary knows of an artifact."""

    def __init__(self, run: str, content: bytes):
        self.run, self.content = run, content
        self.tags: set[str] = set()
        self.removed = False


class TeamMachine(RuleBasedStateMachine):
    """Rules are what people and accidents do; `self.known` is what must be there afterwards, on every machine."""

    artifacts = Bundle("artifacts")
    make_database: Callable[[], str]
    disk: Path

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(dir=TeamMachine.disk))
        (self.folder / "store").mkdir()
        self.database_url = TeamMachine.make_database()
        self.libraries = [self._open(at) for at in (0, 1)]
        self.known: dict[str, ExpectedArtifact] = {}
        self.aliases: dict[str, str] = {}
        self.run = make_run(self.libraries[0]).id

    def _open(self, at: int) -> Library:
        address = f"file://{self.folder}/store"
        return open_library(
            Settings(home=self.folder / str(at), database_url=self.database_url, store_url=address, cache_gb=1e-6)
        )

    def _close(self, at: int) -> None:
        close_catalog(self.libraries[at])

    def teardown(self):
        for at in (0, 1):
            self._close(at)
        shutil.rmtree(self.folder)

    @rule(target=artifacts, at=MACHINES, content=st.binary(min_size=1, max_size=20))
    def save(self, at: int, content: bytes) -> str:
        library = self.libraries[at]
        if not library.has(self.run):
            self.run = make_run(library).id
        artifact = make_artifact(library, library.run(self.run), content=content)
        self.known[artifact.id] = ExpectedArtifact(self.run, content)
        return artifact.id

    @rule(at=MACHINES, id_=artifacts)
    def load(self, at: int, id_: str) -> None:
        item = self.known.get(id_)
        if item and not item.removed:
            assert (self.libraries[at].verified_folder(id_) / "model.bin").read_bytes() == item.content

    @rule(at=MACHINES, id_=artifacts, tag=st.sampled_from(["good", "bad"]), on=st.booleans())
    def tag(self, at: int, id_: str, tag: str, on: bool) -> None:
        item = self.known.get(id_)
        if item and not item.removed:
            self.libraries[at].tag([id_], [tag] if on else [], [] if on else [tag])
            (item.tags.add if on else item.tags.discard)(tag)

    @rule(at=MACHINES, id_=artifacts, alias=st.sampled_from(["champion", "candidate"]))
    def point(self, at: int, id_: str, alias: str) -> None:
        item = self.known.get(id_)
        if item and not item.removed:
            assert self.libraries[at].set_alias(alias, id_) == self.aliases.get(alias)
            self.aliases[alias] = id_

    @rule(at=MACHINES, id_=artifacts)
    def remove(self, at: int, id_: str) -> None:
        item = self.known.get(id_)
        if item and not item.removed and id_ not in self.aliases.values():
            assert self.libraries[at].remove(id_) == [id_]
            item.removed = True

    @rule(at=MACHINES, id_=artifacts)
    def restore(self, at: int, id_: str) -> None:
        item = self.known.get(id_)
        if item and item.removed:
            assert self.libraries[at].restore(id_) == [id_]
            item.removed = False

    @rule(at=MACHINES)
    def empty_the_trash(self, at: int) -> None:
        gone = set(self.libraries[at].empty_trash(0))
        assert gone == {id_ for id_, item in self.known.items() if item.removed}
        self.known = {id_: item for id_, item in self.known.items() if not item.removed}

    @rule(at=MACHINES)
    def collect_contents(self, at: int) -> None:
        """Days later, when nobody is on the way from contents to a manifest."""
        store = self.libraries[at].entries.store
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(collection, "MIN_WAIT", timedelta(0))
            for _ in range(2):
                collection.Collector(store, timedelta(0)).collect()
            assert collection.Collector(store, timedelta(0)).preview().waiting == 0

    @rule(at=MACHINES, crash=st.sampled_from(sorted(CRASHES, key=str)))
    def crash_while_importing(self, at: int, crash: tuple[type, str, int]) -> None:
        owner, name, count = crash
        before = set(self.libraries[1 - at].ids())
        with pytest.MonkeyPatch.context() as patch:
            _kill_at(patch, StoreRows, "settle", 1)  # which a killed process does not do either
            if owner is not StoreRows:
                _kill_at(patch, owner, name, count)
            with pytest.raises(Killed):
                make_imported_artifact(self.libraries[at])
        new = set(self.libraries[1 - at].ids()) - before
        assert len(new) == (2 if CRASHES[crash] else 0)
        for id_ in new:
            if id_.startswith("a"):
                run = self.libraries[1 - at].artifact(id_).run
                self.known[id_] = ExpectedArtifact(run, b"0123456789")
        self.open_anew(at)

    @rule(at=MACHINES, id_=artifacts)
    def corrupt_the_cache(self, at: int, id_: str) -> None:
        path = self.libraries[at].home / "artifacts" / id_ / "files" / "model.bin"
        if path.exists():
            path.write_bytes(b"something else, and longer than it was")

    @rule(at=MACHINES)
    def lose_the_home(self, at: int) -> None:
        self._close(at)
        shutil.rmtree(self.folder / str(at))
        self.libraries[at] = self._open(at)

    @rule()
    def lose_the_database(self) -> None:
        for at in (0, 1):
            self._close(at)
        self.database_url = TeamMachine.make_database()
        self.libraries = [self._open(at) for at in (0, 1)]

    @rule(at=MACHINES)
    def open_anew(self, at: int) -> None:
        self._close(at)
        self.libraries[at] = self._open(at)
        assert list((self.folder / str(at) / "staging").iterdir()) == []

    @rule(at=MACHINES)
    def mend(self, at: int) -> None:
        assert repair_library(self.libraries[at]) == []

    @rule(at=MACHINES)
    def make_the_catalog_anew(self, at: int) -> None:
        assert rebuild_catalog(self.libraries[at]).differences == []

    @invariant()
    def every_machine_lists_what_is_known(self) -> None:
        there = {id_: item for id_, item in self.known.items() if not item.removed}
        for library in self.libraries:
            result = {entry.id: entry for entry in library.find()}
            assert {id_: set(entry.tags) for id_, entry in result.items()} == {
                id_: item.tags for id_, item in there.items()
            }
            assert all(entry.problem is None for entry in result.values())
            assert {alias: id_ for id_, entry in result.items() for alias in entry.aliases} == self.aliases
            assert library.aliases() == self.aliases
            assert {id_ for id_ in library.trash_ids() if id_.startswith("a")} == self.known.keys() - there.keys()

    @invariant()
    def the_catalog_is_what_the_store_says(self) -> None:
        assert find_catalog_differences(self.libraries[0]) == []


def _kill_at(patch: pytest.MonkeyPatch, owner: type, name: str, count: int) -> None:
    real, calls = getattr(owner, name), []

    def watched(*args, **more):
        calls.append(name)
        if len(calls) >= count:
            raise Killed
        return real(*args, **more)

    patch.setattr(owner, name, watched)


def run_team_machine(disk: Path, make_database: Callable[[], str], examples: int, steps: int, number: int = 0) -> None:
    TeamMachine.disk, TeamMachine.make_database = disk, staticmethod(make_database)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unused_lists, "MAX_AGE_SECONDS", -1)  # days pass between two rules
        run_state_machine(TeamMachine, examples, steps, number)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("number", [1, 2])
def test_team_matches_dictionary_model(tmp_path: Path, team_database: Callable[[], str], number: int):
    run_team_machine(tmp_path, team_database, 6, 20, number)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_team_that_looks_in_the_background_matches_it(tmp_path, team_database, monkeypatch):
    """As where the store is slow: at each query another thread looks at all keys."""
    monkeypatch.setattr(store_rows, "MAX_FOREGROUND_LOOK", -1)
    monkeypatch.setattr(store_rows, "MIN_LOOK_INTERVAL", 0)
    monkeypatch.setattr(store_rows, "LOOK_INTERVAL_FACTOR", 0)
    run_team_machine(tmp_path, team_database, 3, 15, 3)
