"""Memory of what is done with a model of half a gigabyte: peak PSS above the live model and the idle worker.

PSS counts a page that several processes share once among them.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.earlier import command_environment
from benchmarks.measure import Row, Sample
from core.settings import PROJECT
from core.system import read_proportional_memory

WORDS, WIDTH = 270_000, 512
FILE_MIB = WORDS * WIDTH * 4 / 2**20
POLL_SECONDS = 0.02  # between two readings

# Each prints a line when only the measured part is left to do, and does it when it is sent one.
BEGIN = f"""
import sys
import numpy as np

def begin():
    print("ready", flush=True)
    sys.stdin.readline()

folder, words = sys.argv[1], np.arange(8, dtype="int32").reshape(2, 4)

def make_model(seed):
    import keras
    keras.utils.set_random_seed(seed)
    layers = [keras.layers.Embedding({WORDS}, {WIDTH}), keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(2)]
    return keras.Sequential([keras.Input((4,), dtype="int32"), *layers])
"""
WITH_JOBS = """
from core.jobs import Jobs
jobs = Jobs()
jobs.worker.start()
jobs.worker.open().close()
"""
ADD = """
from core.library import Library
model = make_model(int(sys.argv[2]))
model(words[:1])
begin()
print(Library().add(model, words, ["keras"], worker=jobs.worker)[0].artifact.id, flush=True)
jobs.worker.close()
"""
SAVE_AND_LOAD = """
import keras
model = make_model(0)
model(words[:1])
begin()
model.save(f"{folder}/plain.keras")
keras.models.load_model(f"{folder}/plain.keras").predict(words, verbose=0)
"""
INSPECT = """
from core.introspection.describe import describe_part
jobs.worker.open(sandboxed=True).close()
begin()
assert len(describe_part(jobs, sys.argv[2], "tensors").tensors) == 3
jobs.worker.close()
"""
DIFF = """
from core.introspection.diff import diff_tensors
jobs.worker.open(sandboxed=True).close()
begin()
assert len(diff_tensors(jobs, sys.argv[2], sys.argv[3]).pairs) == 3
jobs.worker.close()
"""
LOAD = """
import keras
keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]).predict(words, verbose=0)
begin()
loaded = [keras.models.load_model(f"{folder}/plain.keras") for _ in range(int(sys.argv[2]))]
"""


def measure() -> list[Row]:
    """`add`, `inspect` and `diff`, each beside what a user would write with Keras alone."""
    with tempfile.TemporaryDirectory(prefix="roundtrip-bench-") as folder:
        plain, _ = _peak(SAVE_AND_LOAD, folder)
        add, first = _peak(WITH_JOBS + ADD, folder, "0")
        _, second = _peak(WITH_JOBS + ADD, folder, "1")
        inspect, _ = _peak(WITH_JOBS + INSPECT, folder, first)
        diff, _ = _peak(WITH_JOBS + DIFF, folder, first, second)
        one, two = (_peak(LOAD, folder, count)[0] for count in ("1", "2"))
    size = f"model of {FILE_MIB:.0f} MiB: peak memory of"
    file = Sample((FILE_MIB,))
    return [
        Row(f"{size} add in one format", add, file, "its file", unit="MiB", at_most=1.5),
        Row(f"{size} add in one format", add, plain, "model.save and load_model", unit="MiB"),
        Row(f"{size} inspect", inspect, one, "load_model", unit="MiB", at_most=1.2),
        Row(f"{size} diff", diff, two, "load_model twice", unit="MiB", at_most=1.2),
    ]


def _peak(code: str, folder: str, *arguments: str) -> tuple[Sample, str]:
    """The peak of a process and its descendants above what they had before the measured part, in MiB; its last line."""
    command = [sys.executable, "-c", BEGIN + code, folder, *arguments]
    pipe, environment = subprocess.PIPE, command_environment(Path(folder) / "store")
    environment |= {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", "KERAS_BACKEND": "tensorflow"}
    process = psutil.Popen(command, cwd=PROJECT, env=environment, stdin=pipe, stdout=pipe, text=True)
    with process:
        process.stdout.readline()
        before = most = _memory(process)
        process.stdin.write("go\n")
        process.stdin.flush()
        while process.poll() is None:
            most = max(most, _memory(process))
            time.sleep(POLL_SECONDS)
        lines = process.stdout.read().split()
    if process.returncode:
        raise RuntimeError(f"What was measured ended with status {process.returncode}")
    return Sample(((most - before) / 2**20,)), lines[-1] if lines else ""


def _memory(process: psutil.Process) -> int:
    try:
        processes = [process, *process.children(recursive=True)]
    except psutil.Error:
        return 0
    return sum(read_proportional_memory(each.pid) for each in processes)
