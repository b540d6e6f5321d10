"""Fixtures: environments that are built once for all processes of a session, and engines of our own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.environments.judge import ElsewhereOutcome, judge_kit
from core.environments.pool import WarmProcesses
from core.settings import Settings
from tests.factories.environment_kits import borrow_own_packages, make_engine, make_kit


@pytest.fixture(scope="session")
def built_config(config: Settings, shared_folder: Path) -> Settings:
    """The session's settings, with a cache of environments that all of its processes share."""
    return config.model_copy(update={"environments": shared_folder / "environments"})


@pytest.fixture
def processes(config: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[WarmProcesses]:
    """Warm processes of the test's own, of environments whose files are not looked at."""
    monkeypatch.setattr("core.environments.pool.is_unchanged", lambda built: True)
    with WarmProcesses(config.model_copy(update={"child_seconds": 60.0})) as pool:
        yield pool


@pytest.fixture
def judge(processes: WarmProcesses, tmp_path: Path) -> Callable[..., ElsewhereOutcome]:
    """A function that asks a small kit in an engine of ours, with the packages of the tests."""
    built = borrow_own_packages(tmp_path / "own")

    def ask(engine: str, is_untrusted: bool = False, pool: WarmProcesses = processes, **more) -> ElsewhereOutcome:
        kit = make_kit(tmp_path / "kit", is_untrusted)
        return judge_kit(pool, make_engine(engine, **more), built, kit)

    return ask
