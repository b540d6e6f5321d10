"""Environments: a warm process beside a new Python, and building by uv beside venv and pip."""

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.house import house, saved, trained
from benchmarks.measure import Row, in_turn, seconds
from core.environments import get_environment
from core.environments.base import Environment
from core.environments.build import BuiltEnvironment, build_environment
from core.environments.kits import Kit
from core.environments.pool import WarmProcesses
from core.environments.process import RUN_KIT
from core.exports.proof_kit import unpacked_kit
from core.jobs import Jobs
from core.settings import Settings

ASKED, BUILT = "onnxruntime-1.20", "keras-3.3"
REPEATS, BUILDS = 7, 2


def measure_warm() -> list[Row]:
    """A row for the second prediction of a kit, beside a new Python that imports, loads and predicts."""
    environment = get_environment(ASKED)
    with house() as jobs, _asked_kit(jobs) as kit, WarmProcesses(jobs.config) as processes:
        built = build_environment(jobs.config, environment)
        processes.ask(environment, built, kit)
        with tempfile.TemporaryDirectory() as folder:
            unpacked = Path(folder) / "kit"
            kit.write(unpacked)
            warm, new = in_turn(
                REPEATS,
                lambda: seconds(lambda: processes.ask(environment, built, kit)),
                lambda: _time_new_python(environment, built, unpacked),
            )
    what = f"second prediction of a kit in {environment.label}"
    return [Row(what, warm, new, "a new Python that imports, loads and predicts", at_least=10)]


@contextmanager
def _asked_kit(jobs: Jobs) -> Iterator[Kit]:
    with unpacked_kit(jobs.library, saved(jobs, trained(jobs), "onnx")[0]) as kit:
        yield kit


def _time_new_python(environment: Environment, built: BuiltEnvironment, kit: Path) -> float:
    with tempfile.TemporaryDirectory() as out:
        command = [built.python, "-I", RUN_KIT, environment.script_path, kit, out]
        return seconds(lambda: subprocess.run(command, check=True, capture_output=True))


def measure_build() -> list[Row]:
    """A row for building the environment of Keras 3.3 by uv, beside venv and pip; a first round fills the caches."""
    environment = get_environment(BUILT)
    ours, theirs = in_turn(BUILDS, lambda: _time_uv(environment), lambda: _time_pip(environment))
    note = "pip compiles what it installs; uv leaves that to the first import"
    beside = "python -m venv and pip, its cache warm"
    return [Row(f"building {environment.label}", ours, theirs, beside, at_most=0.3, note=note)]


def _time_uv(environment: Environment) -> float:
    with tempfile.TemporaryDirectory() as folder:
        config = Settings(home=Path(folder))
        return seconds(lambda: build_environment(config, environment))


def _time_pip(environment: Environment) -> float:
    folder = Path(tempfile.mkdtemp())
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    options = ["install", "--quiet", "--disable-pip-version-check", "--require-hashes", "--no-deps"]
    subprocess.run([folder / "bin" / "pip", *options, "-r", environment.lock_path], check=True, capture_output=True)
    elapsed = time.perf_counter() - started
    shutil.rmtree(folder)
    return elapsed
