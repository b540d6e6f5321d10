"""Comparing many rows: time beside the bare runtimes' own loops, and memory as the rows grow."""

import json
import subprocess
import sys
import time

import psutil

from benchmarks.house import finished, house, saved, trained
from benchmarks.measure import Row, Sample, in_turn, seconds
from core.inputs import input_specs
from core.jobs import Jobs
from core.settings import PROJECT

FORMATS = ("saved_model", "onnx", "litert")
ROWS = 100_000
FEW, MANY = 10_000, 1_000_000
POLL_SECONDS = 0.05  # between two readings of the memory

# What a user would write instead: load each, feed it batch after batch, gather the predictions, without any metric.
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
(lite_input,) = lite.get_input_details()
loops = (
    lambda part: next(iter(served(**{name: tf.constant(part)}).values())).numpy(),
    lambda part: session.run(None, {port.name: part})[0],
    lambda part: next(iter(lite(**{lite_input: part}).values())),
)
for predict in loops:
    predict(parts[0])
loaded = time.perf_counter() - began
started = time.perf_counter()
for predict in loops:
    np.concatenate([predict(part) for part in parts])
looped = time.perf_counter() - started
print(looped, loaded + looped)
"""


def measure_rows() -> list[Row]:
    """100,000 rows through three runtimes, with all numbers, beside their own loops in batches of the same size."""
    with house() as jobs:
        run = trained(jobs)
        ids = saved(jobs, run, *FORMATS)
        inputs = jobs.inputs.add_random(input_specs(jobs.library, run), ROWS).id
        left, loops, whole = in_turn(
            5,
            lambda: _ours(jobs, ids, inputs),
            lambda: _bare(jobs, ids, inputs)[0],
            lambda: _bare(jobs, ids, inputs)[1],
        )
    label = f"{ROWS:,} rows through SavedModel, ONNX and LiteRT: loaded, answered, all numbers"
    return [
        Row(label, left, loops, "the runtimes' own loops alone, loading not counted", at_most=1.2),
        Row(label, left, whole, "the runtimes' own loops, loading counted too"),
    ]


def _ours(jobs: Jobs, ids: list[str], inputs: str) -> float:
    """Return seconds from the request to its result; the job is deleted, so that the next one computes again."""
    baseline, *copies = ids
    ended: list[str] = []
    took = seconds(lambda: ended.append(finished(jobs, jobs.compare(copies, baseline=baseline, inputs=inputs)).id))
    jobs.job_store.delete(ended[0])
    return took


def _bare(jobs: Jobs, ids: list[str], inputs: str) -> list[float]:
    """Return seconds of the loops alone, and of loading and the loops."""
    folders = json.dumps({key: str(jobs.library.verified_folder(id_)) for key, id_ in zip(FORMATS, ids, strict=True)})
    (file,) = jobs.inputs.verified_members(inputs).values()
    command = [sys.executable, "-c", BARE, folders, str(file.path)]
    output = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    return [float(word) for word in output.split()[-2:]]


def measure_memory() -> list[Row]:
    """Peak memory of the app's process and its descendants while comparing many rows, beside few."""
    few, many = (Sample((_peak(rows),)) for rows in (FEW, MANY))
    label = f"memory of comparing {MANY:,} rows"
    return [Row(label, many, few, f"the same with {FEW:,} rows", unit="MiB", at_most=1.5)]


def _peak(rows: int) -> float:
    """Return the peak of unshared memory (USS) in MiB, of a new process and its descendants together."""
    command = [sys.executable, "-m", "benchmarks.comparing", str(rows)]
    process = psutil.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE)
    process.stdout.readline()  # trained, saved and made: only the comparison is measured
    most = 0.0
    while process.poll() is None:
        most = max(most, sum(map(_own_bytes, [process, *process.children(recursive=True)])))
        time.sleep(POLL_SECONDS)
    if process.returncode:
        raise RuntimeError(f"Comparing {rows:,} rows failed")
    return most / 2**20


def _own_bytes(process: psutil.Process) -> int:
    try:
        return process.memory_full_info().uss
    except psutil.Error:
        return 0


def main(rows: int) -> None:
    """Compare so many rows once, in the process that `_peak` measures."""
    with house() as jobs:
        run = trained(jobs)
        ids = saved(jobs, run, "keras", "onnx")
        inputs = jobs.inputs.add_random(input_specs(jobs.library, run), rows).id
        print("ready", flush=True)
        finished(jobs, jobs.compare(ids[1:], baseline=ids[0], inputs=inputs))


if __name__ == "__main__":
    main(int(sys.argv[1]))
