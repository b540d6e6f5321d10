"""`python crashing.py`: forks a process for every line on standard input, does there what the line says, and kills it.

A line is JSON: `{"home", "do", "at"}`; `do` names a function of `DEEDS`, `at` is the call to the system at which the
process is killed (0: never). The answer is one line: how the process ended, and how many calls there were.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from core.library import Library
from tests.fault_injection.operations import OPERATIONS
from tests.fault_injection.system_calls import FaultInjector, kill_self, patch_system_calls


def serve_requests(do: Callable[..., None]) -> None:
    """Fork a process for every line, which does `do(told, **line)` and never returns; what it writes to `told` is JSON,
    and is passed on with how it ended."""
    for line in sys.stdin:
        document = json.loads(line)
        read, write = os.pipe()
        if (pid := os.fork()) == 0:
            do(write, **document)
        os.close(write)
        with os.fdopen(read) as reply:
            text = reply.read()
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        print(json.dumps({"status": status, "result": json.loads(text or "null")}), flush=True)


def _run_operation_and_die(pipe: int, home: str, do: str, at: int) -> None:
    status = 1
    try:
        library = Library(home)
        operation: Callable = OPERATIONS[do](library)
        calls = FaultInjector(Path(home), at, kill_self)
        with patch_system_calls(calls):
            operation()
        os.write(pipe, str(calls.count).encode())
        status = 0
    finally:
        os._exit(status)


if __name__ == "__main__":
    serve_requests(_run_operation_and_die)
