"""Two people, and what one of them keeps from the other."""

import pytest

from core.jobs import Jobs
from core.library import Library
from core.settings import Settings
from core.worker import Worker
from tests.factories.private_entries import ADA, PrivateEntries, make_private_entries


@pytest.fixture
def server_jobs(empty_library: Library, config: Settings) -> Jobs:
    """Jobs over an empty library, as the server has them; its worker is not started."""
    own = config.model_copy(update={"home": empty_library.home})
    return Jobs(empty_library, Worker(own), own)


@pytest.fixture
def ada_entries(server_jobs: Jobs) -> PrivateEntries:
    """What Ada keeps to herself."""
    return make_private_entries(server_jobs.for_viewer(ADA))
