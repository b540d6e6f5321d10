"""Time of `roundtrip --help`, and of our own modules in the import of the server, beside an earlier commit."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.earlier import BESIDE, earlier_checkout
from benchmarks.measure import Row, in_turn, seconds
from core.settings import PROJECT

REPEATS = 7
HELP = [sys.executable, "-m", "core", "--help"]
SERVER = [sys.executable, "-X", "importtime", "-c", "import app"]
OUR_IMPORT = re.compile(r"import time:\s+(\d+) \|\s+\d+ \| +(?:core|ui|pages)(?:\.|$)", re.MULTILINE)


def measure_help() -> list[Row]:
    """`roundtrip --help`, from the start of the process to its end."""
    with earlier_checkout() as earlier:
        left, beside = in_turn(REPEATS, lambda: _help(PROJECT), lambda: _help(earlier))
    return [Row("roundtrip --help", left, beside, BESIDE, at_most=0.5)]


def measure_imports() -> list[Row]:
    """`import app`: the time that our modules themselves take, without those that they import."""
    with earlier_checkout() as earlier, tempfile.TemporaryDirectory(prefix="roundtrip-bench-") as home:
        left, beside = in_turn(REPEATS, lambda: _imports(PROJECT, home), lambda: _imports(earlier, home))
    label = "our modules' share of the import of the server"
    return [Row(label, left, beside, BESIDE, unit="ms", at_most=0.5)]


def _help(folder: Path) -> float:
    return seconds(lambda: subprocess.run(HELP, cwd=folder, capture_output=True, check=True))


def _imports(folder: Path, home: str) -> float:
    """Return the milliseconds that our own modules take."""
    environment = os.environ | {"ROUNDTRIP_HOME": home}
    ended = subprocess.run(SERVER, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return sum(map(int, OUR_IMPORT.findall(ended.stderr))) / 1000
