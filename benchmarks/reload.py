"""A `.keras` reloaded in a fresh child with its first prediction, beside the two ways to do so without us."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.house import house, saved, trained
from benchmarks.measure import Row, in_turn, seconds, until
from core.arrays import Arrays
from core.jobs import Jobs

REPEATS = 9
PAUSE = 1.0  # seconds between two jobs of a person; the worker makes its next spare child in them

NEW_PYTHON = """
import sys, numpy, keras
model = keras.models.load_model(sys.argv[1])
print(model.predict(numpy.load(sys.argv[2]), verbose=0).argmax(), flush=True)
sys.stdin.read()
"""

WARM_PYTHON = """
import sys, json, time, numpy, keras
rows = numpy.load(sys.argv[2])
for _ in sys.stdin:
    started = time.perf_counter()
    model = keras.models.load_model(sys.argv[1])
    model.predict(rows, verbose=0)
    print(json.dumps(time.perf_counter() - started), flush=True)
"""


def measure() -> list[Row]:
    """Rows for a new `python` and for a warm one, and one for reloads that follow each other at once."""
    with house() as jobs:
        artifact = saved(jobs, trained(jobs), "keras")[0]
        rows = jobs.library.reference(jobs.library.artifact(artifact).run).head(1).inputs
        one_row = jobs.library.home / "row.npy"
        np.save(one_row, next(iter(rows.values())))
        return _rows(jobs, jobs.library.verified_folder(artifact), rows, one_row)


def _rows(jobs: Jobs, folder: Path, rows: Arrays, one_row: Path) -> list[Row]:
    arguments = [str(folder / "model.keras"), str(one_row)]
    with _python(WARM_PYTHON, arguments) as warm:
        left, fresh, same = in_turn(
            REPEATS, lambda: _paused(jobs, folder, rows), lambda: _new_python(arguments), lambda: _ask(warm)
        )
        at_once, again = in_turn(REPEATS, lambda: _reload(jobs, folder, rows), lambda: _ask(warm))
        warm.stdin.close()
    label = ".keras reloaded in a fresh child, first answer"
    warm_label = "load_model + predict in a warm process"
    return [
        Row(label, left, fresh, "a new python: import, load, answer", at_least=20),
        Row(label, left, same, warm_label, at_most=2.5),
        Row("the same, reload after reload without a pause", at_once, again, warm_label, note="the spare is not ready"),
    ]


def _paused(jobs: Jobs, folder: Path, rows: Arrays) -> float:
    time.sleep(PAUSE)
    return _reload(jobs, folder, rows)


def _reload(jobs: Jobs, folder: Path, rows: Arrays) -> float:
    """Return seconds from the request to the prediction, the start of the child included."""
    request = {"format": "keras", "folder": str(folder), "source": None, "arrays": rows}
    return seconds(lambda: jobs.worker.run("reload", seconds=60, **request))


def _new_python(arguments: list[str]) -> float:
    """Return seconds from the start of Python to its prediction, without its end."""
    started = time.perf_counter()
    with _python(NEW_PYTHON, arguments) as process:
        _line(process)
        took = time.perf_counter() - started
        process.stdin.close()
    return took


def _ask(warm: subprocess.Popen) -> float:
    warm.stdin.write("again\n")
    warm.stdin.flush()
    return float(json.loads(_line(warm)))


def _line(process: subprocess.Popen) -> str:
    line = process.stdout.readline()
    if not line:
        until(lambda: process.poll() is not None, 10, "the end of a python that said nothing")
        raise RuntimeError(f"A python beside ours ended with status {process.returncode} and no answer")
    return line


def _python(code: str, arguments: list[str]) -> subprocess.Popen:
    """Start a Python as a user would, on the CPU as ours is."""
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", "KERAS_BACKEND": "tensorflow"}
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | quiet,
    )
