"""Two people, and what one of them keeps from the other."""

from typing import NamedTuple

import numpy as np

from core.jobs import Jobs
from core.library.job_store import Job
from core.library.permissions import Viewer
from tests.factories.library_entries import make_artifact, make_run

ADA = Viewer.from_identity("https://provider.example", "1", "Ada")
BO = Viewer.from_identity("https://provider.example", "2", "Bo")


class PrivateEntries(NamedTuple):
    """Ids of what one person keeps: a run, an artifact of it, a finished job over both, and a set of inputs."""

    run: str
    artifact: str
    job: str
    inputs: str

    @property
    def all(self) -> tuple[str, ...]:
        return tuple(self)


def make_private_entries(jobs: Jobs, name: str = "Nobody else's business", job: str = "j0123456789") -> PrivateEntries:
    """Something of each kind, as `jobs` would leave it behind."""
    run = make_run(jobs.library, name=name)
    artifact = make_artifact(jobs.library, run)
    request = {"artifacts": [artifact.id], "sources": {}}
    item = Job(id=job, kind="compare", title=name, state="done", request=request, owner=jobs.library.access.viewer_id)
    item.result = {"verdict": "secret"}
    jobs.job_store.create(item)
    jobs.job_store.save_arrays(item.id, {"loss": np.zeros(2)})
    inputs = jobs.inputs.add_held_out(jobs.library, run.id, 2)
    return PrivateEntries(run.id, artifact.id, item.id, inputs.id)
