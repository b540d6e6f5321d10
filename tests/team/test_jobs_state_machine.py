"""A library compared with a dictionary, over threads of one machine and over the workers of a team: what people do, in
whatever order, with jobs that are delivered again because their worker was killed, frozen or late."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from core.errors import InputError
from core.health import rebuild_catalog, repair_library, verify_entry
from core.health.repairs import find_catalog_differences
from core.jobs import Jobs
from core.library import Library
from core.library.job_store import Job
from core.settings import Settings
from core.worker import Worker
from tests.factories.faulty_team import FaultyTeam
from tests.factories.library_entries import make_artifact, make_run
from tests.factories.queue_team import Team
from tests.factories.small_kinds import SMALL_KINDS
from tests.fault_injection.crash_client import run_and_kill
from tests.helpers import close_catalog, wait_until_done
from tests.postgresql_server import empty_database
from tests.state_machines import run_state_machine

pytestmark = pytest.mark.trust
STEPS_TALLY = "steps of the state machine over {} that held"
HERE, THERE = "here", "there"


class World(Protocol):
    """Where a library lies, and what does its jobs. Each place opens it for itself."""

    def library(self, place: str) -> Library:
        """The library as that place has it."""

    def do_job(self, content: str, way: str, step: int, places: tuple[str, str]) -> Job:
        """Have a job store a model, and return it at its end."""

    def crash_while_saving(self, place: str, step: int) -> None:
        """Save an artifact of the newest run, in a process that is killed at a call to the system."""

    def reopen(self, place: str) -> None:
        """Open the library anew."""

    def close(self) -> None:
        """Nothing is left."""


class LocalWorld:
    """A folder, opened twice, and threads."""

    def __init__(self, folder: Path):
        self._config = Settings(home=folder / "home", parallel=2)
        self._libraries = {place: Library(self._config.home) for place in (HERE, THERE)}
        self._folder = folder

    def library(self, place: str) -> Library:
        return self._libraries[place]

    def do_job(self, content: str, way: str, step: int, places: tuple[str, str]) -> Job:
        jobs = Jobs(self.library(places[0]), Worker(self._config), self._config, kinds=SMALL_KINDS)
        return wait_until_done(jobs, jobs._start("model", "A model", {"content": content}))

    def crash_while_saving(self, place: str, step: int) -> None:
        run_and_kill(self._config.home, "save", step)

    def reopen(self, place: str) -> None:
        close_catalog(self._libraries[place])
        self._libraries[place] = Library(self._config.home)

    def close(self) -> None:
        for library in self._libraries.values():
            close_catalog(library)
        shutil.rmtree(self._folder)


class TeamWorld:
    """A store and a database, and two machines, each of which is a worker, too."""

    def __init__(self, folder: Path, database_url: str):
        empty_database(database_url)
        self._folder, self._url = folder, database_url
        self._machines = FaultyTeam(Team(folder, database_url), HERE, THERE)

    def library(self, place: str) -> Library:
        return self._machines.library(place)

    def do_job(self, content: str, way: str, step: int, places: tuple[str, str]) -> Job:
        job = self._machines.submit(content)
        self._machines.ways()[way](*places, job, step)
        return self._machines.server.job_store.read(job.id)

    def crash_while_saving(self, place: str, step: int) -> None:
        self._machines.crash_while_saving(place, step)

    def reopen(self, place: str) -> None:
        self._machines.reopen(place)

    def close(self) -> None:
        shutil.rmtree(self._folder)


class ExpectedArtifact:
    """What the dictionary knows of an artifact."""

    def __init__(self, run: str, content: bytes):
        self.run, self.content = run, content
        self.tags: set[str] = set()
        self.is_removed = False


places = st.sampled_from([(HERE, THERE), (THERE, HERE)])


class SharedLibraryMachine(RuleBasedStateMachine):
    """Rules are what people, workers and accidents do, each at one of two places."""

    artifacts = Bundle("artifacts")
    make_world: Callable[[], World]
    count = 0

    def __init__(self) -> None:
        super().__init__()
        self.world = type(self).make_world()
        self.known: dict[str, ExpectedArtifact] = {}
        self.aliases: dict[str, str] = {}
        self.runs: set[str] = set()

    def teardown(self) -> None:
        self.world.close()

    def _know(self, run: str, content: bytes, *ids: str) -> None:
        self.runs.add(run)
        self.known |= {id_: ExpectedArtifact(run, content) for id_ in ids}

    @rule(target=artifacts, content=st.binary(min_size=1, max_size=20), at=places)
    def save(self, content: bytes, at: tuple[str, str]) -> str:
        library = self.world.library(at[0])
        artifact = make_artifact(library, make_run(library), content=content)
        self._know(artifact.run, content, artifact.id)
        return artifact.id

    @rule(
        target=artifacts,
        content=st.text("abc", min_size=1, max_size=4),
        way=st.sampled_from(["whole", "killed", "killed", "late", "frozen"]),
        step=st.integers(1, 24),
        at=places,
    )
    def have_a_job_done(self, content: str, way: str, step: int, at: tuple[str, str]):
        end = self.world.do_job(content, way, step, at)
        assert end.state == "done", end.error
        self._know(end.result["run"], content.encode(), *end.result["artifacts"])
        return multiple(*end.result["artifacts"])

    @rule(id_=artifacts, at=places)
    def load(self, id_: str, at: tuple[str, str]) -> None:
        if not self.known[id_].is_removed:
            library = self.world.library(at[0])
            assert (library.verified_folder(id_) / "model.bin").read_bytes() == self.known[id_].content
            assert verify_entry(library, id_).is_intact

    @rule(id_=artifacts, tag=st.sampled_from(["good", "bad"]), on=st.booleans(), at=places)
    def annotate(self, id_: str, tag: str, on: bool, at: tuple[str, str]) -> None:
        if not self.known[id_].is_removed:
            self.world.library(at[0]).tag([id_], [tag] if on else [], [] if on else [tag])
            (self.known[id_].tags.add if on else self.known[id_].tags.discard)(tag)

    @rule(id_=artifacts, alias=st.sampled_from(["champion", "rival"]), at=places)
    def point_alias(self, id_: str, alias: str, at: tuple[str, str]) -> None:
        if not self.known[id_].is_removed:
            assert self.world.library(at[0]).set_alias(alias, id_) == self.aliases.get(alias)
            self.aliases[alias] = id_

    @rule(alias=st.sampled_from(["champion", "rival"]), at=places)
    def drop_alias(self, alias: str, at: tuple[str, str]) -> None:
        if alias in self.aliases:
            assert self.world.library(at[0]).drop_alias(alias) == self.aliases.pop(alias)

    @rule(id_=artifacts, at=places)
    def remove(self, id_: str, at: tuple[str, str]) -> None:
        if self.known[id_].is_removed:
            return
        if id_ in self.aliases.values():
            with pytest.raises(InputError):
                self.world.library(at[0]).remove(id_)
            return
        assert self.world.library(at[0]).remove(id_) == [id_]
        self.known[id_].is_removed = True

    @rule(id_=artifacts, at=places)
    def restore(self, id_: str, at: tuple[str, str]) -> None:
        if self.known[id_].is_removed:
            assert self.world.library(at[0]).restore(id_) == [id_]
            self.known[id_].is_removed = False

    @rule(step=st.integers(1, 24), at=places)
    def crash_while_saving(self, step: int, at: tuple[str, str]) -> None:
        if not self.runs:
            return
        self.world.crash_while_saving(at[0], step)
        library = self.world.library(at[1])
        new = set(library.ids()) - self.known.keys() - self.runs
        artifacts = [id_ for id_ in new if id_.startswith("a")]
        for id_ in artifacts:  # not acknowledged: whole, or not there
            self._know(library.artifact(id_).run, b"0123456789", id_)
        self.runs |= {id_ for id_ in new if id_.startswith("r")}

    @rule(at=places)
    def open_anew(self, at: tuple[str, str]) -> None:
        self.world.reopen(at[0])

    @rule(at=places)
    def make_the_catalog_anew(self, at: tuple[str, str]) -> None:
        assert rebuild_catalog(self.world.library(at[0])).differences == []
        repair_library(self.world.library(at[0]))
        assert repair_library(self.world.library(at[0])) == []

    @invariant()
    def both_places_list_what_is_known(self) -> None:
        type(self).count += 1
        there = {id_: item for id_, item in self.known.items() if not item.is_removed}
        for place in (HERE, THERE):
            library = self.world.library(place)
            listed = {entry.id: entry for entry in library.find()}
            assert {id_: set(entry.tags) for id_, entry in listed.items()} == {
                id_: item.tags for id_, item in there.items()
            }
            assert all(entry.problem is None for entry in listed.values())
            assert {run.id for run in library.runs()} == self.runs
            assert library.aliases() == self.aliases
            assert set(library.trash_ids()) == self.known.keys() - there.keys()

    @invariant()
    def the_catalog_is_what_a_rebuild_gives(self) -> None:
        assert find_catalog_differences(self.world.library(HERE)) == []


@pytest.fixture(params=["local", "team"])
def run_machine(
    request: pytest.FixtureRequest, tmp_path: Path, tally: Callable[[str, int], None]
) -> Callable[..., None]:
    """A function that runs the machine over one world."""
    url = request.getfixturevalue("team_database")() if request.param == "team" else ""

    def make_world() -> World:
        folder = Path(tempfile.mkdtemp(dir=tmp_path))
        return TeamWorld(folder, url) if url else LocalWorld(folder)

    def run(examples: int, steps: int, number: int = 0) -> None:
        machine = type("DrawnMachine", (SharedLibraryMachine,), {"make_world": staticmethod(make_world)})
        run_state_machine(machine, examples, steps, number)
        tally(STEPS_TALLY.format(request.param), machine.count)

    return run


def test_library_and_jobs_match_the_dictionary(run_machine):
    run_machine(3, 10)


@pytest.mark.long
@pytest.mark.parametrize("number", range(1, 5))
def test_library_and_jobs_match_the_dictionary_in_long_runs(run_machine, number):
    run_machine(4, 25, number)
