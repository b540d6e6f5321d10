"""A job goes only to a worker that allows the memory which its model takes, and takes such jobs; or it says why."""

from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from core.cli.worker import WorkerQueues
from core.errors import InputError
from core.jobs import Jobs
from core.jobs.execution.driver import Requirements
from core.jobs.execution.given_files import MODEL, GivenFiles
from core.jobs.execution.job_memory import CHILD_BYTES, estimate_memory
from core.jobs.kinds import KINDS
from core.library import Library
from core.library.storage import list_files
from core.object_store import RemoteFile
from core.queue import Announcement, QueueDatabase, Queues, WorkerRegistry, WorkerRequirements, job_rows, round_memory
from core.settings import GB
from tests.factories.library_entries import make_artifact, make_run
from tests.factories.queue_team import Team
from tests.helpers import run_command

FACTS = {"version": "1", "python": "3.11", "system": "Linux", "processor": "x", "processors": 2, "memory": 8 * GB}


def announce(team: Team, name: str, **facts: Any) -> None:
    registry = WorkerRegistry(QueueDatabase(team.database_url))
    registry.announce(f"{name}-1", Announcement(name=name, **FACTS | facts), lost_seconds=60)


def queue_of(jobs: Jobs, kind: str, **request: Any) -> str:
    job = jobs._start(kind, "A job", request)
    return jobs.job_store.database.run(job_rows.read_row, job.id).queue


@pytest.mark.parametrize(
    ("size", "memory_gb"), [(0, 0), (2 * GB - 1, 0), (2 * GB, 2), (7.9 * GB, 4), (8 * GB, 8), (300 * GB, 256)]
)
def test_memory_is_rounded_down_to_few_sizes(size: float, memory_gb: int):
    assert round_memory(size) == memory_gb


def test_memory_is_that_of_the_largest_model(empty_library: Library, tmp_path: Path):
    run = make_run(empty_library, weight_bytes=700)
    small, large = (make_artifact(empty_library, run, content=bytes(size)) for size in (10, 1000))
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights").write_bytes(bytes(9000))

    def estimate(**needs: Any) -> int:
        given = GivenFiles({MODEL: tmp_path / "model"})
        return estimate_memory(empty_library, Requirements(**needs), given) - CHILD_BYTES

    assert estimate() == estimate(copies=("a0000000000",), runs=("r0000000000",)) == 0
    assert estimate(copies=(small.id, large.id)) == 2 * large.bytes == 6000
    assert estimate(runs=(run.id,)) == 1400
    assert estimate(copies=(small.id,), runs=(run.id,), has_given_model=True) == 9000


@pytest.mark.parametrize(
    ("format_key", "times"), [("keras", 2), ("h5", 2), ("saved_model", 2), ("onnx", 1), ("pt2", 1)]
)
def test_copy_takes_twice_its_size_where_that_was_measured(empty_library: Library, format_key: str, times: int):
    artifact = make_artifact(empty_library, make_run(empty_library), format_key)
    needs = Requirements(copies=(artifact.id,))
    assert estimate_memory(empty_library, needs, GivenFiles()) == CHILD_BYTES + times * artifact.bytes


@pytest.mark.parametrize(
    ("name", "times"), [("m.keras", 2), ("M.H5", 2), ("variables.data-00000-of-00001", 2), ("m.zip", 1), ("m.onnx", 1)]
)
def test_given_file_takes_twice_its_size_where_that_was_measured(tmp_path: Path, name: str, times: int):
    (tmp_path / name).write_bytes(bytes(1000))
    remote = RemoteFile(MODEL, "model", "", name, 1000, "", [])
    for given in (GivenFiles({MODEL: tmp_path / name}), GivenFiles(remote=(remote,))):
        assert estimate_memory(None, Requirements(has_given_model=True), given) == CHILD_BYTES + times * 1000


@pytest.mark.parametrize("kind", ["save", "import", "compare", "layers", "cost"])
def test_each_kind_says_which_models_it_loads(kind: str):
    request = {"run": "r1", "formats": [], "baseline": "r1", "other": "r1", "artifacts": ["r1"]}
    needs = KINDS[kind].requirements(request)
    assert needs.has_given_model if kind == "import" else needs.runs == ("r1",)


