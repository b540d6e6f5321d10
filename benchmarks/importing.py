"""Importing a MobileNetV3Small that came as `.keras`, beside the same of an earlier commit."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.beside import measure_beside, rows_beside
from benchmarks.earlier import earlier_checkout
from benchmarks.measure import Row

REPEATS = 3

MAKE = """
import sys, keras
keras.utils.set_random_seed(0)
keras.applications.MobileNetV3Small(weights=None).save(sys.argv[1])
"""
IMPORT = """
from pathlib import Path

def prepare(jobs, arguments):
    is_earlier = not hasattr(jobs, "import_model")  # which has other names
    import_model = jobs.bring_in if is_earlier else jobs.import_model
    jobs.worker.open(**{"confined" if is_earlier else "sandboxed": True}).close()  # the check of the sandbox

    def work():
        end = jobs.wait(import_model(Path(arguments[0])).id)
        assert end.state == "done", end

    return work
"""


def measure() -> list[Row]:
    """From the file to its run and artifact, with its verdict."""
    with earlier_checkout() as earlier, tempfile.TemporaryDirectory(prefix="roundtrip-bench-") as folder:
        path = Path(folder) / "mobilenet.keras"
        quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", "KERAS_BACKEND": "tensorflow"}
        subprocess.run([sys.executable, "-c", MAKE, str(path)], check=True, env=os.environ | quiet)
        wall, processor = measure_beside(earlier, Path(folder), IMPORT, [str(path)], REPEATS)
    return rows_beside("MobileNetV3Small imported as .keras", wall, processor, at_most=0.33)
