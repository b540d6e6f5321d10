"""The same work of today's build and of an earlier commit in turn, each in a warm process: wall and processor time."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.earlier import BESIDE, command_environment
from benchmarks.measure import Row, Sample
from core.settings import PROJECT

# Runs in a checkout of either commit: `prepare(jobs, arguments)` makes the work, which is done once for each line.
TIMED = """
import json, sys, time
import psutil
from core.jobs import Jobs

def processor_seconds():
    me = psutil.Process()
    times = [process.cpu_times() for process in (me, *me.children(recursive=True))]
    return sum(one.user + one.system + one.children_user + one.children_system for one in times)

jobs = Jobs()
jobs.worker.start()
work = prepare(jobs, sys.argv[1:])
for _ in sys.stdin:
    before, started = processor_seconds(), time.perf_counter()
    work()
    print(json.dumps([time.perf_counter() - started, processor_seconds() - before]), flush=True)
jobs.worker.close()
"""


class Cost(NamedTuple):
    """Seconds of one piece of work: of wall time, and of all processors in all of its processes."""

    wall: float
    processor: float


def measure_beside(
    earlier: Path, home: Path, prepare: str, arguments: list[str], repeats: int
) -> tuple[list[Sample], list[Sample]]:
    """Do the work `repeats` times in turn, after once that is not counted.

    Args:
        prepare: code that defines `prepare(jobs, arguments)`, which returns a function.

    Returns wall time and processor time, each of ours and of the earlier commit.
    """
    with (
        _timed(PROJECT, home / "ours", prepare, arguments) as ours,
        _timed(earlier, home / "earlier", prepare, arguments) as beside,
    ):
        rounds = [[_do_once(process) for process in (ours, beside)] for _ in range(repeats + 1)][1:]
    sides = list(zip(*rounds, strict=True))
    wall, processor = ([Sample(tuple(getattr(cost, name) for cost in side)) for side in sides] for name in Cost._fields)
    return wall, processor


def rows_beside(label: str, wall: list[Sample], processor: list[Sample], at_most: float) -> list[Row]:
    """The row with the target, and one of processor time, which other work on the machine changes less."""
    return [
        Row(label, *wall, BESIDE, at_most=at_most),
        Row(label, *processor, BESIDE, note="processor time of all its processes"),
    ]


@contextlib.contextmanager
def _timed(checkout: Path, home: Path, prepare: str, arguments: list[str]) -> Iterator[subprocess.Popen[str]]:
    command, pipe = [sys.executable, "-c", prepare + TIMED, *arguments], subprocess.PIPE
    process = subprocess.Popen(command, cwd=checkout, env=command_environment(home), stdin=pipe, stdout=pipe, text=True)
    with process:
        yield process
        process.stdin.close()


def _do_once(process: subprocess.Popen[str]) -> Cost:
    process.stdin.write("again\n")
    process.stdin.flush()
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"A process that was measured ended with status {process.wait()}")
    return Cost(*json.loads(line))
