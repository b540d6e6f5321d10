"""One click that saves a run in every format and proves each copy, beside the raw conversions alone."""

import json
import subprocess
import sys

from benchmarks.house import house
from benchmarks.measure import Row, in_turn, seconds
from core.formats import formats_at_hand
from core.jobs import Jobs
from core.library import Run
from core.settings import PROJECT

REPEATS = 3

# What a user would write instead: rebuild once, convert one after another, and verify nothing.
RAW = """
import json, sys, tempfile
from pathlib import Path
from core.demos import get_demo
from core.demos.base import TrainSettings
from core.formats import get_format
from core.worker.live_models import load_live_model

source, keys, snapshot = json.loads(sys.argv[1]), sys.argv[2].split(","), Path(sys.argv[3])
samples = get_demo(source["demo"]).data(TrainSettings(**source["settings"])).train.inputs
import tensorflow, keras, h5py
model = load_live_model(source, "keras", snapshot)
spent = 0.0
for key in keys:
    with tempfile.TemporaryDirectory() as folder:
        spent += get_format(key).save_model(model, "keras", Path(folder), None, lambda: samples).seconds
print(spent)
"""


def measure() -> list[Row]:
    """One row: every format of digits-mlp saved and verified, beside the sum of the conversions in one warm process."""
    with house() as jobs:
        run = jobs.library.run(jobs.wait(jobs.train("digits-mlp", epochs=3).id).result["run"])
        keys = formats_at_hand(run.kind, run.weight_bytes, run.trust)
        left, raw = in_turn(REPEATS, lambda: _one_click(jobs, run, keys), lambda: _raw(jobs, run, keys))
    label = f"digits-mlp saved in {len(keys)} formats and verified, with one click"
    return [Row(label, left, raw, "the raw conversions alone, one after another", at_most=1.0)]


def _one_click(jobs: Jobs, run: Run, keys: list[str]) -> float:
    def click() -> None:
        end = jobs.wait(jobs.save(run.id, keys).id)
        assert {row["state"] for row in end.result["rows"].values()} == {"done"}, end.result

    return seconds(click)


def _raw(jobs: Jobs, run: Run, keys: list[str]) -> float:
    snapshot = str(jobs.library.snapshot(run.id))
    command = [sys.executable, "-c", RAW, json.dumps(run.code_source), ",".join(keys), snapshot]
    output = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    return float(output.split()[-1])
