"""Sweeps for real: rows as they come, what is asked once only, what fails alone, pause and resume."""

import csv
import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from core.environments.base import Environment
from core.errors import InputError, PackageMissing, StorageFailed, UnknownName
from core.jobs import Jobs
from core.jobs.sweeps.sweep import Sweeps
from core.jobs.sweeps.sweep_model import ModelSweep
from core.library.job_store import Job
from core.report.sweep_report import render_sweep_html, write_sweep_report
from core.sweep.plan import SweepPlan, make_plan
from core.sweep.row_store import ROWS_FILE, append_row, read_row_file
from core.sweep.rows import RowKey, Status, SweepRow, exit_status, failed_row, sort_rows
from tests.factories.environment_kits import borrow_own_packages, make_engine
from tests.factories.external_models import write_onnx_file
from tests.factories.library_entries import make_run
from tests.factories.private_entries import ADA, BO
from tests.helpers import wait_until, wait_until_done
from tests.upgrade.test_upgrade_job import cross_to

__all__ = ["cross_to"]
ROW = SweepRow(model="a", format="keras", status=Status.ALIKE, verdict="bit-identical", label="Bit-identical")
WORSE = ROW.model_copy(update={"model": "b", "status": Status.CHANGED})
FULL, WRONG = StorageFailed("The disk is full."), InputError("It does not fit.")
FAULTS = {"full": [FULL], "never": [FULL, FULL], "wrong": [WRONG]}


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A folder with three small ONNX files."""
    folder = tmp_path / "models"
    folder.mkdir()
    for batch in (2, 4, "rows"):
        write_onnx_file(folder, batch=batch)
    return folder


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The kinds of the jobs that are started, in order."""
    kinds: list[str] = []
    real = Jobs._start
    monkeypatch.setattr(
        Jobs, "_start", lambda self, kind, *a, **more: (kinds.append(kind), real(self, kind, *a, **more))[1]
    )
    return kinds


