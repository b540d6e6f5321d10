"""Processes that do one thing and are killed in the middle of it: forked from one that has imported all of it once."""

import atexit
import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

from core.settings import PROJECT

SIGKILL = -9


def run_and_kill(home: Path, deed: str, at: int) -> dict[str, Any]:
    """Do one of the `DEEDS` in a process of its own that is killed at that call to the system (0: never).

    Gives `{"status": how it ended, "result": how many calls there were, when it was not killed}`.
    """
    return request("tests.fault_injection.crash_server", {"home": str(home), "do": deed, "at": at})


def request(module: str, line: dict[str, Any]) -> dict[str, Any]:
    """What a process of that module says to a line; one is started for all lines."""
    process = _start_process(module)
    process.stdin.write(json.dumps(line) + "\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


@cache
def _start_process(module: str) -> subprocess.Popen:
    command = [sys.executable, "-m", module]
    process = subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    atexit.register(process.kill)
    return process
