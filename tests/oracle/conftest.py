"""A library of the oracle's own, and a child that serves all of its copies."""

from collections.abc import Iterator

import pytest

from core.jobs import Jobs
from core.library import Library
from core.settings import Settings
from core.worker import Worker
from tests.oracle.product import SharedChild


@pytest.fixture(scope="module")
def oracle_jobs(tmp_path_factory: pytest.TempPathFactory, worker: Worker, config: Settings) -> Iterator[Jobs]:
    """Jobs over a library of the module's own, and a worker that has one child."""
    shared = SharedChild(worker)
    home = tmp_path_factory.mktemp("oracle")
    yield Jobs(Library(home), shared, shared.config.model_copy(update={"home": home}))
    shared.close()
