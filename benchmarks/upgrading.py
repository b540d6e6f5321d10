"""The upgrade of thirty small models into one environment, beside a new Python for each model in each environment."""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.house import house
from benchmarks.measure import Row, Sample, seconds, until
from core.environments import get_environment
from core.environments.base import Environment
from core.environments.build import BuiltEnvironment, build_environment
from core.environments.own import find_own, own_environment
from core.environments.process import RUN_KIT
from core.jobs import Jobs
from core.jobs.upgrades.upgrade import read_rows
from core.upgrade.rows import Status

TARGET, MODELS = "keras-3.12", 30
TIMED = 5  # models for which new Pythons are timed, from which the time of all follows: each takes the same
# Written in a process of its own: TensorFlow is not loaded here. Without words that the older release does not know.
WRITE = """
import sys
from pathlib import Path
import keras
folder, count = Path(sys.argv[1]), int(sys.argv[2])
for at in range(count):
    keras.utils.set_random_seed(at)
    layers = [keras.layers.Reshape((4, 2)), keras.layers.LayerNormalization(), keras.layers.Flatten()]
    keras.Sequential([keras.Input((8,)), *layers]).save(folder / f"model_{at:02d}.keras")
"""


def measure() -> list[Row]:
    """A row for the whole upgrade, checks and both environments included."""
    target = get_environment(TARGET)
    with house() as jobs, tempfile.TemporaryDirectory() as folder:
        models = Path(folder)
        subprocess.run([sys.executable, "-c", WRITE, models, str(MODELS)], check=True, capture_output=True)
        sides = [(own_environment(), find_own(jobs.config)), (target, build_environment(jobs.config, target))]
        _time_new_pythons(sides, sorted(models.iterdir())[:1])  # fills the caches of the disk
        theirs = _time_new_pythons(sides, sorted(models.iterdir())[:TIMED]) * MODELS / TIMED
        jobs.worker.start()  # as a server's is when it is asked
        until(lambda: jobs.worker.state().phase == "ready", 300, "the worker")
        ours = seconds(lambda: _upgrade(jobs, models))
    what = f"upgrade of {MODELS} small models to {target.label}"
    note = f"with all imports there and the checks of files from outside; beside it {TIMED} models are timed"
    beside = "a new Python for each model in each environment, unconfined"
    return [Row(what, Sample((ours,)), Sample((theirs,)), beside, at_least=8, note=note)]


def _upgrade(jobs: Jobs, models: Path) -> None:
    """Raises ValueError where not all came through: then there would be nothing to time."""
    ended = jobs.wait(jobs.check_upgrade("here", TARGET, models, again=True).id)
    rows = read_rows(ended.result.get("rows", []))
    if [row.status for row in rows] != MODELS * [Status.ALIKE]:
        raise ValueError(f"{ended.error or [(row.label, row.cause) for row in rows][:3]}")


def _time_new_pythons(sides: list[tuple[Environment, BuiltEnvironment]], models: list[Path]) -> float:
    started = time.perf_counter()
    for model in models:
        with tempfile.TemporaryDirectory() as folder:
            kit = _write_kit(Path(folder) / "kit", model)
            for environment, built in sides:
                command = [built.python, "-I", RUN_KIT, environment.script_path, kit, folder]
                variables = {"TF_CPP_MIN_LOG_LEVEL": "3", "HOME": folder, "CUDA_VISIBLE_DEVICES": "-1"}
                subprocess.run(command, check=True, capture_output=True, env=variables | dict(environment.variables))
    return time.perf_counter() - started


def _write_kit(folder: Path, model: Path) -> Path:
    (folder / "artifact").mkdir(parents=True)
    (folder / "artifact" / "model.keras").write_bytes(model.read_bytes())
    np.savez(folder / "inputs.npz", input=np.random.default_rng(0).random((32, 8), dtype="float32"))
    (folder / "kit.json").write_text(json.dumps({"format": "keras"}))
    return folder
