"""Sweeps where something is in the way: two starts at once, records of other processes, refusals, equal files."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.environments.machines import get_asked_environment
from core.errors import CannotSave, InputError, PackageMissing, Refused, StorageFailed
from core.jobs import Jobs
from core.jobs.sweeps.sweep import Sweeps
from core.jobs.sweeps.sweep_files import fetched_candidate, hash_candidate, list_uploads
from core.jobs.sweeps.sweep_imports import SweepImports
from core.jobs.sweeps.sweep_model import ModelSweep, _not_asked_row
from core.jobs.sweeps.sweep_run import SweepRun
from core.jobs.uploads import StoredUpload
from core.library import Library
from core.library.job_store import JobStore
from core.settings import Settings
from core.sweep.models import SweptModel
from core.sweep.plan import make_plan
from core.sweep.row_store import AnswerStore
from core.sweep.rows import RowKey, Status, SweepRow, failed_row, unsaved_row
from core.upgrade.candidates import Candidate
from tests.factories.library_entries import make_artifact, make_run
from tests.helpers import wait_until_done

TURN_SECONDS = 0.2  # that the first of two waits for the other, which should not come
ROW = SweepRow(model="a", format="keras", status=Status.ALIKE)


def meet(barrier: threading.Barrier) -> None:
    """Wait for another one, for a while."""
    try:
        barrier.wait(TURN_SECONDS)
    except threading.BrokenBarrierError:
        return


def test_two_starts_at_once_are_one_sweep(empty_jobs: Jobs, monkeypatch: pytest.MonkeyPatch):
    plan, barrier, runs = make_plan({"models": [make_run(empty_jobs.library).id]}), threading.Barrier(2), []
    create, execute, gate = JobStore.create, SweepRun.execute, threading.Event()
    monkeypatch.setattr(JobStore, "create", lambda self, job: (meet(barrier), create(self, job))[1])

    def count(self: SweepRun) -> Any:
        runs.append(self)
        gate.wait(20)
        return execute(self)

    monkeypatch.setattr(SweepRun, "execute", count)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: Sweeps(empty_jobs).start(plan), range(2))
    gate.set()
    assert (first.id, empty_jobs.wait(first.id).state) == (second.id, "done")
    assert len(runs) == 1


def test_sweep_that_runs_is_not_judged_by_a_clock(empty_jobs: Jobs):
    sweeps, plan = Sweeps(empty_jobs), make_plan({"models": [make_run(empty_jobs.library).id]})
    job = sweeps._make_job(plan, Path(), "", again=False, has_files=False)
    long_ago = {"state": "running", "created": "2020-01-01T00:00:00+00:00", "detail": {"rows": [ROW.model_dump()]}}
    empty_jobs.job_store.create(job.model_copy(update=long_ago))
    assert sweeps.start(plan).state == "running"
    assert sweeps.read_last_rows(job.id) == sweeps.read_rows(job.id) == [ROW]  # whose file lies on another machine


def test_upload_is_a_file_whatever_it_is_called(empty_jobs: Jobs):
    job = Sweeps(empty_jobs)._make_job(make_plan({"models": ["library"]}), Path(), "", again=False, has_files=True)
    assert job.request["has_files"]


@pytest.mark.parametrize("error", [PackageMissing("There is no uv."), CannotSave("It is refused.")])
def test_only_what_was_being_saved_is_not_saved(error: Any):
    assert failed_row(RowKey("a"), error).status is Status.NOT_VERIFIED
    assert unsaved_row(RowKey("a"), error).status is Status.NOT_SAVED
    assert unsaved_row(RowKey("a"), StorageFailed("The disk is full.")).status is Status.NOT_VERIFIED


def test_save_that_fails_leaves_the_copies_that_are_there(empty_jobs: Jobs, monkeypatch: pytest.MonkeyPatch):
    run = make_run(empty_jobs.library)
    make_artifact(empty_jobs.library, run)

    def fail(*_: Any) -> None:
        raise InputError("The run is being removed.")

    monkeypatch.setattr(Jobs, "save", fail)
    plan = make_plan({"models": [run.id], "formats": ["as-is", "onnx", "openvino"]})
    job = wait_until_done(empty_jobs, Sweeps(empty_jobs).start(plan))
    rows = Sweeps(empty_jobs).read_rows(job.id)
    assert [(row.format, row.status.value) for row in rows] == [
        ("keras", "alike"),
        ("onnx", "not-verified"),
        ("openvino", "not-verified"),
    ]


def test_run_without_copies_is_said_to_have_none(empty_jobs: Jobs):
    run = make_run(empty_jobs.library)
    plan = make_plan({"models": [run.id], "upgrade": {"from": "here", "to": "keras-3.3"}})
    job = wait_until_done(empty_jobs, Sweeps(empty_jobs).start(plan))
    (row,) = Sweeps(empty_jobs).read_rows(job.id)
    assert (row.status, row.cause) == (Status.NOT_TAKEN, "This run has no copy to ask: save one first.")


def test_rows_are_there_where_the_disk_takes_none(empty_jobs: Jobs, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: Any) -> None:
        raise StorageFailed("The disk is full.")

    monkeypatch.setattr("core.jobs.sweeps.sweep_run.append_row", refuse)
    monkeypatch.setattr(ModelSweep, "ask", lambda self, model: iter([ROW]))
    job = Sweeps(empty_jobs).start(make_plan({"models": [make_run(empty_jobs.library).id]}))
    wait_until_done(empty_jobs, job)
    assert Sweeps(empty_jobs).read_rows(job.id) == [ROW]


def test_refused_zip_keeps_its_rule_and_its_cure(tmp_path: Path):
    folder = tmp_path / "given"
    folder.mkdir()
    (folder / "a.zip").write_bytes(b"no zip")
    uploads = StoredUpload(folder / "a.zip", "a.zip", {}, tmp_path)
    (model,) = list_uploads(uploads, 10**6)
    row = _not_asked_row(RowKey(model.name), model)
    assert isinstance(model.refusal, Refused)
    assert (row.status, row.code, row.cause) == (Status.REFUSED, model.refusal.code, model.refusal.sentence)
    assert row.cure == model.refusal.cure != ""


def test_folder_is_known_by_its_content_and_not_by_its_name(tmp_path: Path):
    hashes = []
    for name, text in (("one", "same"), ("two", "same"), ("three", "other")):
        (tmp_path / name / "variables").mkdir(parents=True)
        (tmp_path / name / "variables" / "data").write_text(text)
        hashes.append(hash_candidate(Candidate(name, tmp_path / name)))
    assert hashes[0] == hashes[1] != hashes[2]


def test_object_that_is_too_large_is_refused_before_it_is_fetched(empty_library: Library):
    def fetch(_: Path) -> Candidate:
        pytest.fail("it was fetched")

    model = SweptModel("a.keras", ("keras",), 3 * 10**6, candidate=Candidate("a.keras", Path("a.keras")), fetch=fetch)
    config = Settings(upload_mb=1, unpacked_mb=2)
    with pytest.raises(Refused, match="larger"), fetched_candidate(empty_library, model, config):
        pytest.fail("it is there")


@pytest.mark.parametrize(
    ("store", "key", "lasts"),
    [
        ("", "here@sse41", True),
        ("file:///store", "here@sse41", False),
        ("file:///store", "here@worker:one", True),
        ("file:///store", "tract", True),
    ],
)
def test_answer_of_any_worker_with_packages_of_its_own_is_not_kept(store: str, key: str, lasts: bool):
    jobs = SimpleNamespace(library=None, config=Settings(store_url=store, database_url="postgresql://team/x"))
    work: Any = SimpleNamespace(jobs=jobs, since="")
    model = ModelSweep(work, make_plan({"models": ["library"]}), None, None, again=False)  # type: ignore[arg-type]
    assert model._is_lasting(get_asked_environment(key)) == lasts


def make_imports(library: Library, **settings: Any) -> SweepImports:
    config = Settings(**settings)
    work: Any = SimpleNamespace(jobs=SimpleNamespace(library=library, config=config))
    return SweepImports(work, AnswerStore(library.home), again=False)


def test_equal_files_at_once_are_imported_once(empty_library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    imports, barrier, imported = make_imports(empty_library), threading.Barrier(2), []
    monkeypatch.setattr(SweepImports, "_find", lambda self, sha256: imported[0] if imported else "")

    def import_(*_: Any) -> str:
        meet(barrier)
        imported.append("r0123456789")
        return imported[0]

    monkeypatch.setattr(SweepImports, "_import", import_)
    models = []
    for name in ("a.onnx", "b.onnx"):
        (tmp_path / name).write_bytes(b"equal")
        models.append(SweptModel(name, ("onnx",), 5, candidate=Candidate(name, tmp_path / name)))
    with ThreadPoolExecutor(2) as pool:
        assert [*pool.map(imports.find_or_import, models)] == ["r0123456789"] * 2
    assert imported == ["r0123456789"]


def test_refusal_holds_for_its_limits_alone(empty_library: Library):
    keys = {make_imports(empty_library, upload_mb=size)._key("0" * 64, ".onnx") for size in (1, 1, 2)}
    assert len(keys) == 2
