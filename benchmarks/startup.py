"""Time of `roundtrip --help`, and of our own modules in the import of the server, beside an earlier commit."""

import contextlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Row, in_turn, seconds
from core.settings import PROJECT

EARLIER = "ec72b81"  # the last commit in which a command imported all of them, and the server every page's work
REPEATS = 7
HELP = [sys.executable, "-m", "core", "--help"]
SERVER = [sys.executable, "-X", "importtime", "-c", "import app"]
OUR_IMPORT = re.compile(r"import time:\s+(\d+) \|\s+\d+ \| +(?:core|ui|pages)(?:\.|$)", re.MULTILINE)


def measure_help() -> list[Row]:
    """`roundtrip --help`, from the start of the process to its end."""
    with earlier_checkout() as earlier:
        left, beside = in_turn(REPEATS, lambda: _help(PROJECT), lambda: _help(earlier))
    return [Row("roundtrip --help", left, beside, f"at commit {EARLIER}", at_most=0.5)]


def measure_imports() -> list[Row]:
    """`import app`: the time that our modules themselves take, without those that they import."""
    with earlier_checkout() as earlier, tempfile.TemporaryDirectory(prefix="roundtrip-bench-") as home:
        left, beside = in_turn(REPEATS, lambda: _imports(PROJECT, home), lambda: _imports(earlier, home))
    label = "our modules' share of the import of the server"
    return [Row(label, left, beside, f"at commit {EARLIER}", unit="ms", at_most=0.5)]


@contextlib.contextmanager
def earlier_checkout() -> Iterator[Path]:
    """The earlier commit as a worktree of this repository. Raises LookupError where its history has no such commit."""
    with tempfile.TemporaryDirectory(prefix="roundtrip-bench-") as folder:
        path = Path(folder) / EARLIER
        added = _git("worktree", "add", "--quiet", "--detach", str(path), EARLIER)
        if added.returncode:
            raise LookupError(f"The history of this checkout has no commit {EARLIER}: {added.stderr.strip()}")
        try:
            yield path
        finally:
            _git("worktree", "remove", "--force", str(path))


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *arguments], cwd=PROJECT, capture_output=True, text=True, check=False)


def _help(folder: Path) -> float:
    return seconds(lambda: subprocess.run(HELP, cwd=folder, capture_output=True, check=True))


def _imports(folder: Path, home: str) -> float:
    """Return the milliseconds that our own modules take."""
    environment = os.environ | {"ROUNDTRIP_HOME": home}
    ended = subprocess.run(SERVER, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return sum(map(int, OUR_IMPORT.findall(ended.stderr))) / 1000
