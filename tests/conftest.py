"""Fixtures, named by the state that they give. One worker and one library serve the whole session: both are made to."""

import gc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from core.formats import all_formats
from core.jobs import Jobs
from core.library import Artifact, Library, Run
from core.settings import Settings
from core.worker import Worker
from tests.azurite import azure_variables, azurite_address, make_container
from tests.counters import pytest_sessionfinish, pytest_terminal_summary, pytest_testnodedown, tally
from tests.distribution import pytest_xdist_make_scheduler, sort_items
from tests.factories.library_entries import make_artifact, make_run
from tests.factories.misbehaving_worker import MisbehavingWorker
from tests.factories.populated_library import make_jobs, populate_library
from tests.factories.warm_start import WarmProcess, forked_forkservers
from tests.helpers import mounted_tmpfs, run_command, skip_formats_without_packages, wait_until_done
from tests.parameter_pairs import leave_undrawn_to_the_long_run
from tests.postgresql_server import run_server
from tests.s3_server import make_bucket, s3_address, s3_variables
from tests.shared_entries import Rows, SharedEntries, share_bench_models

__all__ = [
    "azure_variables",
    "azurite_address",
    "make_bucket",
    "make_container",
    "pytest_sessionfinish",
    "pytest_terminal_summary",
    "pytest_testnodedown",
    "pytest_xdist_make_scheduler",
    "s3_address",
    "s3_variables",
    "tally",
]


# A million objects come to stay while tests are collected: nothing of them is garbage, then or later.
gc.disable()


def pytest_configure(config: pytest.Config) -> None:
    """Hypothesis draws the same in every run, and others only in the long one; nothing is said of slow first calls."""
    hypothesis.settings.register_profile("roundtrip", deadline=None, derandomize=config.option.markexpr == "not long")
    hypothesis.settings.load_profile("roundtrip")


def pytest_collection_finish() -> None:
    gc.enable()
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)  # before tests are chosen by their marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    skip_formats_without_packages(items)
    leave_undrawn_to_the_long_run(items, Path(__file__).parent)
    sort_items(items)


@pytest.fixture(scope="session", autouse=True)
def warm_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WarmProcess | None]:
    """The process from which the workers here get their forkservers."""
    with forked_forkservers(tmp_path_factory.mktemp("warm")) as process:
        yield process


