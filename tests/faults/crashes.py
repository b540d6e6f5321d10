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


def crash(home: Path, deed: str, at: int) -> dict[str, Any]:
    """Do one of the `DEEDS` in a process of its own that is killed at that call to the system (0: never).

    Gives `{"status": how it ended, "calls": how many calls there were, when it was not killed}`.
    """
    process = _mother()
    process.stdin.write(json.dumps({"home": str(home), "do": deed, "at": at}) + "\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


@cache
def _mother() -> subprocess.Popen:
    command = [sys.executable, "-m", "tests.faults.crashing"]
    process = subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    atexit.register(process.kill)
    return process
