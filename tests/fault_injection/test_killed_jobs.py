"""Real saves and imports with TensorFlow; the app, the warm process or a child is killed with signal 9 (I1–I6)."""

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from core.errors import error_from_json
from core.jobs import Jobs
from core.library import Library
from core.library.job_store import Job, JobStore
from core.worker import Worker
from core.worker.child_handle import Child
from tests.fault_injection.crash_client import SIGKILL, request
from tests.fault_injection.invariants import assert_invariants, hash_entries
from tests.fault_injection.job_stages import IMPORT_STAGES, SAVE_STAGES, run_at_stage
from tests.helpers import wait_until, wait_until_done

KILLED = "faults injected and survived: {} killed in a real {}"
IN_EVERY_RUN = ("save-before the rename",)
STAGES_BY_JOB = {"save": SAVE_STAGES, "import": IMPORT_STAGES}
# What a child is asked, in order: each time it is killed before it answers.
TASKS_BY_JOB = {"save": ("save", "reload"), "import": ("inspect_brought", "load_imported", "predict", "reload")}
# When a warm process that is killed has children of ours at work, or is to give one.
FORKSERVER_STAGES = {
    "save": ("before the child is asked", "while the child writes", "when the child has saved", "before hashing"),
    "import": ("before the file is checked", "when a child has looked inside", "when a child has loaded it"),
}

pytestmark = pytest.mark.trust


class JobHome(NamedTuple):
    """A home with a run in it, what may be done there (formats to save in, or a file to bring in), and how it was."""

    home: Path
    given: dict[str, Any]
    before: dict[str, dict[str, str]]


@pytest.fixture
def job_home(jobs: Jobs, trained, saved, tmp_path: Path) -> JobHome:
    """A home of its own with a trained run, and a `.keras` file beside it."""
    home, run = tmp_path / "store", trained("digits-mlp")
    Library(home)
    shutil.copytree(jobs.library.folder(run), home / "runs" / run)
    shutil.copytree(jobs.library.verified_folder(saved("digits-mlp", "keras")["artifact"]), tmp_path / "given")
    (file,) = (tmp_path / "given").iterdir()
    return JobHome(home, {"save": ["keras"], "import": str(file.rename(tmp_path / "theirs.keras"))}, hash_entries(home))


@pytest.fixture
def forkserver_access(worker: Worker) -> dict[str, Any]:
    """What an app of its own needs to use the warm process of this one."""
    tested = worker.run_sandbox_check().model_dump()
    return {"folder": str(worker._folder), "boxes": str(worker._exchange_folders), "tested": tested}


@pytest.fixture(scope="module")
def killable_worker(config) -> Iterator[Worker]:
    """A worker whose warm process may be killed."""
    worker = Worker(config)
    worker.start()
    yield worker
    worker.close()


def assert_job_invariants(house: JobHome) -> Library:
    """The oracle; beside it, that every job has ended or is said to be interrupted, and that what it says is so."""
    library = assert_invariants(house.home, house.before)
    for job in JobStore(house.home / "jobs", 9).list_jobs():
        assert job.state in ("done", "failed", "interrupted"), "I6: a job is under way, and nobody does it"
        assert_acknowledged_stored(library, JobStore(house.home / "jobs", 9).read(job.id))
    return library


def assert_acknowledged_stored(library: Library, job: Job) -> None:
    """I1: what a job says that it kept is there."""
    artifact_ids = [row["artifact"] for row in job.format_rows.values() if row["state"] == "done"]
    for id_ in artifact_ids + [job.result[key] for key in ("run", "artifact") if key in job.result]:
        library.verify(id_)


def stage_params() -> list[Any]:
    ids = {f"{operation}-{stage}": (operation, stage) for operation, names in STAGES_BY_JOB.items() for stage in names}
    return [pytest.param(*item, id=id_, marks=[] if id_ in IN_EVERY_RUN else LONG) for id_, item in ids.items()]


LONG = pytest.mark.long


# The stages


@pytest.mark.parametrize("deed", STAGES_BY_JOB)
def test_every_stage_is_reached_by_its_job(job_home: JobHome, worker: Worker, monkeypatch, deed: str):
    """Else nothing goes wrong there, and what is asserted of it holds in any case."""
    stages, staging = STAGES_BY_JOB[deed], job_home.home / "staging"
    reached = {name: run_at_stage(stage, lambda: None, staging, monkeypatch.setattr) for name, stage in stages.items()}
    assert run_job(make_home_jobs(job_home, worker), deed, job_home).state == "done"
    wait_until(lambda: reached["after the job's end is kept"])  # the job is done for all others a moment before
    assert [name for name, stages in reached.items() if len(stages) != 1] == []


# The app


@pytest.mark.parametrize(("deed", "stage"), stage_params())
def test_app_killed_at_stage_keeps_invariants(
    job_home: JobHome, forkserver_access: dict, deed: str, stage: str, tally: Callable
):
    line = {
        "home": str(job_home.home),
        "do": deed,
        "what": job_home.given[deed],
        "stage": stage,
        "warm": forkserver_access,
    }
    assert request("tests.fault_injection.app_process", line)["status"] == SIGKILL
    assert_job_invariants(job_home)
    tally(KILLED.format("an app", deed))


