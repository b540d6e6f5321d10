"""Real saves and imports with TensorFlow over a team's queue: the worker is killed at each stage, another takes the job
up, and it takes effect once (I1–I6)."""

import copy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from core.health import repair_library, verify_entries
from core.health.repairs import find_catalog_differences
from core.jobs import Jobs
from core.jobs.execution.queued_work import do_attempt
from core.jobs.kinds import KINDS
from core.library.job_store import Job
from core.migration import migrate_to_store
from core.object_store import open_object_store
from core.object_store.team_library import open_library
from core.queue import DatabaseJobStore, recover_abandoned, take_attempt
from core.settings import Settings
from core.worker import Worker
from tests.fault_injection.crash_client import SIGKILL, request
from tests.fault_injection.node_process import STAGES_BY_KIND
from tests.helpers import wait_until

KILLED = "faults injected and survived: a team's worker killed in a real {}"
IN_EVERY_RUN = ("save-after the manifest",)

pytestmark = pytest.mark.trust


class TeamWithModel(NamedTuple):
    """A server of a team whose library has a trained run, and what workers may be given: formats, or a file."""

    jobs: Jobs
    run: str
    file: Path
    warm: dict[str, Any]

    def submit(self, kind: str) -> Job:
        return self.jobs.save(self.run, ["keras", "h5"]) if kind == "save" else self.jobs.import_model(self.file)

    def line(self, job: Job, kind: str, stage: str) -> dict[str, Any]:
        config = self.jobs.config
        addresses = {"database": config.database_url, "store": config.store_url}
        home = str(config.home.with_name("killed"))
        return {"home": home, **addresses, "job": job.id, "kind": kind, "stage": stage, "warm": self.warm}


@pytest.fixture
def team_with_model(
    copied_entries: Callable[..., tuple[Jobs, str, dict[str, str]]],
    worker: Worker,
    team_settings: Settings,
    tmp_path: Path,
) -> TeamWithModel:
    """A team over an empty store, into which a run was brought."""
    alone, run, artifacts = copied_entries("digits-mlp", "keras")
    shutil.copytree(alone.library.verified_folder(artifacts["keras"]), tmp_path / "given")
    (file,) = (tmp_path / "given").iterdir()
    alone.library.remove(artifacts["keras"])
    alone.library.empty_trash(0)
    library = open_library(team_settings)
    assert migrate_to_store(alone.library, open_object_store(team_settings.store_url)).is_complete
    library.rebuild_catalog()
    tested = worker.run_sandbox_check().model_dump()
    warm = {"folder": str(worker._folder), "boxes": str(worker._exchange_folders), "tested": tested}
    return TeamWithModel(Jobs(None, worker, team_settings), run, file.rename(tmp_path / "theirs.keras"), warm)


def stage_params() -> list[Any]:
    ids = {f"{kind}-{stage}": (kind, stage) for kind, names in STAGES_BY_KIND.items() for stage in names}
    long = pytest.mark.long
    return [pytest.param(*item, id=id_, marks=[] if id_ in IN_EVERY_RUN else long) for id_, item in ids.items()]


def has_ended(jobs: Jobs, job: Job) -> bool:
    return not jobs.job_store.read(job.id).is_active


def do_again(jobs: Jobs, job: Job) -> None:
    """Be the worker that takes a job up."""
    store = jobs.job_store
    assert isinstance(store, DatabaseJobStore)
    # A database notices a little later that who held a lock is gone.
    wait_until(lambda: bool(recover_abandoned(store.database, "another worker", [], 0).queued) or has_ended(jobs, job))
    if attempt := take_attempt(store, job.id, "another worker"):
        with attempt:
            do_attempt(copy.copy(jobs), KINDS, attempt, store.files)


@pytest.mark.parametrize(("kind", "stage"), stage_params())
def test_worker_killed_at_stage_has_its_job_take_effect_once(team_with_model: TeamWithModel, kind, stage, tally):
    jobs, job = team_with_model.jobs, team_with_model.submit(kind)
    before = set(jobs.library.ids())
    ended = request("tests.fault_injection.node_process", team_with_model.line(job, kind, stage))
    assert ended["status"] == SIGKILL
    do_again(jobs, job)
    end = jobs.job_store.read(job.id)
    assert end.state == "done", end.error
    library, new = jobs.library, set(jobs.library.ids()) - before
    rows = end.format_rows if kind == "save" else {"import": end.result}
    assert {row["verdict"] for row in rows.values()} == {"bit-identical"}
    artifacts = {row["artifact"] for row in rows.values()}
    assert new == artifacts | ({end.result["run"]} if kind == "import" else set())
    assert {entry.id for entry in library.find()} == artifacts
    assert [row.id for row in verify_entries(library) if not row.is_intact] == []
    assert find_catalog_differences(library) == []
    assert repair_library(library) == []
    tally(KILLED.format(kind))


@pytest.mark.long
@pytest.mark.parametrize("kind", STAGES_BY_KIND)
def test_worker_that_is_not_killed_ends_its_job(team_with_model: TeamWithModel, kind):
    """Else the tests above would show nothing."""
    job = team_with_model.submit(kind)
    assert request("tests.fault_injection.node_process", team_with_model.line(job, kind, ""))["status"] == 0
    end = team_with_model.jobs.job_store.read(job.id)
    assert end.state == "done", end.error
    artifacts = [row["artifact"] for row in end.format_rows.values()] if kind == "save" else [end.result["artifact"]]
    assert sorted(entry.id for entry in team_with_model.jobs.library.find()) == sorted(artifacts)
