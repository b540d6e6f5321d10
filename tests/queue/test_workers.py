"""Workers of a team: what they announce, what they are given, and how they end."""

import signal
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.errors import InputError
from core.jobs.execution.driver import JobKind
from core.jobs.execution.given_files import MODEL, GivenFiles
from core.jobs.execution.job_handle import JobHandle
from core.jobs.execution.node import run_node
from core.jobs.execution.node_facts import describe_node
from core.jobs.execution.queued_driver import NO_WORKER
from core.jobs.execution.workers import ask_worker, list_workers
from core.jobs.maintenance import find_last_report
from core.jobs.upgrades.upgrade import UpgradeWork
from core.library.permissions import Viewer
from core.object_store import open_object_store
from core.queue import Announcement, JobFiles, QueueDatabase, WorkerRegistry, WorkerRequirements, job_rows
from core.settings import Settings
from core.upgrade.row_store import RowStore
from core.upgrade.rows import Cure, Status, UpgradeRow
from core.upgrade.sides import get_side
from tests.factories.library_entries import make_artifact, make_run
from tests.factories.queue_team import Team
from tests.factories.small_kinds import SMALL_KINDS, run_echo
from tests.helpers import wait_until
from tests.postgresql_server import execute


def waiting_request(folder: Path) -> dict[str, str]:
    return {"until": str(folder / "until"), "begun": str(folder / "begun")}


def announce(team: Team, name: str, **facts) -> str:
    """Enter a worker that is there for a minute and does nothing."""
    fields = {"version": "1", "python": "3.11", "system": "Linux", "processor": "x", "processors": 2, "memory": 10**9}
    registry = WorkerRegistry(QueueDatabase(team.database_url))
    registry.announce(f"{name}-1", Announcement(name=name, **fields | facts), lost_seconds=60)
    return f"{name}-1"


def test_job_that_no_worker_can_do_is_refused_with_what_is_missing(team):
    jobs = team.make_server()
    announce(team, "plain", environments={"keras-3.3": 5})
    announce(team, "builder", buildable_environments=("keras-3.3", "tract"))
    job = jobs._start("echo", "Echo", {"environments": ["keras-3.3", "tract"]})
    assert (job.note, jobs.job_store.read(job.id).state) == ("", "queued")
    with pytest.raises(InputError, match="No worker that runs now can do this") as caught:
        jobs._start("echo", "Echo", {"environments": ["tract", "nowhere"]})
    assert caught.value.received == "missing: the environment nowhere"
    assert [each.id for each in jobs.job_store.list_jobs()] == [job.id]


def test_job_waits_for_the_first_worker_and_says_so(team):
    jobs = team.make_server()
    job = jobs._start("echo", "Echo", {})
    assert jobs.job_store.read(job.id).note == NO_WORKER
    with team.running_node():
        assert jobs.wait(job.id).state == "done"


def test_job_goes_only_where_it_can_be_done(team):
    jobs = team.make_server()
    announce(team, "able", environments={"rare": 1})
    rare, common = jobs._start("echo", "Rare", {"environments": ["rare"]}), jobs._start("echo", "Common", {})
    with team.running_node():
        assert jobs.wait(common.id).state == "done"
    assert jobs.job_store.read(rare.id).state == "queued"


def test_formats_need_their_packages_and_environments():
    facts = {"version": "1", "python": "3", "system": "x", "processor": "x", "processors": 1, "memory": 1}
    worker = Announcement(name="one", missing_packages=("onnx",), environments={"orbax": 1}, **facts)
    assert worker.list_missing(WorkerRequirements(packages=("onnx", "openvino"))) == ["the package onnx"]
    assert worker.list_missing(WorkerRequirements(environments=("orbax",), packages=("openvino",))) == []