@pytest.fixture
def doubling(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Environment:
    """An engine of ours that doubles, in the place of tract."""
    engine, built = make_engine("described", key="tract", lock="tract"), borrow_own_packages(tmp_path / "own")
    monkeypatch.setattr("core.environments.machines.get_environment", lambda key: engine)
    monkeypatch.setattr("core.environments.machines.find_built", lambda config, environment: built)
    monkeypatch.setattr("core.environments.pool.is_unchanged", lambda built: True)
    return engine


def raise_missing(*_: Any) -> None:
    raise PackageMissing("uv is not installed.")


def sweep(jobs: Jobs, folder: Path, *models: str, again: bool = False, **plan: Any) -> tuple[Job, list[SweepRow]]:
    given = make_plan({"models": list(models) or ["models"], **plan})
    job = wait_until_done(jobs, Sweeps(jobs).start(given, folder, "plan.toml", again))
    return job, Sweeps(jobs).read_rows(job.id)


def facts(rows: list[SweepRow]) -> list[tuple[str, ...]]:
    return [(row.model, row.format, row.status.value) for row in rows]


def test_models_in_formats_give_a_row_each_and_are_not_asked_twice(
    empty_jobs: Jobs, models: Path, tmp_path: Path, started: list[str]
):
    job, rows = sweep(empty_jobs, tmp_path, formats=["as-is", "openvino"])
    names = ("linear-2.onnx", "linear-4.onnx", "linear-rows.onnx")
    assert facts(rows) == [(name, key, "alike") for name in names for key in ("onnx", "openvino")]
    assert {row.is_reused for row in rows} == {False}
    assert all(row.bytes > 0 and row.rows and row.changed_rows == 0 and row.run and row.artifact for row in rows)
    assert (job.result["headline"], job.result["exit_status"]) == ("6 of 6 rows answer the same.", 0)
    assert sorted(started) == ["import"] * 3 + ["save"] * 3
    assert [each.kind for each in empty_jobs.job_store.list_jobs()] == ["sweep"]
    _assert_reports(rows, tmp_path)

    again, same = sweep(empty_jobs, tmp_path, formats=["as-is", "openvino"])
    assert (again.id, len(started)) == (job.id, 6)
    assert [row.model_copy(update={"is_reused": False}) for row in same] == rows
    assert {row.is_reused for row in same} == {True}
    (itself,) = sweep(empty_jobs, tmp_path, str(models / names[0]))[1]  # of a file the file, not what was saved of it
    assert itself.format == "onnx"
    assert len(started) == 6


def _assert_reports(rows: list[SweepRow], folder: Path) -> None:
    for kind in ("html", "csv", "parquet", "json"):
        write_sweep_report(rows, folder / f"sweep.{kind}")
    expected = [(row.model, row.format, row.verdict, row.bytes) for row in rows]
    lines = list(csv.DictReader(io.StringIO((folder / "sweep.csv").read_text())))
    assert [(line["model"], line["format"], line["verdict"], int(line["bytes"])) for line in lines] == expected
    table = pd.read_parquet(folder / "sweep.parquet")
    assert list(zip(table.model, table.format, table.verdict, table.bytes, strict=True)) == expected
    assert (str(table.dtypes["seconds"]), str(table.dtypes["is_reused"])) == ("float64", "bool")
    document = json.loads((folder / "sweep.json").read_text())
    assert (document["exit_status"], len(document["rows"])) == (0, len(rows))
    assert "6 of 6 rows answer the same." in (folder / "sweep.html").read_text()


def test_what_is_no_model_and_what_refuses_one_fail_alone_and_once(
    empty_jobs: Jobs, models: Path, tmp_path: Path, started: list[str]
):
    (models / "linear-2.onnx").write_text("hello")
    (models / "linear-4.onnx").rename(models / "old.pkl")
    job, rows = sweep(empty_jobs, tmp_path, formats=["onnx", "h5"])
    assert facts(rows) == [
        ("linear-2.onnx", "onnx", "refused"),
        ("linear-rows.onnx", "h5", "not-saved"),
        ("linear-rows.onnx", "onnx", "alike"),
        ("old.pkl", "", "not-taken"),
    ]
    assert (rows[0].code, rows[0].cure != "") == ("refused:unlike", True)
    assert rows[1].cause == "No converter leads from an ONNX file to this format."
    assert (job.result["exit_status"], job.progress) == (5, 1.0)
    assert sorted(started) == ["import", "import", "save"]
    assert facts(sweep(empty_jobs, tmp_path, formats=["onnx", "h5"])[1]) == facts(rows)
    assert len(started) == 3


def test_environment_is_asked_once_and_again_on_demand(
    empty_jobs: Jobs,
    models: Path,
    tmp_path: Path,
    started: list[str],
    doubling: Environment,
    monkeypatch: pytest.MonkeyPatch,
):
    plan = {"environments": ["here", "tract"]}
    with monkeypatch.context() as patched:  # what cannot be built tells nothing of a copy, and is not kept
        patched.setattr("core.environments.machines.find_built", raise_missing)
        _, unbuilt = sweep(empty_jobs, tmp_path, "models/linear-2.onnx", **plan)
    assert [row.status.value for row in unbuilt] == ["alike", "not-verified"]
    started.clear()
    _, rows = sweep(empty_jobs, tmp_path, "models/linear-2.onnx", **plan)
    assert [(row.environment, row.status.value) for row in rows] == [("here", "alike"), ("tract", "not-comparable")]
    assert (rows[1].verdict, rows[1].changed_rows, rows[1].rows) == ("not-comparable", None, None)
    assert (started.count("elsewhere"), exit_status(rows)) == (1, 5)
    _, same = sweep(empty_jobs, tmp_path, "models/linear-2.onnx", **plan)
    assert (started.count("elsewhere"), same[1].is_reused) == (1, True)
    sweep(empty_jobs, tmp_path, "models/linear-2.onnx", again=True, **plan)
    assert started.count("elsewhere") == 2


def test_passing_fault_is_asked_again_and_another_is_not(empty_jobs: Jobs, monkeypatch: pytest.MonkeyPatch):
    runs = [make_run(empty_jobs.library, name=name) for name in ("full", "never", "wrong")]
    faults = {name: iter(errors) for name, errors in FAULTS.items()}
    times: dict[str, list[float]] = {name: [] for name in FAULTS}
    monkeypatch.setattr("core.jobs.sweeps.sweep_run.RETRY_SECONDS", 0.1)

    def ask(self: ModelSweep, model: Any) -> Iterator[SweepRow]:
        times[model.name].append(time.monotonic())
        yield ROW.model_copy(update={"model": model.name})
        if error := next(faults[model.name], None):
            raise error

    monkeypatch.setattr(ModelSweep, "_ask_copies", ask)
    _, rows = sweep(empty_jobs, Path(), *(run.id for run in runs))
    assert [(row.model, row.format, row.status.value, row.is_passing, row.tries) for row in rows] == [
        ("full", "keras", "alike", False, 1),
        ("never", "", "not-verified", True, 2),
        ("never", "keras", "alike", False, 1),
        ("wrong", "", "not-verified", False, 1),
        ("wrong", "keras", "alike", False, 1),
    ]
    assert rows[1].cause == "The disk is full."
    assert {name: len(asked) for name, asked in times.items()} == {"full": 2, "never": 2, "wrong": 1}
    assert times["full"][1] - times["full"][0] >= 0.1  # a fault that passes takes its time


def test_paused_sweep_keeps_its_rows_and_goes_on(empty_jobs: Jobs, monkeypatch: pytest.MonkeyPatch):
    runs = [make_run(empty_jobs.library, name=name) for name in ("one", "two")]
    gate = threading.Event()

    def ask(self: ModelSweep, model: Any) -> Iterator[SweepRow]:
        yield ROW.model_copy(update={"model": model.name, "run": model.run})
        if not gate.is_set():
            self._work.run(lambda: empty_jobs._start("verify", "Verify", {"ids": None}))
            wait_until(lambda: self._work._handle.is_cancelled())
            self._work.run(lambda: pytest.fail("a job was started after the pause"))

    monkeypatch.setattr(ModelSweep, "ask", ask)
    sweeps, plan = Sweeps(empty_jobs), make_plan({"models": [run.id for run in runs], "at_once": 1})
    job = sweeps.start(plan)
    wait_until(lambda: len(sweeps.read_rows(job.id)) == 1)
    assert sweeps.start(plan).id == job.id  # it runs: no second one is started
    empty_jobs.cancel(job.id)
    paused = empty_jobs.wait(job.id)
    assert (paused.state, paused.detail["counts"], paused.detail["total"]) == ("cancelled", {"alike": 1}, 2)
    assert [row.model for row in sweeps.read_rows(job.id)] == ["one"]
    gate.set()
    assert sweeps.resume(job.id).id == job.id
    assert empty_jobs.wait(job.id).state == "done"
    assert [row.model for row in sweeps.read_rows(job.id)] == ["one", "two"]


def test_part_that_somebody_else_stopped_does_not_stop_the_sweep(
    empty_jobs: Jobs, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    real = Jobs.import_model

    def start_and_stop(self: Jobs, *given: Any, **more: Any) -> Job:
        self.cancel((job := real(self, *given, **more)).id)
        return job

    monkeypatch.setattr(Jobs, "import_model", start_and_stop)
    _, rows = sweep(empty_jobs, tmp_path, "models/linear-2.onnx", retries=0)
    assert rows[0].cause == "Somebody stopped this part of the sweep."
    assert rows[0].is_passing


def test_upgrade_of_many_models_is_a_row_each(jobs: Jobs, models: Path, tmp_path: Path, cross_to: Callable):
    (models / "linear-4.onnx").write_text("hello")
    cross_to("triples")
    _, rows = sweep(jobs, tmp_path, upgrade={"from": "here", "to": "keras-3.3"}, again=True)
    assert [(row.model, row.environment, row.status.value) for row in rows] == [
        ("linear-2.onnx", "keras-3.3", "changed"),
        ("linear-4.onnx", "keras-3.3", "refused"),
        ("linear-rows.onnx", "keras-3.3", "changed"),
    ]
    assert rows[0].cause.startswith("The largest difference is")
    assert rows[0].cure.startswith("Where answers may be up to")


def test_file_that_changed_is_asked_anew_and_no_record_holds_its_path(
    empty_jobs: Jobs, models: Path, tmp_path: Path, started: list[str]
):
    sweep(empty_jobs, tmp_path, str(models / "linear-2.onnx"))
    write_onnx_file(models, batch=2, output="another")
    job, _ = sweep(empty_jobs, tmp_path, str(models / "linear-2.onnx"))
    assert started == ["import", "import"]
    assert job.request["plan"]["models"] == ["linear-2.onnx"]
    assert str(tmp_path) not in json.dumps(empty_jobs.job_store.read(job.id).model_dump(mode="json"))
    with pytest.raises(InputError, match="they are not kept"):
        Sweeps(empty_jobs).resume(job.id)


def test_sweep_of_another_person_is_not_there(empty_jobs: Jobs):
    own, others = (Sweeps(empty_jobs.for_viewer(viewer)) for viewer in (ADA, BO))
    make_run(empty_jobs.for_viewer(ADA).library)
    job = empty_jobs.wait(own.start(make_plan({"models": ["library"]})).id)
    assert (job.state, job.owner) == ("done", ADA.id)
    for act in (others.read_rows, others.resume):
        with pytest.raises(UnknownName):
            act(job.id)


def test_other_jobs_are_no_sweep(empty_jobs: Jobs):
    job = wait_until_done(empty_jobs, empty_jobs.verify([]))
    with pytest.raises(InputError, match="This is no sweep"):
        Sweeps(empty_jobs).read_rows(job.id)


def test_row_that_was_cut_off_is_none(tmp_path: Path):
    for name in ("a", "b"):
        append_row(tmp_path, ROW.model_copy(update={"model": name}))
    path = tmp_path / ROWS_FILE
    path.write_bytes(path.read_bytes()[:-9])
    assert read_row_file(tmp_path) == read_row_file(tmp_path, 10**6) == [ROW]
    append_row(tmp_path / "other", ROW)
    append_row(tmp_path / "other", WORSE)
    assert read_row_file(tmp_path / "other", len(WORSE.model_dump_json()) + 9) == [WORSE]
    assert read_row_file(tmp_path / "nowhere") == []


def test_reports_escape_what_a_name_may_hold(tmp_path: Path):
    error = InputError("It is <b>bold</b>.", cure="=1+1")
    row = failed_row(RowKey("=cmd<i>.onnx"), error)
    write_sweep_report([row], tmp_path / "sweep.csv")
    assert next(csv.DictReader(io.StringIO((tmp_path / "sweep.csv").read_text())))["model"] == "'=cmd<i>.onnx"
    text = render_sweep_html([row]).decode()
    assert "<b>bold" not in text
    assert "=cmd&lt;i&gt;.onnx" in text
    assert sort_rows([row, row.model_copy(update={"tries": 2})])[0].tries == 2


@pytest.mark.parametrize(
    ("statuses", "status"),
    [
        ([], 0),
        ([Status.ALIKE], 0),
        ([Status.ALIKE, Status.NOT_SAVED], 5),
        ([Status.ALIKE, Status.NOT_COMPARABLE], 5),
        ([Status.CHANGED, Status.REFUSED], 3),
        ([Status.CHANGED, Status.DOES_NOT_LOAD], 4),
    ],
)
def test_exit_status_is_that_of_the_worst_row(statuses: list[Status], status: int):
    assert exit_status(ROW.model_copy(update={"status": each}) for each in statuses) == status


def test_plan_of_record_reads_as_it_was_given(empty_jobs: Jobs):
    run = make_run(empty_jobs.library)
    plan = make_plan({"models": [run.id], "upgrade": {"from": "here", "to": "keras-3.3"}})
    job = empty_jobs.wait(Sweeps(empty_jobs).start(plan).id)
    assert SweepPlan.model_validate(job.request["plan"]) == plan