@pytest.fixture(scope="session")
def config(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings over a home of the session's own."""
    return Settings(home=tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="session")
def worker(config: Settings) -> Iterator[Worker]:
    """A warm worker."""
    item = Worker(config)
    item.start()
    yield item
    item.close()


@pytest.fixture(scope="session")
def misbehaving_worker(config: Settings) -> Iterator[Worker]:
    """A worker whose children also know tasks of our own, see `tests/factories/misbehaving_worker.py`."""
    item = MisbehavingWorker(config)
    yield item
    item.close()


@pytest.fixture
def failed_sandbox_test(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """As if one attempt of the sandbox's self-test had got through; undone by `undo`."""
    real = worker.run_sandbox_check()
    probes = [real.probes[0].model_copy(update={"blocked": False, "sentence": "It could read a file of the library."})]
    monkeypatch.setattr(worker, "_sandbox_check", real.model_copy(update={"probes": probes + real.probes[1:]}))
    return monkeypatch


@pytest.fixture(scope="session")
def jobs(config: Settings, worker: Worker) -> Jobs:
    """Jobs over the session's library and worker."""
    return Jobs(Library(config.home), worker, config)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a PostgreSQL server on which databases may be created."""
    with run_server() as url:
        yield url or pytest.skip("no PostgreSQL is installed; on Debian it comes with `apt-get install postgresql`")


@pytest.fixture
def empty_library(tmp_path: Path) -> Library:
    """A library with nothing in it, of the test's own."""
    return Library(tmp_path / "store")


@pytest.fixture
def empty_jobs(empty_library: Library, worker: Worker, config: Settings) -> Jobs:
    """Jobs over an empty library of the test's own, and the session's worker."""
    return Jobs(empty_library, worker, config.model_copy(update={"home": empty_library.home}))


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """A folder that is the same in all processes of the test session."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if hasattr(request.config, "workerinput") else base


@pytest.fixture(scope="session")
def shared_entries(jobs: Jobs, shared_folder: Path) -> SharedEntries:
    """Runs and artifacts over the session's library that each process of the test session makes or copies."""
    return SharedEntries(shared_folder / "shared-entries", jobs)


@pytest.fixture(scope="session")
def bench_models(config: Settings, shared_folder: Path) -> None:
    """The models of the break-it bench, which any process of the test session trains."""
    share_bench_models(config.home, shared_folder / "bench-models")


@pytest.fixture(scope="session")
def trained(shared_entries: SharedEntries) -> Callable[[str], str]:
    """A function that gives the id of a demo's run, trained for two epochs once in the session."""
    return shared_entries.run


@pytest.fixture(scope="session")
def saved_all(shared_entries: SharedEntries) -> Callable[[str], Rows]:
    """A function that gives the rows of a demo saved in every format, once in the session."""
    return lambda demo: shared_entries.rows(demo, [format_.key for format_ in all_formats() if not format_.environment])


@pytest.fixture(scope="session")
def saved(shared_entries: SharedEntries) -> Callable[[str, str], dict[str, Any]]:
    """A function that gives the row of a demo saved in a format (see `core.jobs.save`), saved once in the session."""
    return lambda demo, format_key: shared_entries.rows(demo, [format_key])[format_key]


@pytest.fixture(scope="session")
def apart(shared_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jobs]:
    """Jobs over a library and a folder of environments of their own, in which copies are saved that need one."""
    config = Settings(home=tmp_path_factory.mktemp("apart"), environments=shared_folder / "environments")
    worker = Worker(config)
    yield Jobs(Library(config.home), worker, config)
    worker.close()


@pytest.fixture(scope="session")
def saved_apart(apart: Jobs) -> Callable[[str, str], dict[str, Any]]:
    """A function that gives the row of a demo saved in a format of an environment."""
    runs: dict[str, str] = {}

    def save(demo: str, key: str) -> dict[str, Any]:
        if demo not in runs:
            runs[demo] = wait_until_done(apart, apart.train(demo, epochs=1)).result["run"]
        row: dict[str, Any] = wait_until_done(apart, apart.save(runs[demo], [key])).result["rows"][key]
        return row | {"run": runs[demo]}

    return save


@pytest.fixture
def copied_entries(
    tmp_path: Path, jobs: Jobs, trained: Callable[[str], str], saved: Callable[[str, str], dict[str, Any]]
) -> Callable[..., tuple[Jobs, str, dict[str, str]]]:
    """A function that copies a demo's run and its artifacts in these formats into a library of the test's own; gives
    the jobs over it, the run, and the artifacts by format."""

    def copy(demo: str, *formats: str) -> tuple[Jobs, str, dict[str, str]]:
        run, artifacts = trained(demo), {key: saved(demo, key)["artifact"] for key in formats}
        home = populate_library(tmp_path / "copied", jobs, run, *artifacts.values())
        return make_jobs(home, jobs.worker), run, artifacts

    return copy


@pytest.fixture(scope="session")
def short_timing() -> Iterator[None]:
    """Benchmarks time few calls."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("core.jobs.benchmark.TIMED_LIMITS", (20, 0.05))
        patch.setattr("core.jobs.benchmark.WARM_UP_LIMITS", (2, 0.02))
        yield


@pytest.fixture
def run_cli(monkeypatch: pytest.MonkeyPatch, jobs):
    """A function that runs a command over the session's library and worker; gives (status, output, errors)."""
    monkeypatch.setattr("core.jobs.Jobs", lambda **_: jobs)
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
