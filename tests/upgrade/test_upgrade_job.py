"""An upgrade between engines of our own: rows, what is asked once only, and what is refused."""

import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.cli.upgrade import _write_cured
from core.environments.pool import WarmProcesses
from core.errors import Cancelled
from core.jobs import Jobs
from core.jobs.execution.job_handle import JobHandle
from core.jobs.upgrades.upgrade import read_rows
from core.jobs.upgrades.upgrade_model import AskedModel, Item, ModelCheck
from core.library import staging
from core.report.upgrade_report import write_upgrade_report
from core.upgrade.rows import Status, UpgradeRow
from core.upgrade.sides import Crossing
from core.validation.mlflow_folders import BESIDE
from tests.factories.environment_kits import borrow_own_packages, make_engine
from tests.factories.external_models import write_onnx_file
from tests.factories.untrusted_files import make_keras_file
from tests.helpers import wait_until_done

pytestmark = pytest.mark.trust


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A folder with a good ONNX file, one that is none, and others."""
    folder = tmp_path / "models"
    folder.mkdir()
    write_onnx_file(folder)
    (folder / "text.onnx").write_text("hello")
    (folder / "alone.weights.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(64))
    (folder / "readme.txt").write_text("x")
    return folder


@pytest.fixture
def cross_to(jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """A function that has upgrades lead from an engine that doubles to one of the given name."""
    monkeypatch.setattr("core.environments.pool.is_unchanged", lambda built: True)
    monkeypatch.setattr(Jobs, "_require_may_build", lambda self, keys: None)
    built = borrow_own_packages(tmp_path / "own")
    with WarmProcesses(jobs.config) as pool:

        def choose(target: str) -> None:
            def cross(handle, source_key: str, target_key: str) -> Crossing:
                facts = {"lock": "tract", "forks": True, "takes": frozenset({"onnx", "keras"})}
                sides = [make_engine(name, **facts) for name in ("described", target)]
                return Crossing(pool, sides[0], built, sides[1], built, handle.is_cancelled)

            monkeypatch.setattr("core.jobs.upgrades.upgrade.open_crossing", cross)

        yield choose


@pytest.fixture
def check(jobs: Jobs, cross_to: Callable[[str], None]) -> Callable[..., dict[str, Any]]:
    """A function that upgrades from an engine that doubles to one of the given name."""

    def ask(target: str, path: Path | None, **more: Any) -> dict[str, Any]:
        cross_to(target)
        return wait_until_done(jobs, jobs.check_upgrade("here", "keras-3.3", path, **more)).result

    return ask


def rows_by_name(result: dict[str, Any]) -> dict[str, UpgradeRow]:
    return {row.name: row for row in read_rows(result["rows"])}


def test_each_file_has_its_row_and_only_models_are_asked(check, models: Path, tmp_path: Path):
    result = check("doubles", models, again=True)
    rows = rows_by_name(result)
    assert {name: row.status for name, row in rows.items()} == {
        "alone.weights.h5": Status.NOT_TAKEN,
        "linear-rows.onnx": Status.ALIKE,
        "text.onnx": Status.NOT_A_MODEL,
    }
    good = rows["linear-rows.onnx"]
    assert (good.format, good.rows, good.label, good.cause) == ("onnx", 32, "Bit-identical", "")
    assert rows["alone.weights.h5"].cause.startswith("These are weights alone")
    assert result["others"] == 1
    write_upgrade_report(result, tmp_path / "report.html")  # type: ignore[arg-type]
    text = (tmp_path / "report.html").read_text()
    assert "1 of 3 models answer the same." in text
    assert text.count(f"list {good.outcome.lock[:12]}") == 2  # of both sides, which are one here
    assert result["source_lock"] == result["target_lock"] == good.outcome.lock
    assert str(tmp_path) not in text


@pytest.mark.parametrize(
    ("engine", "status", "cause"),
    [
        ("triples", Status.CHANGED, "The largest difference is"),
        ("refuses", Status.DOES_NOT_LOAD, "The class 'Dense' that was found takes other arguments"),
        ("dies", Status.NOT_VERIFIED, "ended before it answered"),
        ("no_package", Status.NOT_VERIFIED, "The Python package 'a_package_that_nobody_has'"),
    ],
)
def test_what_becomes_of_a_model_is_said_with_its_cause(check, models: Path, engine: str, status: Status, cause: str):
    row = rows_by_name(check(engine, models / "linear-rows.onnx"))["linear-rows.onnx"]
    assert row.status is status
    assert cause in row.cause
    kinds = [cure.kind for cure in row.cures]
    assert kinds == (["stated-difference"] if status is Status.CHANGED else [])


def test_second_call_asks_only_what_changed(check, models: Path):
    shutil.copy(models / "linear-rows.onnx", models / "second.onnx")
    write_onnx_file(models, batch=4)
    check("doubles", models, again=True)
    write_onnx_file(models, batch=4, output="another")
    rows = rows_by_name(check("doubles", models))
    assert {name: row.is_reused for name, row in rows.items() if row.format} == {
        "linear-4.onnx": False,
        "linear-rows.onnx": True,
        "second.onnx": True,
    }


def test_model_in_an_mlflow_folder_says_so_also_when_asked_before(check, tmp_path: Path):
    kept, alone = tmp_path / "models" / "kept", tmp_path / "alone.keras"
    (kept / "data").mkdir(parents=True)
    alone.write_bytes(make_keras_file())
    shutil.copy(alone, kept / "data" / "model.keras")
    (kept / "MLmodel").write_text("flavors:\n  keras:\n    keras_version: 3.15.1\n")
    rows = [*read_rows(check("doubles", alone, again=True)["rows"]), *read_rows(check("doubles", kept.parent)["rows"])]
    rows += read_rows(check("doubles", alone)["rows"])
    assert [(row.name, row.status, row.is_reused) for row in rows] == [
        ("alone.keras", Status.ALIKE, False),
        ("kept/data/model.keras", Status.ALIKE, True),
        ("alone.keras", Status.ALIKE, True),
    ]
    assert [BESIDE in row.note for row in rows] == [False, True, False]


def test_command_prints_what_a_reader_should_know_of_a_row(run_cli: Callable, cross_to, tmp_path: Path):
    cross_to("doubles")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "model.keras").write_bytes(make_keras_file())
    (tmp_path / "MLmodel").write_text("flavors:\n")
    status, out, _ = run_cli("upgrade", str(tmp_path), "--from", "here", "--to", "keras-3.3")
    assert (status, f"data/model.keras: {BESIDE}" in out) == (0, True)


def test_zip_is_asked_as_its_folder(check, models: Path, tmp_path: Path):
    path = tmp_path / "models.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(models / "linear-rows.onnx", "deep/linear.onnx")
    result = check("doubles", path)
    assert {name: row.status for name, row in rows_by_name(result).items()} == {"deep/linear.onnx": Status.ALIKE}
    assert result["name"] == "models.zip"


def test_each_uploaded_zip_is_asked_and_a_refused_one_fails_alone(check, jobs: Jobs, models: Path):
    folder = staging.create_staging_folder(jobs.library.home)
    (folder / "models").mkdir()
    with zipfile.ZipFile(folder / "models" / "good.zip", "w") as archive:
        archive.write(models / "linear-rows.onnx", "linear.onnx")
    (folder / "models" / "text.zip").write_text("hello")
    rows = rows_by_name(check("doubles", folder / "models", temporary_folder=folder))
    assert {name: row.status for name, row in rows.items()} == {
        "good.zip/linear.onnx": Status.ALIKE,
        "text.zip": Status.NOT_A_MODEL,
    }
    assert not folder.exists()


def test_copy_of_the_library_is_asked_the_rows_of_its_kit(check, saved: Callable):
    artifact = saved("digits-mlp", "onnx")["artifact"]
    (row,) = read_rows(check("described", None, copies=[artifact])["rows"])
    assert row.name.endswith(artifact)
    assert (row.status, row.format, row.rows, row.error) == (Status.ALIKE, "onnx", 64, None)


@pytest.mark.parametrize(("engine", "status"), [("described", 0), ("triples", 3), ("refuses", 4), ("no_package", 5)])
def test_command_ends_with_the_status_of_the_worst_model(
    run_cli: Callable, cross_to, models: Path, tmp_path: Path, engine: str, status: int
):
    cross_to(engine)
    report = tmp_path / "upgrade.json"
    words = ("upgrade", str(models / "linear-rows.onnx"), "--from", "here", "--to", "keras-3.3", "--again")
    ended, out, err = run_cli(*words, "--report", str(report), "--cured", str(tmp_path / "cured"))
    assert (ended, "linear-rows.onnx" in out, "1 model" in err) == (status, True, True)
    assert json.loads(report.read_text())["exit_status"] == status
    assert not (tmp_path / "cured").exists()


def test_cured_files_of_one_name_are_numbered(tmp_path: Path):
    (tmp_path / "found.keras").write_bytes(b"x")
    cured = dict.fromkeys(("a/b", "a-b"), tmp_path / "found.keras")
    found = SimpleNamespace(find_cured_files=lambda job_id: cured)
    rows = [UpgradeRow(name=name, status=Status.DOES_NOT_LOAD) for name in cured]
    for _ in range(2):
        _write_cured(found, "j0", rows, tmp_path / "cured")  # type: ignore[arg-type]
    assert sorted(path.name for path in (tmp_path / "cured").iterdir()) == [
        "a-b-2-found.keras",
        "a-b-3-found.keras",
        "a-b-4-found.keras",
        "a-b-found.keras",
    ]


def test_progress_holds_the_last_rows_only(check, models: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("core.jobs.upgrades.upgrade.PROGRESS_ROWS", 1)
    written: list[tuple[int, int]] = []
    report = JobHandle.report_progress

    def record(handle: JobHandle, *values: Any, **more: Any) -> None:
        if "asked" in more:
            written.append((len(more["rows"]), more["asked"]))
        report(handle, *values, **more)

    monkeypatch.setattr(JobHandle, "report_progress", record)
    assert len(check("doubles", models)["rows"]) == 3
    assert written == [(0, 0), (1, 1), (1, 2), (1, 3)]


def test_cancelled_job_keeps_all_rows(jobs: Jobs, cross_to, models: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("core.jobs.upgrades.upgrade.PROGRESS_ROWS", 1)
    ask_before = ModelCheck.ask_before

    def cancel_third(self: ModelCheck, item: Item, folder: Path) -> AskedModel:
        if item.name == "text.onnx":
            raise Cancelled("Cancelled.")
        return ask_before(self, item, folder)

    monkeypatch.setattr(ModelCheck, "ask_before", cancel_third)
    cross_to("doubles")
    job = jobs.wait(jobs.check_upgrade("here", "keras-3.3", models).id)
    assert (job.state, [row["name"] for row in job.detail["rows"]]) == (
        "cancelled",
        ["alone.weights.h5", "linear-rows.onnx"],
    )


def test_command_asks_copies_of_the_library(run_cli: Callable, cross_to, saved: Callable):
    cross_to("described")
    artifact = saved("digits-mlp", "onnx")["artifact"]
    status, out, _ = run_cli("upgrade", "--copy", artifact, "--from", "here", "--to", "keras-3.3", "--json")
    (row,) = json.loads(out)["rows"]
    assert (status, row["status"], artifact in row["name"]) == (0, "alike", True)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("upgrade", "--from", "here", "--to", "keras-3.3", "--cured", __file__), "This is no folder to write into."),
        (("upgrade", "--from", "here", "--to", "here"), "An upgrade has two sides."),
        (("upgrade", "--from", "here", "--to", "keras-3.3"), "No model was chosen."),
        (("upgrade", "nowhere", "--from", "here", "--to", "keras-3.3"), "There is no such file or folder."),
        (("upgrade", "x", "--from", "here", "--to", "nowhere"), "There is no such environment."),
        (("bisect", "x", "--from", "here", "--to", "tract"), "There is no such file or folder."),
    ],
)
def test_command_that_cannot_begin_is_one_sentence(run_cli: Callable, words: tuple[str, ...], sentence: str):
    status, _, err = run_cli(*words)
    assert (status, err[: len(sentence)]) == (1, sentence)


def test_command_refuses_a_tolerance_below_zero(run_cli: Callable):
    status, _, err = run_cli("upgrade", "x", "--from", "here", "--to", "keras-3.3", "--tolerance", "-0.1")
    assert status != 0
    assert "greater than or equal to 0" in err
