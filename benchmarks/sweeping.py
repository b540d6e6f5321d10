"""`roundtrip sweep` over small models: how long it takes for each, and what the command holds in memory meanwhile.

As a program over as many as are named, with a line a minute: python -m benchmarks.sweeping COUNT
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import psutil

from benchmarks.measure import Row, Sample, seconds
from core.settings import MB, PROJECT
from core.sweep.rows import Status

MODELS = 24  # of a benchmark
FORMATS = ("as-is", "h5")
AGAIN_FASTER = 4  # times: nothing is loaded or asked when all is known
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


# What one would write instead: in one process, unconfined, which a model that ends it ends for all; no record is kept.
LOOP = """
import sys
from pathlib import Path
import keras
import numpy as np
for path in sorted(Path(sys.argv[1]).glob("*.keras")):
    model = keras.models.load_model(path)
    rows = np.random.default_rng(0).random((32, *model.input_shape[1:]), dtype="float32")
    before = model.predict(rows, verbose=0)
    model.save(path.with_suffix(".h5"))
    after = keras.models.load_model(path.with_suffix(".h5")).predict(rows, verbose=0)
    np.testing.assert_allclose(before, after, rtol=1e-5)
    path.with_suffix(".h5").unlink()
"""


class Swept(NamedTuple):
    """What a sweep took.

    Attributes:
        status: The exit status of the command.
        seconds: Of a clock; `processor_seconds` those of the command and its worker, of all processors together.
        first_bytes: Memory of the command at its beginning, without its worker; `most_bytes` at most.
    """

    status: int
    seconds: float
    processor_seconds: float
    first_bytes: int
    most_bytes: int
    rows: list[dict[str, object]]


def measure() -> list[Row]:
    """A first sweep beside a loop, and the same sweep once more beside the first: then nothing has changed."""
    with tempfile.TemporaryDirectory(prefix="roundtrip-bench-") as folder:
        plan = write_models(Path(folder), MODELS)
        theirs = seconds(lambda: run_loop(Path(folder) / "models"))
        first, again = (_run_whole_sweep(plan, Path(folder) / "home") for _ in range(2))
        what, loop = (
            f"sweep over {MODELS} small models",
            "a loop of load_model, save, load_model and predict, unconfined",
        )
        ours, repeated = Sample((first.seconds,)), Sample((again.seconds,))
        return [
            Row(what, ours, Sample((theirs,)), loop, note=_describe(first)),
            Row(f"{what}, again", repeated, ours, "the first time", at_least=AGAIN_FASTER, note=_describe(again)),
        ]


def _describe(swept: Swept) -> str:
    return f"{swept.processor_seconds:.0f} s of a processor; the command had at most {swept.most_bytes / MB:.0f} MB"


def _run_whole_sweep(plan: Path, home: Path) -> Swept:
    """Raises ValueError where not every model came through in every format: then there would be nothing to time."""
    swept = run_sweep(plan, home)
    require_alike(swept, MODELS)
    return swept


def require_alike(swept: Swept, models: int) -> None:
    """Raise ValueError where not every row answers the same."""
    other = [row for row in swept.rows if row["status"] != Status.ALIKE]
    if swept.status or other or len(swept.rows) != models * len(FORMATS):
        raise ValueError(f"Exit status {swept.status}, {len(swept.rows)} rows, of these not alike: {other[:3]}")


def run_loop(models: Path) -> None:
    """Do by hand what a sweep does of the models of a folder."""
    subprocess.run([sys.executable, "-c", LOOP, models], check=True, capture_output=True)


def write_models(folder: Path, count: int) -> Path:
    """Write so many models below a folder; returns the path of a plan for them."""
    (folder / "models").mkdir(parents=True)
    subprocess.run([sys.executable, "-c", WRITE, folder / "models", str(count)], check=True, capture_output=True)
    plan = folder / "plan.toml"
    plan.write_text(f"models = ['models']\nformats = {json.dumps(FORMATS)}\n", encoding="utf-8")
    return plan


def run_sweep(plan: Path, home: Path, is_told: bool = False) -> Swept:
    """Do a sweep by the command, to its end."""
    report, started, seen, used = plan.with_suffix(".json"), time.monotonic(), [0], _processor_seconds()
    report.unlink(missing_ok=True)  # that of an earlier run would be read in place of one that is missing
    command = [sys.executable, "-m", "core", "sweep", plan, "--report", report, "--report", plan.with_suffix(".html")]
    variables = {name: value for name, value in os.environ.items() if not name.upper().startswith("ROUNDTRIP_")}
    variables |= {"ROUNDTRIP_HOME": str(home), "ROUNDTRIP_WARM_SECONDS": "0", "PYTHONPATH": str(PROJECT)}
    with subprocess.Popen(command, cwd=plan.parent, env=variables, stdout=subprocess.DEVNULL) as process:
        watched = psutil.Process(process.pid)
        while _is_at_work(process):
            seen.append(_read_memory(watched))
            if is_told and len(seen) % int(60 / TICK) == 0:
                _tell(home, time.monotonic() - started, seen[-1])
    took = time.monotonic() - started, _processor_seconds() - used
    rows = json.loads(report.read_text(encoding="utf-8"))["rows"]
    first = next((each for each in seen[int(10 / TICK) :] if each), max(seen))
    return Swept(process.returncode, *took, first, max(seen), rows)


def _is_at_work(process: subprocess.Popen) -> bool:
    """Whether a process has not ended after a tick."""
    try:
        process.wait(TICK)
    except subprocess.TimeoutExpired:
        return True
    return False


def _processor_seconds() -> float:
    """The seconds of a processor of all processes below this one that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _read_memory(process: psutil.Process) -> int:
    """The bytes of the command itself, without its worker; 0 where it has just ended."""
    try:
        return process.memory_info().rss
    except psutil.Error:
        return 0


def _tell(home: Path, seconds: float, memory: int) -> None:
    runs, artifacts = (sum(1 for _ in (home / name).glob("*")) for name in ("runs", "artifacts"))
    print(f"{seconds:6.0f} s: {runs} runs, {artifacts} artifacts, {memory / MB:.0f} MB", flush=True)


def main(count: int) -> None:
    """Print what a sweep over so many models took, and what came of it."""
    with tempfile.TemporaryDirectory(prefix="roundtrip-sweep-") as folder:
        plan = write_models(Path(folder), count)
        for name in ("first", "again"):
            swept = run_sweep(plan, Path(folder) / "home", is_told=True)
            print(f"{name}: {swept.seconds:.0f} s, at first {swept.first_bytes / MB:.0f} MB; {_describe(swept)}")
            print(Counter((row["format"], row["verdict"], row["cause"]) for row in swept.rows).most_common(10))
            require_alike(swept, count)


if __name__ == "__main__":
    main(int(sys.argv[1]))