def test_large_model_goes_only_where_it_fits(team: Team, monkeypatch):
    monkeypatch.setattr("core.jobs.execution.job_memory.TIMES_ITS_SIZE", 10**9)
    jobs = team.make_server(kinds="all")
    run = make_run(jobs.library)
    small, large = (make_artifact(jobs.library, run, content=bytes(size)).id for size in (0, 9))  # 0 and 27 "GB"
    announce(team, "small", memory=200 * GB, child_memory=6 * GB)
    assert queue_of(jobs, "resume", run=run.id, artifacts=[small]) == "anywhere"
    with pytest.raises(InputError, match="No worker that runs now can do this") as caught:
        jobs._start("resume", "A job", {"run": run.id, "artifacts": [small, large]})
    assert caught.value.received == "missing: 16 GB of memory for one model"
    announce(team, "earlier version", memory=20 * GB)
    assert queue_of(jobs, "resume", run=run.id, artifacts=[small, large]) == "memory.16"
    assert queue_of(jobs, "cost", artifacts=[large]) == "memory.16+alone"


def test_given_model_goes_only_where_it_fits(team: Team, tmp_path: Path, monkeypatch):
    monkeypatch.setattr("core.jobs.execution.job_memory.TIMES_ITS_SIZE", 10**9)
    jobs = team.make_server(kinds="all")
    announce(team, "small", child_memory=6 * GB)
    (tmp_path / "model.keras").write_bytes(bytes(50))
    with pytest.raises(InputError, match="No worker that runs now can do this"):
        jobs._start("import", "A job", {}, files=GivenFiles({MODEL: tmp_path / "model.keras"}))
    assert jobs.job_store.list_jobs() == []
    assert list_files(team.folder / "objects" / "given") == []


def test_worker_takes_only_the_jobs_that_it_is_for(team: Team):
    jobs = team.make_server()
    with team.running_node("bulk", queues="bulk"), team.running_node("click", queues="click"):
        ends = [jobs.wait(each._start("echo", "Echo", {}).id) for each in (jobs, jobs.in_bulk())]
        queues = [jobs.job_store.database.run(job_rows.read_row, end.id) for end in ends]
    assert [end.state for end in ends] == ["done", "done"]
    assert [(row.queue, row.worker.partition("-")[0]) for row in queues] == [("anywhere", "click"), ("bulk", "bulk")]


@pytest.mark.parametrize(("queues", "lack"), [("bulk", "is clicked"), ("click", "is done in bulk")])
def test_job_that_no_worker_is_for_says_so(team: Team, queues: str, lack: str):
    jobs = team.make_server()
    announce(team, "one", queues=queues)
    with pytest.raises(InputError, match="No worker that runs now can do this") as caught:
        (jobs if queues == "bulk" else jobs.in_bulk())._start("echo", "Echo", {})
    assert caught.value.received == f"missing: a worker that takes what {lack}"


@pytest.mark.parametrize("queues", ["all", "click", "bulk"])
@pytest.mark.parametrize("is_bulk", [False, True])
def test_what_a_worker_alone_may_do_it_always_takes(queues, is_bulk):
    named = Announcement(name="one", queues=queues, **FACTS)
    assert named.list_missing(WorkerRequirements(worker="one", is_bulk=is_bulk)) == []


def test_needs_of_earlier_versions_are_written_as_they_were():
    """Their workers refuse what they do not know."""

    class Earlier(WorkerRequirements):
        memory_gb: None = None
        is_bulk: None = None

    assert WorkerRequirements(packages=("onnx",)).to_json() == (
        '{"environments":[],"packages":["onnx"],"is_exclusive":false,"worker":""}'
    )
    for needs in (WorkerRequirements(memory_gb=8), WorkerRequirements(is_bulk=True)):
        assert WorkerRequirements.model_validate_json(needs.to_json()) == needs
        with pytest.raises(ValidationError):
            Earlier.model_validate_json(needs.to_json())


def test_command_takes_no_other_queues():
    status, _, errors = run_command("worker", "--queues", "fast")
    assert status == 2
    assert "Invalid value for '--queues'" in errors
    assert "'fast' is not one of 'all', 'click', 'bulk'." in errors


def test_command_takes_the_queues_that_there_are():
    assert {each.value for each in WorkerQueues} == {*get_args(Queues)}
