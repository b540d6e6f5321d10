"""Fixtures, named by the state that they give. One worker and one library serve the whole session: both are made to.

Runs and artifacts made by hand: whole entries, without a model or a worker.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.formats import all_formats
from core.jobs import Jobs
from core.library import Artifact, Library, Run
from core.settings import Settings
from core.worker import Worker
from tests.counters import pytest_sessionfinish, pytest_terminal_summary, pytest_testnodedown, tally
from tests.factories.library_entries import make_artifact, make_run
from tests.helpers import mounted_tmpfs, run_command, wait_until_done

__all__ = ["pytest_sessionfinish", "pytest_terminal_summary", "pytest_testnodedown", "tally"]


@pytest.fixture(scope="session")
def config(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings over a home of the session's own."""
    return Settings(home=tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="session")
def worker(config: Settings) -> Iterator[Worker]:
    """A warm worker."""
    one = Worker(config)
    one.start()
    yield one
    one.close()


@pytest.fixture
def failed_sandbox_test(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """As if one attempt of the sandbox's self-test had got through; undone by `undo`."""
    real = worker.run_sandbox_test()
    probes = [real.probes[0].model_copy(update={"blocked": False, "sentence": "It could read a file of the library."})]
    monkeypatch.setattr(worker, "_sandbox_test", real.model_copy(update={"probes": probes + real.probes[1:]}))
    return monkeypatch


@pytest.fixture(scope="session")
def jobs(config: Settings, worker: Worker) -> Jobs:
    """Jobs over the session's library and worker."""
    return Jobs(Library(config.home), worker, config)


@pytest.fixture
def empty_library(tmp_path: Path) -> Library:
    """A library with nothing in it, of the test's own."""
    return Library(tmp_path / "store")


@pytest.fixture
def empty_jobs(empty_library: Library, worker: Worker, config: Settings) -> Jobs:
    """Jobs over an empty library of the test's own, and the session's worker."""
    return Jobs(empty_library, worker, config.model_copy(update={"home": empty_library.home}))


@pytest.fixture(scope="session")
def trained(jobs: Jobs):
    """A function that gives the id of a demo's run, trained for two epochs once in the session."""
    runs: dict[str, str] = {}

    def run_of(demo: str) -> str:
        if demo not in runs:
            runs[demo] = wait_until_done(jobs, jobs.train(demo, epochs=2)).result["run"]
        return runs[demo]

    return run_of


@pytest.fixture(scope="session")
def saved_all(jobs: Jobs, trained):
    """A function that gives the rows of a demo saved in every format, side by side, once in the session."""
    rows: dict[str, dict[str, dict]] = {}

    def rows_of(demo: str) -> dict[str, dict]:
        if demo not in rows:
            keys = [one.key for one in all_formats()]
            rows[demo] = wait_until_done(jobs, jobs.save(trained(demo), keys)).result["rows"]
        return rows[demo]

    return rows_of


@pytest.fixture(scope="session")
def saved(jobs: Jobs, trained):
    """A function that gives the row of a demo saved in a format (see `core.jobs.save`), saved once in the session."""
    rows: dict[tuple[str, str], dict] = {}

    def row_of(demo: str, format_key: str) -> dict:
        if (demo, format_key) not in rows:
            rows[demo, format_key] = wait_until_done(jobs, jobs.save(trained(demo), [format_key])).result["rows"][
                format_key
            ]
        return rows[demo, format_key]

    return row_of


@pytest.fixture
def run_cli(monkeypatch: pytest.MonkeyPatch, jobs):
    """A function that runs a command over the session's library and worker; gives (status, output, errors)."""
    monkeypatch.setattr("core.cli.console.Jobs", lambda: jobs)
    monkeypatch.setattr(jobs.worker, "close", lambda: None)
    monkeypatch.setattr("core.cli.console.Library", lambda: jobs.library)
    return run_command


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB of its own; skipped where none can be mounted."""
    with mounted_tmpfs(tmp_path / "disk", 4) as folder:
        yield folder


@pytest.fixture
def run(empty_library: Library) -> Run:
    """A kept run in the test's library."""
    return make_run(empty_library)


@pytest.fixture
def artifact(empty_library: Library, run: Run) -> Artifact:
    """A kept artifact of the kept run."""
    return make_artifact(empty_library, run)
