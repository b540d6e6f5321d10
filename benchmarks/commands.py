"""`roundtrip compare` of two copies while a warm process waits, beside the same of an earlier commit."""

import itertools
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.earlier import BESIDE, FORMATS, command_environment, earlier_checkout
from benchmarks.measure import Row, in_turn, seconds
from core.settings import PROJECT

REPEATS = 5
COPIES = FORMATS[:2]


def measure() -> list[Row]:
    """The second command that needs TensorFlow, from the start of its process to its end."""
    with earlier_checkout() as earlier, tempfile.TemporaryDirectory(prefix="roundtrip-bench-") as folder:
        home, rows = Path(folder) / "store", itertools.count(1)
        run = json.loads(_command(earlier, home, "train", "digits-mlp", "--epochs", "2", "--json"))["run"]
        saved = json.loads(_command(earlier, home, "save", run, *COPIES, "--json"))
        try:
            ids = [row["artifact"] for row in saved]
            _compare(PROJECT, home, ids, rows)  # the first, which starts TensorFlow
            ours, beside = in_turn(
                REPEATS, lambda: _compare(PROJECT, home, ids, rows), lambda: _compare(earlier, home, ids, rows)
            )
        finally:
            _command(PROJECT, home, "stop")
    return [Row("roundtrip compare of two copies, the second time", ours, beside, BESIDE, at_least=10)]


def _compare(checkout: Path, home: Path, ids: list[str], rows: Iterator[int]) -> float:
    """Compare on a number of rows on which nothing was compared yet."""
    return seconds(lambda: _command(checkout, home, "compare", *ids, "--rows", str(next(rows))))


def _command(checkout: Path, home: Path, *words: str) -> str:
    command, environment = [sys.executable, "-m", "core", *words], command_environment(home)
    ended = subprocess.run(command, cwd=checkout, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return ended.stdout
