"""Copies that predict on chosen workers of a team: asked through the queue, answered through the store."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from core.errors import InputError
from core.jobs import Jobs
from core.jobs.elsewhere_answers import find_answers
from core.jobs.places.place import at_place
from core.migration import migrate_to_store
from core.object_store import open_object_store
from core.queue import QueueDatabase, WorkerRegistry, WorkerRequirements
from tests.environments.test_machines import has_avx512
from tests.factories.own_places import add_places, make_onnxruntime
from tests.factories.queue_team import Team
from tests.helpers import wait_until
from tests.queue.test_workers import announce


class SharedRun(NamedTuple):
    """What a server of a team has, and a run with copies in its store."""

    team: Team
    jobs: Jobs
    run: str
    copies: dict[str, str]  # by format


@pytest.fixture
def shared(team: Team, copied_entries: Callable) -> Iterator[Callable[..., SharedRun]]:
    """A function that shares a run of a demo with a team."""
    opened: list[Jobs] = []

    def share(demo: str, *formats: str) -> SharedRun:
        alone, run, copies = copied_entries(demo, *formats)
        assert migrate_to_store(alone.library, open_object_store(team.store_url)).is_complete
        opened.append(team.make_server(kinds="all"))
        opened[0].library.rebuild_catalog()
        return SharedRun(team, opened[0], run, copies)

    yield share
    for jobs in opened:
        jobs.worker.close()


def test_copy_predicts_on_a_chosen_worker_beside_full_slots(
    shared: Callable[..., SharedRun], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """The only slot of the only worker is taken by the job that waits for what this worker answers."""
    team, jobs, _, copies = shared("digits-mlp", "onnx")
    add_places(monkeypatch, jobs, tmp_path / "own")  # of which ONNX Runtime alone is imported
    monkeypatch.setattr("core.jobs.places.answers.get_environment_or_own", lambda key: make_onnxruntime())
    for module in ("node", "node_facts"):
        monkeypatch.setattr(f"core.jobs.execution.{module}.list_built", lambda config: {"own-onnx": 1})
    there = at_place(copies["onnx"], "own-onnx@worker:board")
    with team.running_node("board", kinds="all", concurrency=1, lost_seconds=30) as node:
        job = jobs.wait(jobs.compare([there], 40).id)
        node._context.environment_processes.close()
    assert job.error is None
    outcome = job.result["outcomes"][there]
    assert (outcome["error"], outcome["verdict"], outcome["rows"]) == (None, "rounding", 40)
    place = outcome["place"]
    assert (place["key"], place["label"]) == ("own-onnx@worker:board", "Own ONNX Runtime, on board")
    assert (place["machine"]["worker"], place["machine"]["limits"]) == ("board", {})
    assert place["machine"]["threads"] > 0 < len(place["machine"]["processor"])
    assert [each.kind for each in jobs.job_store.list_jobs()] == ["compare"]  # that for the worker is deleted


def test_worker_that_is_not_there_is_said_at_once(shared: Callable[..., SharedRun]):
    team, jobs, run, copies = shared("digits-mlp", "onnx")
    there = at_place(copies["onnx"], "worker:board")
    for ask in (lambda: jobs.compare([there]), lambda: jobs.ask_elsewhere(run, ["worker:board"])):
        with pytest.raises(InputError, match="No worker of that name takes jobs now") as caught:
            ask()
        assert (caught.value.received, "roundtrip worker --name" in caught.value.cure) == ("board", True)
    announce(team, "server-2")
    with pytest.raises(InputError, match="No worker of that name") as caught:
        jobs.compare([there])
    assert caught.value.cure == "Choose from server-2."
    assert jobs.job_store.list_jobs() == []


def test_worker_that_goes_in_the_middle_fails_alone(shared: Callable[..., SharedRun], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("core.jobs.places.worker_place.LOOKS", 1)
    team, jobs, _, copies = shared("digits-mlp", "onnx")
    there = at_place(copies["onnx"], "here@worker:lost")
    gone = announce(team, "lost")
    with team.running_node("board", kinds="all", lost_seconds=30):
        job = jobs.compare([there], 40)
        wait_until(lambda: any(each.kind == "answers" for each in jobs.job_store.list_jobs()))
        WorkerRegistry(QueueDatabase(team.database_url)).remove(gone)
        outcomes = jobs.wait(job.id).result["outcomes"]
    assert outcomes[there]["error"]["sentence"] == "The worker lost went away before it had answered."
    assert outcomes[there]["verdict"] == "not-verified"


def test_job_for_one_worker_waits_in_a_queue_of_its_own(team: Team):
    needs = WorkerRequirements(worker="board", environments=("openvino",))
    assert needs.queue == "worker.board+environment.openvino"
    node = team.make_node("arm")
    assert node._announcement.list_missing(needs)[0] == "the worker board"
    assert not node._announcement.list_missing(WorkerRequirements(worker="arm"))


@pytest.mark.long
@pytest.mark.skipif(not has_avx512(), reason="what fewer instructions change was seen with AVX-512")
def test_worker_with_fewer_instructions_is_the_same_to_rounding(shared: Callable[..., SharedRun]):
    team, jobs, run, copies = shared("digits-cnn", "keras")
    plain, limited = (at_place(copies["keras"], f"here@worker:{name}") for name in ("x86", "old"))
    variables = {"ONEDNN_MAX_CPU_ISA": "SSE41"}
    with (
        team.node_process("x86", kinds="all", lost_seconds=60),
        team.node_process("old", kinds="all", lost_seconds=60, **variables),
    ):
        wait_until(lambda: len(team.workers()) == 2)
        told = {worker.announcement.name: worker.announcement.limits for worker in team.workers()}
        assert told == {"x86": {}, "old": variables}
        job = jobs.wait(jobs.compare([limited], baseline=plain).id)
        asked = jobs.wait(jobs.ask_elsewhere(run, ["worker:x86", "worker:old"]).id)
    outcome = job.result["outcomes"][limited]
    assert (outcome["verdict"], 0 < outcome["max_abs"] < 1e-4) == ("rounding", True)
    assert outcome["place"]["machine"]["limits"] == variables
    cells = asked.result["rows"][copies["keras"]]["cells"]
    assert cells["here@worker:old"]["machine"]["limits"] == variables
    assert list(find_answers(jobs.job_store, run)[copies["keras"]]) == ["here@worker:old", "here@worker:x86"]
    assert cells["here@worker:x86"]["max_abs"] != cells["here@worker:old"]["max_abs"]
