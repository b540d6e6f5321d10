"""How files of an upgrade are loaded: as people load them where they are confined; and what its errors advise."""

import ast
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

import core
from core.environments.pool import WarmProcesses
from core.jobs.upgrades.upgrade_files import load_bare_unless_confined
from core.jobs.upgrades.upgrade_model import UNCONFINED_NOTE, find_expectation
from core.settings import Settings
from core.upgrade.model_files import ModelFiles
from core.upgrade.sides import Crossing
from core.worker.child_handle import never_cancelled
from tests.factories.environment_kits import borrow_own_packages, make_engine

CORE = Path(core.__file__).parent
ADVISING = ("environments", "jobs", "upgrade")  # folders whose InputErrors all say what to do next


@pytest.fixture
def model(tmp_path: Path) -> ModelFiles:
    """A file whose content no engine of the tests looks at."""
    folder = tmp_path / "model"
    (folder / "artifact").mkdir(parents=True)
    (folder / "artifact" / "model.keras").write_bytes(b"x")
    return ModelFiles(folder, "keras", 64 * "0")


def reads_compile_settings(model: ModelFiles, folder: Path) -> bool:
    model.kit().write(folder)
    return json.loads((folder / "kit.json").read_text())["compile"]


def test_compile_settings_are_read_unless_a_file_may_run_unconfined(
    model: ModelFiles, tmp_path: Path, config: Settings
):
    unconfined = config.model_copy(update={"run_unconfined": True})
    assert load_bare_unless_confined(config, model) is model
    assert reads_compile_settings(model, tmp_path / "confined")
    bare = load_bare_unless_confined(unconfined, model)
    assert not reads_compile_settings(bare, tmp_path / "unconfined")
    assert bare.sha256 != model.sha256
    ours, onnx = ModelFiles(model.folder, "keras", "0", is_untrusted=False), ModelFiles(model.folder, "onnx", "0")
    assert [load_bare_unless_confined(unconfined, each) for each in (ours, onnx)] == [ours, onnx]


def test_row_says_that_compile_settings_are_left_out(
    model: ModelFiles, tmp_path: Path, config: Settings, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("core.environments.pool.is_unchanged", lambda built: True)
    side, built = make_engine("described", forks=True), borrow_own_packages(tmp_path / "own")
    unconfined = config.model_copy(update={"run_unconfined": True})
    with WarmProcesses(unconfined) as pool:
        crossing = Crossing(pool, side, built, side, built, never_cancelled)
        notes = [
            find_expectation(crossing, each).note for each in (model, load_bare_unless_confined(unconfined, model))
        ]
    assert notes == ["", UNCONFINED_NOTE]


def make_crossing(pool: WarmProcesses, tmp_path: Path, engine: str) -> Crossing:
    """An upgrade between one engine and itself, whose process asks all that it is given."""
    side, built = make_engine(engine), borrow_own_packages(tmp_path / "own")
    return Crossing(pool, side, built, side, built, never_cancelled)


def test_second_trial_is_asked_of_a_model_loaded_anew(model: ModelFiles, tmp_path: Path, config, monkeypatch):
    monkeypatch.setattr("core.environments.pool.is_unchanged", lambda built: True)
    with WarmProcesses(config) as pool:
        expectation = find_expectation(make_crossing(pool, tmp_path, "remembers"), replace(model, is_untrusted=False))
    assert set(expectation.predictions["asked"]) == {1}


def test_models_before_an_upgrade_are_asked_one_at_a_time(model: ModelFiles, tmp_path: Path, config, monkeypatch):
    monkeypatch.setattr("core.environments.pool.is_unchanged", lambda built: True)
    under_way, most, ask, both = [], [], WarmProcesses.ask, threading.Barrier(2)

    def count_and_ask(self: WarmProcesses, *given: object) -> object:
        under_way.append(1)
        most.append(len(under_way))
        try:
            return ask(self, *given)
        finally:
            under_way.pop()

    def describe(crossing: Crossing, identity: str) -> int:
        both.wait()
        return len(crossing.describe(replace(model, sha256=identity)))

    monkeypatch.setattr(WarmProcesses, "ask", count_and_ask)
    with WarmProcesses(config) as pool, ThreadPoolExecutor(2) as threads:
        crossing = make_crossing(pool, tmp_path, "described")
        assert list(threads.map(partial(describe, crossing), ("0", "1"))) == [1, 1]
    assert most == [1, 1]


def test_every_input_error_says_what_to_do_next():
    silent = [
        f"{path.relative_to(CORE)}:{call.lineno}"
        for folder in ADVISING
        for path in (CORE / folder).rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "InputError"
        if not {"cure", None} & {keyword.arg for keyword in call.keywords}
    ]
    assert silent == []
