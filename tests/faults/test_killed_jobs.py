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
from tests.conftest import finished, until
from tests.faults.crashes import SIGKILL, ask
from tests.faults.oracle import hold_invariants, state
from tests.faults.stages import IMPORTING, SAVING, at

KILLED = "faults injected and survived: {} killed in a real {}"
IN_EVERY_RUN = ("save-before the rename",)
DEEDS = {"save": SAVING, "import": IMPORTING}
# What a child is asked, in order: each time it is killed before it answers.
QUESTIONS = {"save": ("save", "reload"), "import": ("inspect_brought", "hold_brought", "answer", "reload")}
# When a warm process that is killed has children of ours at work, or is to give one.
WARM = {
    "save": ("before the child is asked", "while the child writes", "when the child has saved", "before hashing"),
    "import": ("before the file is checked", "when a child has looked inside", "when a child has loaded it"),
}

pytestmark = pytest.mark.trust


class House(NamedTuple):
    """A home with a run in it, what may be done there (formats to save in, or a file to bring in), and how it was."""

    home: Path
    given: dict[str, Any]
    before: dict[str, dict[str, str]]


@pytest.fixture
def house(jobs: Jobs, trained, saved, tmp_path: Path) -> House:
    """A home of its own with a trained run, and a `.keras` file beside it."""
    home, run = tmp_path / "store", trained("digits-mlp")
    Library(home)
    shutil.copytree(jobs.library.folder(run), home / "runs" / run)
    shutil.copytree(jobs.library.verified_folder(saved("digits-mlp", "keras")["artifact"]), tmp_path / "given")
    (file,) = (tmp_path / "given").iterdir()
    return House(home, {"save": ["keras"], "import": str(file.rename(tmp_path / "theirs.keras"))}, state(home))


@pytest.fixture
def warm(worker: Worker) -> dict[str, Any]:
    """What an app of its own needs to use the warm process of this one."""
    tested = worker.run_sandbox_test().model_dump()
    return {"folder": str(worker._folder), "boxes": str(worker._exchange_folders), "tested": tested}


@pytest.fixture(scope="module")
def fragile(config) -> Iterator[Worker]:
    """A worker whose warm process may be killed."""
    one = Worker(config)
    one.start()
    yield one
    one.close()


def hold(house: House) -> Library:
    """The oracle; beside it, that every job has ended or is said to be interrupted, and that what it says is so."""
    library = hold_invariants(house.home, house.before)
    for job in JobStore(house.home / "jobs", 9).list_jobs():
        assert job.state in ("done", "failed", "interrupted"), "I6: a job is under way, and nobody does it"
        acknowledged(library, JobStore(house.home / "jobs", 9).read(job.id))
    return library


def acknowledged(library: Library, job: Job) -> None:
    """I1: what a job says that it kept is there."""
    kept = [row["artifact"] for row in job.format_rows.values() if row["state"] == "done"]
    for id_ in kept + [job.result[key] for key in ("run", "artifact") if key in job.result]:
        library.verify(id_)


def stages() -> list[Any]:
    ids = {f"{deed}-{stage}": (deed, stage) for deed, names in DEEDS.items() for stage in names}
    return [pytest.param(*one, id=id_, marks=[] if id_ in IN_EVERY_RUN else LONG) for id_, one in ids.items()]


LONG = pytest.mark.long


# The app


@pytest.mark.parametrize(("deed", "stage"), stages())
def test_an_app_is_killed(house: House, warm: dict, deed: str, stage: str, tally: Callable):
    line = {"home": str(house.home), "do": deed, "what": house.given[deed], "stage": stage, "warm": warm}
    assert ask("tests.faults.an_app", line)["status"] == SIGKILL
    hold(house)
    tally(KILLED.format("an app", deed))


