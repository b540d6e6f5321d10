"""Untrusted kits that are asked what they take first: the process with the model in it, its limits and its end."""

import dataclasses
import sys
from pathlib import Path

import psutil
import pytest

from core.environments.kits import Kit
from core.environments.pool import WarmProcesses
from core.settings import Settings
from tests.factories.environment_kits import borrow_own_packages, make_engine, make_kit
from tests.helpers import wait_until

pytestmark = pytest.mark.trust
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux confines")


@linux
def test_described_kit_has_one_process_that_ends_before_another_kit(processes, tmp_path: Path):
    built, engine = borrow_own_packages(tmp_path / "own"), make_engine("numbered", forks=True)
    kits = [make_kit(tmp_path / "kit", is_untrusted=True, identity=name) for name in ("first", "second")]
    first, second = (dataclasses.replace(kit, expected=None) for kit in kits)

    def describe() -> int:
        reply = processes.ask(engine, built, dataclasses.replace(first, asks="describe"))
        return int(reply.inputs[0].name)

    def predict(kit: Kit) -> int:
        return int(processes.ask(engine, built, kit).predictions["process"][0])

    described = describe()
    assert predict(first) == described
    assert predict(first) != described  # it ended with its answer
    waiting = describe()
    assert psutil.pid_exists(waiting)
    assert predict(second) != waiting
    assert not psutil.pid_exists(waiting)


@linux
def test_described_kit_that_is_not_asked_soon_has_no_process(processes: WarmProcesses, tmp_path: Path):
    built, engine = borrow_own_packages(tmp_path / "own"), make_engine("numbered", forks=True)
    kit = dataclasses.replace(make_kit(tmp_path / "kit", is_untrusted=True), expected=None)
    described = processes.ask(engine, built, dataclasses.replace(kit, asks="describe"))
    wait_until(lambda: not psutil.pid_exists(int(described.inputs[0].name)))
    answered = int(processes.ask(engine, built, kit).predictions["process"][0])
    assert answered != int(described.inputs[0].name)
    processes.ask(engine, built, dataclasses.replace(kit, identity="other"))
    assert len(processes._idle) == 1


@linux
def test_described_kit_has_the_processor_time_of_each_request(config: Settings, tmp_path: Path, monkeypatch):
    monkeypatch.setattr("core.environments.pool.is_unchanged", lambda built: True)
    few = config.model_copy(update={"confined_cpu_seconds": 2, "converting_times": 1})
    built, engine = borrow_own_packages(tmp_path / "own"), make_engine("limited", forks=True)
    kit = dataclasses.replace(make_kit(tmp_path / "kit", is_untrusted=True), expected=None)
    with WarmProcesses(few) as pool:
        described = pool.ask(engine, built, dataclasses.replace(kit, asks="describe"))
        (limit, *_) = pool.ask(engine, built, kit).predictions["limit"]
    assert limit > int(described.inputs[0].name)