def test_nothing_stays_of_what_a_job_was_given_that_never_began(team, tmp_path, monkeypatch):
    jobs, model = team.make_server(), tmp_path / "net.onnx"
    model.write_text("a model", encoding="utf-8")
    files, given = GivenFiles({MODEL: model}, "Net"), JobFiles(open_object_store(team.store_url)).list_given
    cancelled, kept = (jobs._start("read", "Read", {}, files=files) for _ in range(2))
    assert given() == {cancelled.id, kept.id}
    jobs.cancel(cancelled.id)
    assert given() == {kept.id}
    monkeypatch.setattr("core.jobs.execution.queued_driver.defer", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        jobs._start("read", "Read", {}, files=files)
    jobs.job_store.files.put_given("j0123456789", files.paths)  # of a server that is entering the job, or was killed
    jobs.job_store.delete_old_given()
    assert given() == {kept.id, "j0123456789"}
    monkeypatch.setattr("core.queue.job_files.ENTERING", timedelta(0))
    jobs.job_store.delete_old_given()
    assert given() == {kept.id}
    jobs.job_store.delete(kept.id)
    assert given() == set()


def test_job_goes_where_its_copies_can_be_loaded(team):
    jobs = team.make_server(kinds="all")
    run = make_run(jobs.library)
    onnx, orbax, keras = (make_artifact(jobs.library, run, key).id for key in ("onnx", "orbax", "keras"))
    announce(team, "plain", missing_packages=("onnx", "onnxruntime"))
    announce(team, "able", missing_packages=("tf2onnx",), environments={"orbax": 1})

    def queue_of(kind: str, **request: Any) -> str:
        job = jobs._start(kind, "A job", request)
        return jobs.job_store.database.run(job_rows.read_row, job.id).queue

    onnx_queue = WorkerRequirements(packages=("onnx", "onnxruntime")).queue
    assert queue_of("compare", baseline=run.id, artifacts=[onnx, keras]) == onnx_queue
    assert queue_of("layers", baseline=onnx, other=run.id) == onnx_queue
    assert queue_of("disagree", a=keras, b=orbax) == "environment.orbax"
    assert queue_of("resume", run=run.id, artifacts=[keras]) == "anywhere"
    assert queue_of("cost", artifacts=[onnx]) == f"{onnx_queue}+alone"


@pytest.mark.parametrize(
    ("requirements", "queue"),
    [
        (WorkerRequirements(), "anywhere"),
        (WorkerRequirements(is_exclusive=True), "alone"),
        (WorkerRequirements(environments=("openvino",)), "environment.openvino"),
        (WorkerRequirements(packages=("onnx", "tf2onnx")), "package.onnx+package.tf2onnx"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_queue_is_named_by_what_its_jobs_need(requirements, queue):
    assert requirements.queue == queue


def test_long_name_of_a_queue_is_cut_and_still_its_own():
    packages = ("onnx", "openvino", "tf2onnx"), ("onnx", "openvino", "openvino-dev")
    names = {WorkerRequirements(packages=each).queue for each in packages}
    assert {name[:28] for name in names} == {"package.onnx+package.openvi-"}
    assert [len(name) for name in names] == [40, 40]


def test_click_goes_before_what_is_done_in_bulk(team, tmp_path):
    jobs = team.make_server()
    bulk = [jobs.in_bulk()._start("echo", "Bulk", {"number": number}) for number in range(3)]
    click = jobs._start("echo", "Click", {})
    with team.running_node(concurrency=1):
        ends = [jobs.wait(job.id) for job in (click, *bulk)]
    assert [job.id for job in sorted(ends, key=lambda job: job.started)] == [click.id, *(job.id for job in bulk)]


def test_worker_that_is_terminated_ends_its_job_first(team, tmp_path):
    jobs = team.make_server()
    job = jobs._start("wait", "Wait", waiting_request(tmp_path))
    with team.node_process("node") as process:
        wait_until((tmp_path / "begun").exists)
        process.send_signal(signal.SIGTERM)
        after = jobs._start("echo", "After", {})
        (tmp_path / "until").touch()
        assert process.wait(20) == 0
    assert (jobs.job_store.read(job.id).state, jobs.job_store.read(after.id).state) == ("done", "queued")
    assert team.workers() == []


def test_worker_that_is_stopped_gives_its_job_to_another(team, tmp_path):
    jobs = team.make_server()
    with team.running_node("first") as first:
        job = jobs._start("wait", "Wait", waiting_request(tmp_path))
        wait_until((tmp_path / "begun").exists)
        ask_worker(jobs, first.id, "stop")
        wait_until(lambda: not team.workers())
    assert jobs.job_store.read(job.id).state == "queued"
    (tmp_path / "until").touch()
    with team.running_node("second"):
        assert jobs.wait(job.id).state == "done"


def test_list_says_what_each_worker_is_and_does(team, tmp_path):
    jobs = team.make_server()
    with team.running_node() as node:
        job = jobs.for_viewer(Viewer("p" + "1" * 24))._start("wait", "Secret", waiting_request(tmp_path))
        wait_until(lambda: list_workers(jobs)[0]["jobs"])
        (row,) = list_workers(jobs)
        assert (row["id"], row["name"], row["state"], row["jobs"]) == (node.id, "node", "working", ["Secret"])
        assert row["memory"] > 10**8
        assert row["packages"]["tensorflow"]
        (seen,) = list_workers(jobs.for_viewer(Viewer("p" + "2" * 24)))
        assert seen["jobs"] == ["another person's job"]
        with pytest.raises(InputError, match="a person who signed in cannot"):
            ask_worker(jobs.for_viewer(Viewer("p" + "2" * 24)), node.id, "drain")
        (tmp_path / "until").touch()
        assert jobs.wait(job.id).state == "done"
    with pytest.raises(InputError, match="There is no such worker"):
        ask_worker(jobs, node.id, "drain")


def test_worker_of_another_version_says_that_it_does_not_know_the_job(team):
    newer = {**SMALL_KINDS, "newer": JobKind("newer", run_echo)}
    jobs = team.make_server()
    jobs.driver._kinds = newer
    with team.running_node():
        end = jobs.wait(jobs._start("newer", "Newer", {}).id)
    assert (end.state, end.error["received"]) == ("failed", "newer")


def test_node_describes_this_machine(tmp_path):
    facts = describe_node(Settings(home=tmp_path), "here", 3)
    assert (facts.name, facts.concurrency, facts.environments) == ("here", 3, {})
    assert facts.system.startswith(("Linux", "Darwin", "Windows"))


def test_worker_outside_of_a_team_is_refused(tmp_path):
    with pytest.raises(InputError, match="none are set"):
        run_node(Settings(home=tmp_path), "here")


def test_queue_of_a_newer_version_is_refused_in_words(team):
    QueueDatabase(team.database_url)
    execute(team.database_url, "UPDATE queue_state_1 SET value = '2' WHERE name = 'schema'")
    with pytest.raises(InputError, match="has schema 2, and this version of Roundtrip knows schema 1"):
        QueueDatabase(team.database_url)


def test_tables_of_another_release_of_procrastinate_are_refused(team):
    QueueDatabase(team.database_url)
    execute(team.database_url, "ALTER FUNCTION procrastinate_finish_job_v1 RENAME TO procrastinate_finish_job")
    with pytest.raises(InputError, match="another release of Procrastinate"):
        QueueDatabase(team.database_url)


def test_queue_without_postgresql_is_refused(tmp_path):
    with pytest.raises(InputError, match="needs a PostgreSQL database"):
        QueueDatabase(f"sqlite:///{tmp_path}/queue.sqlite")


def test_environments_are_those_of_the_workers_that_run(team):
    jobs = team.make_server()
    announce(team, "small", environments={"tract": 5})
    large = announce(team, "large", environments={"tract": 7, "mnn": 1})
    assert {state["environment"]: state["bytes"] for state in jobs.list_environments() if state["bytes"]} == {
        "tract": 7,
        "mnn": 1,
    }
    ask_worker(jobs, large, "drain")
    assert [state["environment"] for state in jobs.list_environments() if state["bytes"]] == ["tract"]


def test_last_verification_is_that_of_whichever_worker_did_it(team):
    jobs = team.make_server()
    run = make_run(jobs.library)
    make_artifact(jobs.library, run)
    assert find_last_report(jobs) is None
    with team.running_node():
        for ids in (None, [run.id]):
            assert jobs.wait(jobs.verify(ids).id).state == "done"
    report = find_last_report(jobs)
    assert (report.runs, report.artifacts, report.wrong) == (1, 1, [])
    assert find_last_report(jobs.for_viewer(Viewer("p" + "1" * 24))) is None


def test_cured_files_of_an_upgrade_are_had_on_every_machine(team, tmp_path):
    cured = tmp_path / "cured.keras"
    cured.write_bytes(b"cured")
    cure = Cure(kind="rewritten-config", sentence="x", is_proven=True, file="for-keras-3.3.keras")
    row = UpgradeRow(name="a.keras", status=Status.DOES_NOT_LOAD, sha256="0" * 64, cures=[cure])

    def run(handle: JobHandle) -> dict[str, Any]:
        store = RowStore(handle.library.home, get_side("here"), get_side("keras-3.3"))
        store.add(row, cured)
        work = UpgradeWork(handle, tmp_path)
        work.rows = [row.model_copy(update={"name": "b.keras", "cures": []}), row]
        work.keep_cured_files(store)
        return {"rows": [each.model_dump(mode="json") for each in work.rows]}

    jobs = team.make_server()
    with team.running_node() as node, pytest.MonkeyPatch.context() as patch:
        patch.setattr(node, "_kinds", {"upgrade": JobKind("upgrade", run)})
        patch.setattr(jobs.driver, "_kinds", {"upgrade": JobKind("upgrade", run)})
        end = jobs.wait(jobs._start("upgrade", "Upgrade", {"source": "here", "target": "keras-3.3"}).id)
    ((name, path),) = jobs.find_cured_files(end.id).items()
    assert (name, path.name, path.read_bytes()) == ("a.keras", "for-keras-3.3.keras", b"cured")
    assert path.is_relative_to(jobs.library.home)
