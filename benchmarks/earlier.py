"""Home, the Library page and the reload of a `.keras` beside the same of an earlier commit, over one library."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser

from benchmarks.many import many_artifacts
from benchmarks.measure import Row, in_turn
from benchmarks.serving import HEALTH, chromium, new_page, seconds_to_paint
from core.library import Library
from core.settings import PROJECT
from tests.browser.server import Server, serve

EARLIER = "ec72b81"  # the last commit before the restructuring
BESIDE = f"at commit {EARLIER}"
FORMATS = ("keras", "saved_model", "h5", "architecture", "checkpoint")
HOME_TITLE = "Save a model. Reload it. See what came back."
PAUSE = 1.0  # seconds between two reloads; the worker makes its next spare child in them

# Both run in a checkout of either commit: what they call has the same name in both.
SAVE = f"""
from core.jobs import Jobs
jobs = Jobs()
run = jobs.wait(jobs.train("digits-mlp", epochs=2).id).result["run"]
print(jobs.wait(jobs.save(run, {FORMATS!r}).id).result["rows"]["keras"]["artifact"], flush=True)
jobs.worker.close()
"""
RELOAD = """
import json, sys, time
import numpy
from core.jobs import Jobs
jobs, row = Jobs(), numpy.zeros((1, 64), "float32")
request = {"format": "keras", "folder": sys.argv[1], "source": None, "arrays": {"pixels": row}}
for _ in sys.stdin:
    started = time.perf_counter()
    jobs.worker.run("reload", seconds=60, **request)
    print(json.dumps(time.perf_counter() - started), flush=True)
jobs.worker.close()
"""


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


def measure() -> list[Row]:
    """Rows for Home, for the Library page over 1,000 artifacts, and for a reload."""
    with earlier_checkout() as earlier, tempfile.TemporaryDirectory(prefix="roundtrip-bench-") as folder:
        few, many = Path(folder) / "few", Path(folder) / "many"
        artifact = run_in_checkout(SAVE, earlier, few).strip()
        many_artifacts(Library(few), many, 1000)
        with chromium() as browser:
            home = in_turn(5, lambda: _first_visit(browser, PROJECT, few), lambda: _first_visit(browser, earlier, few))
            library = _measure_library(browser, earlier, many)
        reload_ = _measure_reload(earlier, few, few / "artifacts" / artifact / "files")
    return [
        Row("server ready to Home painted in Chromium", *home, BESIDE, at_most=1.0),
        Row("Library page with 1,000 artifacts", *library, BESIDE, at_most=1.0),
        Row(".keras reloaded in a fresh child, first answer", *reload_, BESIDE, at_most=1.0),
    ]


def command_environment(home: Path) -> dict[str, str]:
    return os.environ | {"ROUNDTRIP_HOME": str(home)}


def run_in_checkout(code: str, checkout: Path, home: Path) -> str:
    """Run code in a checkout, over the library at `home`; returns what it prints."""
    command = [sys.executable, "-c", code]
    ended = subprocess.run(
        command, cwd=checkout, env=command_environment(home), stdout=subprocess.PIPE, text=True, check=True
    )
    return ended.stdout


def _first_visit(browser: Browser, checkout: Path, home: Path) -> float:
    with serve(home, checkout / "app.py", HEALTH) as server, new_page(browser) as page:
        return seconds_to_paint(page, server.url, HOME_TITLE)


def _measure_library(browser: Browser, earlier: Path, home: Path) -> list:
    def visit(server: Server) -> float:
        with new_page(browser) as page:
            return seconds_to_paint(page, f"{server.url}/library", "Library", "[data-testid=stDataFrame] canvas")

    with serve(home, PROJECT / "app.py", HEALTH) as left, serve(home, earlier / "app.py", HEALTH) as right:
        return in_turn(9, lambda: visit(left), lambda: visit(right))


def _measure_reload(earlier: Path, home: Path, files: Path) -> list:
    with _reloader(PROJECT, home, files) as left, _reloader(earlier, home, files) as right:
        return in_turn(9, lambda: _reload(left), lambda: _reload(right))


@contextlib.contextmanager
def _reloader(checkout: Path, home: Path, files: Path) -> Iterator[subprocess.Popen[str]]:
    command, pipe = [sys.executable, "-c", RELOAD, str(files)], subprocess.PIPE
    process = subprocess.Popen(command, cwd=checkout, env=command_environment(home), stdin=pipe, stdout=pipe, text=True)
    with process:
        yield process
        process.stdin.close()


def _reload(process: subprocess.Popen[str]) -> float:
    time.sleep(PAUSE)
    process.stdin.write("again\n")
    process.stdin.flush()
    return float(json.loads(process.stdout.readline()))
