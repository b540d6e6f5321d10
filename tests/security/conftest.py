"""Fixtures of the security tests: jobs with small limits, and the checks of an untrusted upload."""

from collections.abc import Iterator

import pytest

from core.jobs import Jobs
from core.library import Library
from core.settings import Settings
from core.worker import Worker
from tests.factories.misbehaving_worker import MisbehavingWorker
from tests.security.upload_checks import CPU_SECONDS, REQUEST_SECONDS, SocketTrap, UploadChecker


@pytest.fixture(scope="module")
def limited_jobs(config: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jobs]:
    """Jobs over an empty library, and over a worker that allows little time and whose children know our own tasks."""
    home = tmp_path_factory.mktemp("trust") / "store"
    little = {"upload_mb": 64, "confined_cpu_seconds": CPU_SECONDS, "confined_seconds": REQUEST_SECONDS}
    worker = MisbehavingWorker(config.model_copy(update=little))
    worker.run_sandbox_check().require_all_blocked()
    yield Jobs(Library(home), worker, worker.config.model_copy(update={"home": home}))
    worker.close()


@pytest.fixture(scope="module")
def upload_checker(limited_jobs: Jobs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UploadChecker]:
    """The checks of an upload, over an empty library."""
    trap = SocketTrap()
    yield UploadChecker(limited_jobs, tmp_path_factory.mktemp("outside"), trap)
    trap.close()


@pytest.fixture
def opened_confined(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each child that is opened from here on is confined, in order."""
    result: list[bool] = []
    open_ = Worker.open

    def noting(self: Worker, *args: object, **more: object) -> object:
        child = open_(self, *args, **more)
        result.append(child.is_untrusted)
        return child

    monkeypatch.setattr(Worker, "open", noting)
    return result
