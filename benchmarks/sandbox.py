"""An imported `.keras` in a confined child with its first prediction, beside the same in a plain fresh child."""

import time
from pathlib import Path

from benchmarks.house import house, saved, trained
from benchmarks.measure import Row, Sample, in_turn, seconds
from core.arrays import Arrays
from core.jobs import Jobs

REPEATS = 9
BARE = "without compile settings, as all that is brought in"
PAUSE = 1.5  # seconds between two jobs of a person; the worker makes its next spare child in them


def measure() -> list[Row]:
    """Rows for a spare child, for one load after another without a pause, and for the self-test."""
    with house() as jobs:
        artifact = saved(jobs, trained(jobs), "keras")[0]
        rows = jobs.library.reference(jobs.library.artifact(artifact).run).head(1).inputs
        folder = jobs.library.verified_folder(artifact)
        tested = jobs.worker.run_sandbox_check()
        if not tested.blocked:
            raise RuntimeError(tested.sentence)
        confined, plain = _beside(jobs, folder, rows, PAUSE)
        at_once, again = _beside(jobs, folder, rows, 0.0)
        tests = Sample(tuple(jobs.worker.run_sandbox_check(again=True).seconds for _ in range(REPEATS)))
    label = "sandboxed load of a .keras, first answer"
    return [
        Row(label, confined, plain, "the plain fresh child", at_most=1.5, note=BARE),
        Row("the same, load after load without a pause", at_once, again, "the plain fresh child", note="no spare"),
        Row(f"self-test of the sandbox, {len(tested.probes)} attempts", tests),
    ]


def _beside(jobs: Jobs, folder: Path, rows: Arrays, pause: float) -> list[Sample]:
    inputs = {f"input:{name}": array for name, array in rows.items()}
    return in_turn(
        REPEATS, *(lambda confined=confined: _load(jobs, folder, inputs, pause, confined) for confined in (True, False))
    )


def _load(jobs: Jobs, folder: Path, inputs: Arrays, pause: float, confined: bool) -> float:
    """Return seconds from the request to the prediction."""
    time.sleep(pause)
    request = {"format": "keras", "folder": folder, "source": None, "arrays": inputs, "sandboxed": confined}
    return seconds(lambda: jobs.worker.run("reload", seconds=60, **request))
