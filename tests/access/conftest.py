"""Two people, and what one of them keeps from the other."""

from typing import NamedTuple

import numpy as np
import pytest

from core.jobs import Jobs
from core.library import Library
from core.library.job_store import Job
from core.library.permissions import Viewer
from core.settings import Settings
from core.worker import Worker
from tests.library.conftest import keep_artifact, keep_run

ADA = Viewer.from_identity("https://provider.example", "1", "Ada")
BO = Viewer.from_identity("https://provider.example", "2", "Bo")


class Kept(NamedTuple):
    """Ids of what one person keeps: a run, an artifact of it, a finished job over both, and a set of inputs."""

    run: str
    artifact: str
    job: str
    inputs: str

    @property
    def all(self) -> tuple[str, ...]:
        return tuple(self)


@pytest.fixture
def house(empty_library: Library, config: Settings) -> Jobs:
    """Jobs over an empty library, as the server has them; its worker is not started."""
    own = config.model_copy(update={"home": empty_library.home})
    return Jobs(empty_library, Worker(own), own)


def keep(jobs: Jobs, name: str = "Nobody else's business", job: str = "j0123456789") -> Kept:
    """Something of each kind, as `jobs` would leave it behind."""
    run = keep_run(jobs.library, name=name)
    artifact = keep_artifact(jobs.library, run)
    request = {"artifacts": [artifact.id], "sources": {}}
    one = Job(id=job, kind="compare", title=name, state="done", request=request, owner=jobs.library.access.viewer_id)
    one.result = {"verdict": "secret"}
    jobs.job_store.create(one)
    jobs.job_store.save_arrays(one.id, {"loss": np.zeros(2)})
    inputs = jobs.inputs.add_held_out(jobs.library, run.id, 2)
    return Kept(run.id, artifact.id, one.id, inputs.id)


@pytest.fixture
def adas(house: Jobs) -> Kept:
    """What Ada keeps to herself."""
    return keep(house.for_viewer(ADA))
