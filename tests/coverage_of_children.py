"""A plugin of pytest for `make coverage`: the worker of the tests and its forked children are measured, too.

A worker's processes see little of the environment, and so nothing of what has coverage.py measure them; and they are
killed when they are no longer needed, before they could write down what they ran. Here they are let end by themselves.
Confined children stay out: they may write no file of ours. So do workers of servers and commands that a test starts.
"""

import contextlib
import subprocess
import time

import psutil

from core import kept_process_lookup
from core.worker import Child, Worker

EXIT_SECONDS = 5.0  # of a process that has been hung up on; then it is killed after all

kept_process_lookup.PASSED_VARIABLES += ("COVERAGE_PROCESS_CONFIG",)
kill_child, kill_worker = Child.close, Worker.close


def close_child(self: Child) -> None:
    """Hang up, which an idle child answers by its end; then kill what is left."""
    if self.pid is not None and not self.is_untrusted:
        self._hang_up()
        deadline = time.monotonic() + EXIT_SECONDS
        with contextlib.suppress(psutil.NoSuchProcess):
            while time.monotonic() < deadline and psutil.Process(self.pid).status() != psutil.STATUS_ZOMBIE:
                time.sleep(0.01)
    kill_child(self)


def close_worker(self: Worker) -> None:
    """Close the lifeline of the warm process, which ends it; then kill what is left."""
    if self._process and self._process.stdin:
        self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(EXIT_SECONDS)
    kill_worker(self)


Child.close, Worker.close = close_child, close_worker
