"""Comparing many rows: time beside the bare runtimes' own loops, and memory as the rows grow."""

import json
import subprocess
import sys
import time

import psutil

from benchmarks.house import finished, house, saved, trained
from benchmarks.measure import Row, Sample, in_turn, seconds
from core.inputs import Inputs, input_specs
from core.jobs import Jobs
from core.settings import PROJECT

FORMATS = ("saved_model", "onnx", "litert")
ROWS = 100_000
FEW, MANY = 10_000, 1_000_000
LOOK_EVERY = 0.05  # seconds between two looks at the memory

# What somebody would write instead: load each, feed it batch after batch, gather the answers, and no number of them.
BARE = """
import json, sys, time
from pathlib import Path
import numpy as np
import onnxruntime, tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

folders, inputs, batch = json.loads(sys.argv[1]), np.load(sys.argv[2]), 64
parts = [inputs[start : start + batch] for start in range(0, len(inputs), batch)]
began = time.perf_counter()
served = tf.saved_model.load(folders["saved_model"]).signatures["serving_default"]
(name,) = served.structured_input_signature[1]
session = onnxruntime.InferenceSession(str(next(Path(folders["onnx"]).glob("*.onnx"))))
(port,) = session.get_inputs()
lite = Interpreter(model_content=next(Path(folders["litert"]).glob("*.tflite")).read_bytes()).get_signature_runner()
(given,) = lite.get_input_details()
loops = (
    lambda part: next(iter(served(**{name: tf.constant(part)}).values())).numpy(),
    lambda part: session.run(None, {port.name: part})[0],
    lambda part: next(iter(lite(**{given: part}).values())),
)
for ask in loops:
    ask(parts[0])
loaded = time.perf_counter() - began
started = time.perf_counter()
for ask in loops:
    np.concatenate([ask(part) for part in parts])
looped = time.perf_counter() - started
print(looped, loaded + looped)
"""


def measure_rows() -> list[Row]:
    """100,000 rows through three runtimes, with all numbers, beside their own loops in batches of the same size."""
    with house() as jobs:
        run = trained(jobs)
        ids = saved(jobs, run, *FORMATS)
        request = Inputs(jobs.library.home).random(input_specs(jobs.library, run), ROWS).id
        left, loops, whole = in_turn(
            5,
            lambda: _ours(jobs, ids, request),
            lambda: _bare(jobs, ids, request)[0],
            lambda: _bare(jobs, ids, request)[1],
        )
    what = f"{ROWS:,} rows through SavedModel, ONNX and LiteRT: loaded, answered, all numbers"
    return [
        Row(what, left, loops, "the runtimes' own loops alone, loading not counted", at_most=1.2),
        Row(what, left, whole, "the runtimes' own loops, loading counted too"),
    ]


def _ours(jobs: Jobs, ids: list[str], asked: str) -> float:
    """From the request to its result; the job that was done before is forgotten first."""
    first, *others = ids
    result: list[str] = []
    taken = seconds(lambda: result.append(finished(jobs, jobs.compare(others, baseline=first, inputs=asked)).id))
    jobs.job_store.delete(result[0])
    return taken


def _bare(jobs: Jobs, ids: list[str], asked: str) -> list[float]:
    """Seconds of the loops alone, and of loading and the loops."""
    folders = json.dumps({key: str(jobs.library.verified_folder(id_)) for key, id_ in zip(FORMATS, ids, strict=True)})
    (file,) = Inputs(jobs.library.home).verified_members(asked).values()
    command = [sys.executable, "-c", BARE, folders, str(file)]
    output = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    return [float(word) for word in output.split()[-2:]]


def measure_memory() -> list[Row]:
    """The most memory that the app's process and all below it take while comparing many rows, beside few."""
    few, many = (Sample((_peak(rows),)) for rows in (FEW, MANY))
    what = f"memory of comparing {MANY:,} rows"
    return [Row(what, many, few, f"the same with {FEW:,} rows", unit="MiB", at_most=1.5)]


def _peak(rows: int) -> float:
    """MiB that nobody else shares, at the most, in a process of its own and those below it."""
    command = [sys.executable, "-m", "benchmarks.comparing", str(rows)]
    process = psutil.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE)
    process.stdout.readline()  # trained, saved and made: only what comes now is watched
    most = 0.0
    while process.poll() is None:
        most = max(most, sum(map(_own_bytes, [process, *process.children(recursive=True)])))
        time.sleep(LOOK_EVERY)
    if process.returncode:
        raise RuntimeError(f"Comparing {rows:,} rows failed")
    return most / 2**20


def _own_bytes(process: psutil.Process) -> int:
    try:
        return process.memory_full_info().uss
    except psutil.Error:
        return 0


def main(rows: int) -> None:
    """Compare so many rows once: what is watched from outside."""
    with house() as jobs:
        run = trained(jobs)
        ids = saved(jobs, run, "keras", "onnx")
        request = Inputs(jobs.library.home).random(input_specs(jobs.library, run), rows).id
        print("ready", flush=True)
        finished(jobs, jobs.compare(ids[1:], baseline=ids[0], inputs=request))


if __name__ == "__main__":
    main(int(sys.argv[1]))
