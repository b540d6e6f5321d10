"""Forkservers of the tests, forked from one process that has imported TensorFlow, instead of importing it in each.

A test session starts some ten workers and servers, and each import costs four seconds of processor time. The process of
this module imports what a forkserver imports, runs no op, and becomes one for whoever asks: the same module with the
same arguments, environment and pipes. How a forkserver is started otherwise is tested in `tests/worker`, and by the
browser tests' first server.
"""

import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.settings import PROJECT, Settings, get_settings
from core.worker import processes, worker

SOCKET_VARIABLE = "ROUNDTRIP_TESTS_WARM_START"  # where a server of the tests finds the socket
FORKSERVERS = ("core.worker.forkserver", "tests.factories.misbehaving_worker")  # modules that are started so
MAX_REQUEST = 2**16  # bytes
MAX_DESCRIPTORS = 2**20
IS_USED = sys.platform.startswith("linux") and "COVERAGE_PROCESS_CONFIG" not in os.environ  # which measures each start


class ForkedProcess(subprocess.Popen):
    """A process that another has forked, as if it were started here; how it ended is not known."""

    def __init__(self, pid: int, stdin: int, stdout: int):
        self.pid, self.returncode, self.args = pid, None, []
        self.stdin, self.stdout, self.stderr = os.fdopen(stdin, "wb", 0), os.fdopen(stdout, "rb"), None
        self._descriptor = os.pidfd_open(pid)
        self._child_created = False  # not by us: nothing is to be reaped

    def poll(self) -> int | None:
        """None while it runs, else 0."""
        return self._wait_for(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end. Raises subprocess.TimeoutExpired."""
        if (status := self._wait_for(timeout)) is None:
            raise subprocess.TimeoutExpired("a forked process", timeout or 0)
        return status

    def _wait_for(self, seconds: float | None) -> int | None:
        if self.returncode is None and select.select([self._descriptor], [], [], seconds)[0]:
            self.returncode = 0
            os.close(self._descriptor)
        return self.returncode

    def send_signal(self, sig: int) -> None:
        """Send it a signal, if it still runs."""
        if self.poll() is None:
            signal.pidfd_send_signal(self._descriptor, sig)


def fork_process(path: str, config: Settings, module: str, *arguments: Path | str) -> ForkedProcess:
    """Have the warm process that listens at `path` fork one that runs a module; see `start_process` of the worker."""
    child_stdin, stdin = os.pipe()
    stdout, child_stdout = os.pipe()
    line = {"module": module, "arguments": [*map(str, arguments)], "environment": processes.worker_environment(config)}
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
        connection.connect(path)
        socket.send_fds(connection, [json.dumps(line).encode()], [child_stdin, child_stdout])
        pid = int(connection.recv(MAX_REQUEST))
    os.close(child_stdin)
    os.close(child_stdout)
    return ForkedProcess(pid, stdin, stdout)


def fork_forkservers(find_path: Callable[[], str]) -> None:
    """Have the workers of this process get their forkservers from the warm process that listens at a path."""

    def start_process(config: Settings, module: str, *arguments: Path | str, **more: Any) -> subprocess.Popen:
        if module in FORKSERVERS:
            return fork_process(find_path(), config, module, *arguments)
        return processes.start_process(config, module, *arguments, **more)

    worker.start_process = start_process


class WarmProcess:
    """The process that imports everything; started when the first forkserver or server needs it."""

    def __init__(self, folder: Path):
        self._folder, self._lock = folder, threading.Lock()
        self._process: subprocess.Popen | None = None

    def path(self) -> str:
        """Return where it listens, once it does."""
        path = str(self._folder / "warm-start")
        with self._lock:
            if self._process is None:
                self._process = processes.start_process(Settings(home=self._folder), __name__, path)
                assert processes.pipes_of(self._process)[0].readline().strip() == b"ready"
        return path

    def close(self) -> None:
        """End it; what it has forked ends with its own pipes."""
        processes.end_process(self._process)


@contextmanager
def forked_forkservers(folder: Path) -> Iterator[WarmProcess | None]:
    """While this lasts, workers here get their forkservers from one warm process; None where that is not possible."""
    if not IS_USED:
        yield None
        return
    process = WarmProcess(folder)
    fork_forkservers(process.path)
    try:
        yield process
    finally:
        worker.start_process = processes.start_process
        process.close()


def main(path: str) -> None:
    """Import everything, then fork a process for every connection, until standard input closes."""
    from core.worker.imports import import_everything

    import_everything()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody here asks how one ended
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(path)
        listener.listen(16)
        print("ready", flush=True)
        while sys.stdin not in (readable := select.select([sys.stdin, listener], [], [])[0]):
            if listener in readable:
                _fork_for(listener)


def _fork_for(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    with connection:
        line, descriptors, _, _ = socket.recv_fds(connection, MAX_REQUEST, 2)
        if (pid := os.fork()) == 0:
            listener.detach()
            connection.detach()
            _become(descriptors, **json.loads(line))
        connection.send(str(pid).encode())
    for descriptor in descriptors:
        os.close(descriptor)


def _become(descriptors: list[int], module: str, arguments: list[str], environment: dict[str, str]) -> None:
    """Be the process that was asked for, to its end."""
    status = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        for target, descriptor in enumerate((*descriptors, os.open(os.devnull, os.O_WRONLY))):
            os.dup2(descriptor, target)
        os.closerange(3, MAX_DESCRIPTORS)
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(PROJECT)
        get_settings.cache_clear()
        importlib.import_module(module).main(*arguments)
        status = 0
    finally:
        os._exit(status)


if __name__ == "__main__":
    main(*sys.argv[1:])