@pytest.mark.long
@pytest.mark.parametrize("stage", SAVING)
def test_an_app_is_killed_that_saves_in_two_formats_at_once(house: House, warm: dict, stage: str, tally: Callable):
    line = {"home": str(house.home), "do": "save", "what": ["keras", "saved_model"], "stage": stage, "warm": warm}
    assert ask("tests.faults.an_app", line)["status"] == SIGKILL
    hold(house)
    tally(KILLED.format("an app", "save"))


@pytest.mark.long
@pytest.mark.parametrize("deed", DEEDS)
def test_an_app_that_nobody_kills_does_what_it_was_asked(house: House, warm: dict, deed: str):
    """Else the tests above would show nothing."""
    line = {"home": str(house.home), "do": deed, "what": house.given[deed], "stage": "", "warm": warm}
    ended = ask("tests.faults.an_app", line)
    assert (ended["status"], ended["said"]["state"]) == (0, "done")
    assert len(hold(house).find()) == 2


# The warm process, and children


@pytest.mark.long
@pytest.mark.parametrize(("deed", "stage"), [(deed, stage) for deed, names in WARM.items() for stage in names])
def test_a_warm_process_is_killed(house: House, fragile: Worker, monkeypatch, deed: str, stage: str, tally: Callable):
    killed: list[int] = []

    def kill() -> None:
        killed.append(fragile._process.pid)
        os.kill(killed[0], signal.SIGKILL)

    fragile.run_sandbox_test()
    jobs = jobs_over(house, fragile)
    at(DEEDS[deed][stage], kill, house.home / "staging", monkeypatch.setattr)
    end = done(jobs, deed, house)
    monkeypatch.undo()
    assert len(killed) == 1
    said_well(end)
    acknowledged(hold(house), end)
    assert (
        finished(jobs, jobs.save(jobs.library.runs()[-1].id, ["keras"])).format_rows["keras"]["verdict"]
        == "bit-identical"
    )
    tally(KILLED.format("a warm process", deed))


@pytest.mark.long
@pytest.mark.parametrize(("deed", "task"), [(deed, task) for deed, tasks in QUESTIONS.items() for task in tasks])
def test_a_child_is_killed(house: House, worker: Worker, monkeypatch, deed: str, task: str, tally: Callable):
    real, killed = Child.send, []

    def send(child: Child, asked: str, *rest: Any, **more: Any) -> None:
        if asked != task or killed:
            return real(child, asked, *rest, **more)
        until(lambda: child.pid is not None)
        killed.append(child.pid)
        os.killpg(child.pid, signal.SIGSTOP)  # so that it has no time to answer
        real(child, asked, *rest, **more)
        os.killpg(child.pid, signal.SIGKILL)
        return None

    monkeypatch.setattr(Child, "send", send)
    jobs = jobs_over(house, worker)
    end = done(jobs, deed, house)
    assert len(killed) == 1
    error = said_well(end)
    told = "The process that looked into the file ended" if task == "inspect_brought" else "SIGKILL"
    assert error is None or told in error.sentence, error
    if task == "reload":  # tried once more: a kill says nothing of the copy
        assert (end.format_rows["keras"] if deed == "save" else end.result)["verdict"] == "bit-identical"
    acknowledged(hold(house), end)
    tally(KILLED.format("a child", deed))


def jobs_over(house: House, worker: Worker) -> Jobs:
    return Jobs(Library(house.home), worker, worker.config.model_copy(update={"home": house.home}))


def done(jobs: Jobs, deed: str, house: House) -> Job:
    if deed == "save":
        return jobs.wait(jobs.save(jobs.library.runs()[0].id, house.given["save"]).id)
    return jobs.wait(jobs.import_model(Path(house.given["import"])).id)


def said_well(end: Job):
    """What a job says that failed: a sentence and a cure; None where it went well all the same."""
    assert end.state in ("done", "failed")
    row = end.format_rows.get("keras", {})
    told = end.error or row.get("error")
    if told is None:
        assert end.result.get("artifact") or row["state"] == "done"
        return None
    error = error_from_json(told)
    assert error.sentence.endswith(".")
    assert error.cure
    return error
