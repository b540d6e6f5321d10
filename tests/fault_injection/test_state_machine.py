"""A library compared with a dictionary: whatever is done to it in whatever order, and whoever crashes in between."""

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from core.errors import Damaged
from core.health import rebuild_catalog, repair_library, verify_entry
from core.health.repairs import find_catalog_differences
from core.library import Library
from tests.factories.library_entries import make_artifact, make_run
from tests.fault_injection.crash_client import run_and_kill
from tests.helpers import close_catalog
from tests.state_machines import run_state_machine

pytestmark = pytest.mark.trust
STEPS_TALLY = "steps of the library's state machine that held"
step_counter = [0]


class ExpectedArtifact:
    """What the dictionary knows of an artifact."""

    def __init__(self, run: str, content: bytes):
        self.run, self.content = run, content
        self.tags: set[str] = set()
        self.damaged = self.removed = False


class LibraryMachine(RuleBasedStateMachine):
    """Rules are what people and accidents do; `self.known` is what must be there afterwards."""

    artifacts = Bundle("artifacts")
    disk: Path  # where each library is made

    def __init__(self):
        super().__init__()
        self.home = Path(tempfile.mkdtemp(dir=LibraryMachine.disk))
        self.library = Library(self.home)
        self.known: dict[str, ExpectedArtifact] = {}
        self.names: dict[str, str] = {}
        self.run = make_run(self.library).id

    def teardown(self):
        close_catalog(self.library)
        shutil.rmtree(self.home)

    @rule(target=artifacts, content=st.binary(min_size=1, max_size=20), new_run=st.booleans())
    def save(self, content: bytes, new_run: bool) -> str:
        if new_run:
            self.run = make_run(self.library).id
        if not (self.home / "runs" / self.run).is_dir():
            self.library.restore(self.run)
        artifact = make_artifact(self.library, self.library.run(self.run), content=content)
        self.known[artifact.id] = ExpectedArtifact(self.run, content)
        return artifact.id

    @rule(id_=artifacts)
    def load(self, id_: str) -> None:
        item = self.known[id_]
        if item.removed:
            return
        if item.damaged:
            with pytest.raises(Damaged):
                self.library.verified_folder(id_)
            assert verify_entry(self.library, id_).state == "damaged"
        else:
            assert (self.library.verified_folder(id_) / "model.bin").read_bytes() == item.content
            assert verify_entry(self.library, id_).is_intact

    @rule(id_=artifacts, name=st.text(st.characters(categories=["L", "N"]), max_size=8))
    def rename_its_run(self, id_: str, name: str) -> None:
        run = self.known[id_].run
        if (self.home / "runs" / run).is_dir():
            self.library.annotate(run, name=name)
            self.names[run] = self.library.annotations(run).name

    @rule(id_=artifacts, tag=st.sampled_from(["good", "bad", "ugly"]), on=st.booleans())
    def tag(self, id_: str, tag: str, on: bool) -> None:
        item = self.known[id_]
        if not item.removed:
            self.library.tag([id_], [tag] if on else [], [] if on else [tag])
            (item.tags.add if on else item.tags.discard)(tag)

    @rule(id_=artifacts)
    def remove(self, id_: str) -> None:
        if not self.known[id_].removed:
            assert self.library.remove(id_) == [id_]
            self.known[id_].removed = True

    @rule(id_=artifacts)
    def remove_its_run(self, id_: str) -> None:
        run = self.known[id_].run
        if not (self.home / "runs" / run).is_dir():
            return
        gone = self.library.remove(run)
        there = {entry for entry, stored in self.known.items() if stored.run == run and not stored.removed}
        assert set(gone) == there | {run}
        for item in there:
            self.known[item].removed = True

    @rule(id_=artifacts)
    def restore(self, id_: str) -> None:
        if self.known[id_].removed:
            assert self.library.restore(id_)[-1] == id_
            self.known[id_].removed = False

    @rule(id_=artifacts)
    def corrupt(self, id_: str) -> None:
        item = self.known[id_]
        if not item.removed:
            path = self.home / "artifacts" / id_ / "files" / "model.bin"
            path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + item.content[1:])
            item.damaged = not item.damaged  # the same bit twice is as it was

    @rule(at=st.integers(1, 70))
    def crash_while_saving(self, at: int) -> None:
        if not self.library.runs():
            return
        before = set(self.library.ids())
        run_and_kill(self.home, "save", at)
        for id_ in set(self.library.ids()) - before:  # not acknowledged: whole, or not there
            self.known[id_] = ExpectedArtifact(self.library.artifact(id_).run, b"0123456789")

    @rule()
    def open_anew(self) -> None:
        close_catalog(self.library)
        self.library = Library(self.home)
        assert list((self.home / "staging").iterdir()) == []

    @rule()
    def mend(self) -> None:
        repair_library(self.library)
        assert repair_library(self.library) == []

    @rule()
    def make_the_catalog_anew(self) -> None:
        assert rebuild_catalog(self.library).differences == []

    @invariant()
    def the_list_is_what_is_known(self) -> None:
        result = {entry.id: entry for entry in self.library.find()}
        there = {id_: item for id_, item in self.known.items() if not item.removed}
        assert result.keys() == there.keys()
        assert {id_: set(entry.tags) for id_, entry in result.items()} == {
            id_: item.tags for id_, item in there.items()
        }
        assert all(entry.problem is None for entry in result.values())
        assert all(result[id_].run_name == name for id_, name in self._named(result))
        step_counter[0] += 1

    def _named(self, entries: dict) -> list[tuple[str, str]]:
        return [(id_, self.names[entry.run]) for id_, entry in entries.items() if self.names.get(entry.run)]

    @invariant()
    def the_trash_is_what_was_removed(self) -> None:
        artifacts = {id_ for id_ in self.library.trash_ids() if id_.startswith("a")}
        assert artifacts == {id_ for id_, item in self.known.items() if item.removed}

    @invariant()
    def the_catalog_is_what_a_rebuild_gives(self) -> None:
        assert find_catalog_differences(self.library) == []


def run_library_machine(disk: Path, examples: int, steps: int, tally, number: int = 0) -> None:
    LibraryMachine.disk = disk
    step_counter[0] = 0
    run_state_machine(LibraryMachine, examples, steps, number)
    tally(STEPS_TALLY, step_counter[0])


def test_library_matches_dictionary_model(memory_disk, tally):
    run_library_machine(memory_disk, 6, 16, tally)


@pytest.mark.long
@pytest.mark.parametrize("number", range(1, 11))
def test_library_matches_dictionary_model_in_long_runs(memory_disk, tally, number):
    run_library_machine(memory_disk, 30, 50, tally, number)
