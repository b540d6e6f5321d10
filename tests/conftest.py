"""Fixtures, named by the state that they give. One worker and one library serve the whole session: both are made to."""

import contextlib
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import pytest
from typer.testing import CliRunner

from core import __main__ as command_line
from core.errors import RoundtripError
from core.formats import all_formats
from core.jobs import Jobs
from core.library import Library
from core.library.job_store import Job
from core.settings import Settings
from core.worker import Worker
from tests.tallying import pytest_sessionfinish, pytest_terminal_summary, pytest_testnodedown, tally

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
def broken(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
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


def finished(jobs: Jobs, job: Job) -> Job:
    """The job at its end, which must be a good one."""
    end = jobs.wait(job.id)
    assert end.state == "done", end.error
    return end


@pytest.fixture(scope="session")
def trained(jobs: Jobs):
    """A function that gives the id of a demo's run, trained for two epochs once in the session."""
    runs: dict[str, str] = {}

    def run_of(demo: str) -> str:
        if demo not in runs:
            runs[demo] = finished(jobs, jobs.train(demo, epochs=2)).result["run"]
        return runs[demo]

    return run_of


@pytest.fixture(scope="session")
def saved_all(jobs: Jobs, trained):
    """A function that gives the rows of a demo saved in every format, side by side, once in the session."""
    rows: dict[str, dict[str, dict]] = {}

    def rows_of(demo: str) -> dict[str, dict]:
        if demo not in rows:
            keys = [one.key for one in all_formats()]
            rows[demo] = finished(jobs, jobs.save(trained(demo), keys)).result["rows"]
        return rows[demo]

    return rows_of


@pytest.fixture(scope="session")
def saved(jobs: Jobs, trained):
    """A function that gives the row of a demo saved in a format (see `core.jobs.save`), saved once in the session."""
    rows: dict[tuple[str, str], dict] = {}

    def row_of(demo: str, format_key: str) -> dict:
        if (demo, format_key) not in rows:
            rows[demo, format_key] = finished(jobs, jobs.save(trained(demo), [format_key])).result["rows"][format_key]
        return rows[demo, format_key]

    return row_of


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch, jobs):
    """A function that runs a command over the session's library and worker; gives (status, output, errors)."""
    monkeypatch.setattr("core.cli.console.Jobs", lambda: jobs)
    monkeypatch.setattr(jobs.worker, "close", lambda: None)
    monkeypatch.setattr("core.cli.console.Library", lambda: jobs.library)
    return command


def command(*words: str) -> tuple[int, str, str]:
    """What a command ends with: status, output, errors."""
    ended = CliRunner().invoke(command_line.app, list(words))
    if isinstance(ended.exception, RoundtripError):  # what `main` prints
        return 1, ended.stdout, str(ended.exception)
    assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
    return ended.exit_code, ended.stdout, ended.stderr


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB of its own; skipped where none can be mounted."""
    with mounted(tmp_path / "disk", 4) as folder:
        yield folder


@contextlib.contextmanager
def mounted(folder: Path, mib: int) -> Iterator[Path]:
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a small disk takes root")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def remount(folder: Path, how: str) -> None:
    """Make a file system that was mounted here read-only ("ro"), or writable again ("rw")."""
    subprocess.run(["mount", "-o", f"remount,{how}", str(folder)], check=True)


def staged(home: Path) -> list[Path]:
    """What lies in the staging of a library, beside the boxes of a worker's confined children."""
    return [path for path in (home / "staging").iterdir() if "-boxes" not in path.name]


def fill(path: Path) -> None:
    """Write until not one more byte fits."""
    with path.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
        write_for_ever(file)


def write_for_ever(file: BinaryIO) -> None:
    while True:
        file.write(b"\0" * 4096)


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something holds; fail when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