@pytest.mark.long
@pytest.mark.parametrize("stage", SAVE_STAGES)
def test_app_killed_while_saving_two_formats_keeps_invariants(
    job_home: JobHome, forkserver_access: dict, stage: str, tally: Callable
):
    line = {
        "home": str(job_home.home),
        "do": "save",
        "what": ["keras", "saved_model"],
        "stage": stage,
        "warm": forkserver_access,
    }
    assert request("tests.fault_injection.app_process", line)["status"] == SIGKILL
    assert_job_invariants(job_home)
    tally(KILLED.format("an app", "save"))


@pytest.mark.long
@pytest.mark.parametrize("deed", STAGES_BY_JOB)
def test_app_without_kill_completes_its_job(job_home: JobHome, forkserver_access: dict, deed: str):
    """Else the tests above would show nothing."""
    line = {
        "home": str(job_home.home),
        "do": deed,
        "what": job_home.given[deed],
        "stage": "",
        "warm": forkserver_access,
    }
    ended = request("tests.fault_injection.app_process", line)
    assert (ended["status"], ended["result"]["state"]) == (0, "done")
    assert len(assert_job_invariants(job_home).find()) == 2


# The warm process, and children


@pytest.mark.long
@pytest.mark.parametrize(
    ("deed", "stage"), [(operation, stage) for operation, names in FORKSERVER_STAGES.items() for stage in names]
)
def test_forkserver_killed_at_stage_keeps_invariants(
    job_home: JobHome, killable_worker: Worker, monkeypatch, deed: str, stage: str, tally: Callable
):
    killed: list[int] = []

    def kill() -> None:
        killed.append(killable_worker._process.pid)
        os.kill(killed[0], signal.SIGKILL)

    killable_worker.run_sandbox_check()
    jobs = make_home_jobs(job_home, killable_worker)
    run_at_stage(STAGES_BY_JOB[deed][stage], kill, job_home.home / "staging", monkeypatch.setattr)
    end = run_job(jobs, deed, job_home)
    monkeypatch.undo()
    assert len(killed) == 1
    assert_failure_explained(end)
    assert_acknowledged_stored(assert_job_invariants(job_home), end)
    assert (
        wait_until_done(jobs, jobs.save(jobs.library.runs()[-1].id, ["keras"])).format_rows["keras"]["verdict"]
        == "bit-identical"
    )
    tally(KILLED.format("a warm process", deed))


@pytest.mark.long
@pytest.mark.parametrize(
    ("deed", "task"), [(operation, task) for operation, tasks in TASKS_BY_JOB.items() for task in tasks]
)
def test_child_killed_during_task_keeps_invariants(
    job_home: JobHome, worker: Worker, monkeypatch, deed: str, task: str, tally: Callable
):
    real, killed = Child.send, []

    def send(child: Child, asked: str, *rest: Any, **more: Any) -> None:
        if asked != task or killed:
            return real(child, asked, *rest, **more)
        wait_until(lambda: child.pid is not None)
        killed.append(child.pid)
        os.killpg(child.pid, signal.SIGSTOP)  # so that it has no time to answer
        real(child, asked, *rest, **more)
        os.killpg(child.pid, signal.SIGKILL)
        return None

    monkeypatch.setattr(Child, "send", send)
    jobs = make_home_jobs(job_home, worker)
    end = run_job(jobs, deed, job_home)
    assert len(killed) == 1
    error = assert_failure_explained(end)
    reply = "The process that looked into the file ended" if task == "inspect_brought" else "SIGKILL"
    assert error is None or reply in error.sentence, error
    if task == "reload":  # tried once more: a kill says nothing of the copy
        assert (end.format_rows["keras"] if deed == "save" else end.result)["verdict"] == "bit-identical"
    assert_acknowledged_stored(assert_job_invariants(job_home), end)
    tally(KILLED.format("a child", deed))


def make_home_jobs(house: JobHome, worker: Worker) -> Jobs:
    return Jobs(Library(house.home), worker, worker.config.model_copy(update={"home": house.home}))


def run_job(jobs: Jobs, deed: str, house: JobHome) -> Job:
    if deed == "save":
        return jobs.wait(jobs.save(jobs.library.runs()[0].id, house.given["save"]).id)
    return jobs.wait(jobs.import_model(Path(house.given["import"])).id)


def assert_failure_explained(end: Job):
    """What a job says that failed: a sentence and a cure; None where it went well all the same."""
    assert end.state in ("done", "failed")
    row = end.format_rows.get("keras", {})
    reply = end.error or row.get("error")
    if reply is None:
        assert end.result.get("artifact") or row["state"] == "done"
        return None
    error = error_from_json(reply)
    assert error.sentence.endswith(".")
    assert error.cure
    return error
