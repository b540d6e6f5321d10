"""Places with the packages of the tests themselves: an engine of ours, or ONNX Runtime as Roundtrip has it."""

from pathlib import Path

import pytest

from core.environments.base import ONNX_FORMATS, Environment
from core.environments.pool import WarmProcesses
from core.jobs import Jobs
from core.jobs.places.environment_place import EnvironmentPlace
from tests.factories.environment_kits import borrow_own_packages, make_engine


def make_onnxruntime() -> Environment:
    """ONNX Runtime of this installation, under a lock that is not its own."""
    facts = {"key": "own-onnx", "label": "Own ONNX Runtime", "requirements": (), "takes": ONNX_FORMATS}
    more = {"script": "onnx_onnxruntime", "megabytes": 1, "good_for": "Tests.", "lock": "onnxruntime"}
    return Environment(**{**facts, **more})  # type: ignore[arg-type]


def add_places(patch: pytest.MonkeyPatch, jobs: Jobs, folder: Path, *engines: str) -> None:
    """Have ONNX Runtime and engines of ours be the only places, all of them built."""
    environments = [make_onnxruntime(), *(make_engine(engine) for engine in engines)]
    built = borrow_own_packages(folder)
    places = tuple(map(EnvironmentPlace, environments))
    patch.setattr("core.jobs.places.known_places.list_places", lambda: places)
    patch.setattr("core.jobs.places.environment_place.build_asked", lambda *given, **more: built)
    patch.setattr("core.jobs.places.environment_place.find_asked", lambda *given: built)
    patch.setattr("core.environments.pool.is_unchanged", lambda built: True)
    patch.setattr(jobs, "_require_may_build", lambda environments: None)
    patch.setattr(jobs, "environment_processes", WarmProcesses(jobs.config))
