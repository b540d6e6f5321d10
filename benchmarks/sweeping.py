"""`roundtrip sweep` over small models: how long it takes for each, and what the command holds in memory meanwhile.

As a program over as many as are named, with a line a minute: python -m benchmarks.sweeping COUNT
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import psutil

from benchmarks.measure import Row, Sample
from core.settings import MB, PROJECT

MODELS = 24  # of a benchmark
FORMATS = ("as-is", "h5")
TICK = 1.0  # seconds between two looks at the command
# Written in a process of its own: TensorFlow is not loaded here. Four kinds of models in turn, each with other weights.
WRITE = """
import sys
from pathlib import Path
import keras
folder, count = Path(sys.argv[1]), int(sys.argv[2])
layers = keras.layers
kinds = [
    lambda: [keras.Input((8,)), layers.Dense(16, "relu"), layers.Dense(3, "softmax")],
    lambda: [keras.Input((8, 8, 1)), layers.Conv2D(4, 3, activation="relu"), layers.Flatten(), layers.Dense(2)],
    lambda: [keras.Input((8,)), layers.Dense(8), layers.BatchNormalization(), layers.Dense(1, "sigmoid")],
    lambda: [keras.Input((8,)), layers.Reshape((4, 2)), layers.LayerNormalization(), layers.Flatten()],
]
for at in range(count):
    keras.utils.set_random_seed(at)
    model = keras.Sequential(kinds[at % len(kinds)]())
    if at % len(kinds) == 3:
        model.layers[1].beta.assign(keras.random.normal((2,)))
    model.save(folder / f"model_{at:05d}.keras")
    if at % 100 == 99:
        keras.backend.clear_session()
"""


class Swept(NamedTuple):
    """What a sweep took: seconds, the bytes of memory of the command at its beginning and at most, and its rows."""

    seconds: float
    first_bytes: int
    most_bytes: int
    rows: list[dict[str, object]]


def measure() -> list[Row]:
    """The seconds for each model, and for each once more when nothing has changed."""
    with tempfile.TemporaryDirectory(prefix="roundtrip-bench-") as folder:
        plan = write_models(Path(folder), MODELS)
        first, again = (run_sweep(plan, Path(folder) / "home") for _ in range(2))
        note = f"{MODELS} models in {len(FORMATS)} formats, imported and compared; the command had {_mb(first)}"
        what = f"a sweep over {MODELS} small models, for each"
        return [
            Row(what, Sample((first.seconds / MODELS,)), note=note),
            Row(f"{what}, when all is known", Sample((again.seconds / MODELS,)), note=f"the command had {_mb(again)}"),
        ]


def _mb(swept: Swept) -> str:
    return f"at most {swept.most_bytes / MB:.0f} MiB"


def write_models(folder: Path, count: int) -> Path:
    """Write so many models below a folder; returns the path of a plan for them."""
    (folder / "models").mkdir(parents=True)
    subprocess.run([sys.executable, "-c", WRITE, folder / "models", str(count)], check=True, capture_output=True)
    plan = folder / "plan.toml"
    plan.write_text(f"models = ['models']\nformats = {json.dumps(FORMATS)}\n", encoding="utf-8")
    return plan


def run_sweep(plan: Path, home: Path, is_told: bool = False) -> Swept:
    """Do a sweep by the command, to its end."""
    report, started, seen = plan.with_suffix(".json"), time.monotonic(), [0]
    command = [sys.executable, "-m", "core", "sweep", plan, "--report", report, "--report", plan.with_suffix(".html")]
    variables = {**os.environ, "ROUNDTRIP_HOME": str(home), "PYTHONPATH": str(PROJECT)}
    with subprocess.Popen(command, cwd=plan.parent, env=variables, stdout=subprocess.DEVNULL) as process:
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            seen.append(_read_memory(watched))
            if is_told and len(seen) % int(60 / TICK) == 0:
                _tell(home, time.monotonic() - started, seen[-1])
            time.sleep(TICK)
    rows = json.loads(report.read_text(encoding="utf-8"))["rows"]
    first = next((each for each in seen[int(10 / TICK) :] if each), max(seen))
    return Swept(time.monotonic() - started, first, max(seen), rows)


def _read_memory(process: psutil.Process) -> int:
    """The bytes of the command itself, without its worker; 0 where it has just ended."""
    try:
        return process.memory_info().rss
    except psutil.Error:
        return 0


def _tell(home: Path, seconds: float, memory: int) -> None:
    runs, artifacts = (sum(1 for _ in (home / name).glob("*")) for name in ("runs", "artifacts"))
    print(f"{seconds:6.0f} s: {runs} runs, {artifacts} artifacts, {memory / MB:.0f} MiB", flush=True)


def main(count: int) -> None:
    """Print what a sweep over so many models took, and what came of it."""
    with tempfile.TemporaryDirectory(prefix="roundtrip-sweep-") as folder:
        plan = write_models(Path(folder), count)
        for name in ("first", "again"):
            swept = run_sweep(plan, Path(folder) / "home", is_told=True)
            print(f"{name}: {swept.seconds:.0f} s, {swept.first_bytes / MB:.0f} to {swept.most_bytes / MB:.0f} MiB")
            print(Counter((row["format"], row["verdict"], row["cause"]) for row in swept.rows).most_common(10))


if __name__ == "__main__":
    main(int(sys.argv[1]))
