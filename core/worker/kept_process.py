"""Warm processes that stay after the command that started them: found again by whoever needs the same one, and stopped.

Each lies in a folder of its own below one that is this user's alone: its sockets, `process.json`, and `ready` once it
can fork, with the folder of its file exchanges. It ends by itself once nothing has used it for a while, and never
serves anybody else: the folder cannot be entered by others, and both ends of a socket check who is at the other one.
"""

import contextlib
import hashlib
import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from core.kept_process_lookup import PROCESS_FILE, READY_FILE, SOCKET_NAME, environment_key, locked, private_folder
from core.settings import Settings, get_settings
from core.system import is_process_alive
from core.worker.file_exchange import create_staging_folder
from core.worker.processes import start_process, worker_environment

STOP_SECONDS = 10.0  # in which a process that was told to end is gone
POLL_SECONDS = 0.02

_started: list[subprocess.Popen[bytes]] = []  # by this process, which must hear of their end


class KeptProcess:
    """A warm process that stays. `pid` and `poll` are those of a `subprocess.Popen`."""

    stdin = None

    def __init__(self, folder: Path, pid: int, started: float):
        self.folder, self.pid, self._started = folder, pid, started

    def write(self, environment: str) -> None:
        """Note which process it is, for whoever comes next: a whole command only where it has the same settings."""
        facts = {"pid": self.pid, "started": self._started, "environment": environment}
        (self.folder / PROCESS_FILE).write_text(json.dumps(facts), encoding="utf-8")

    def poll(self) -> int | None:
        """None while it runs, else 0."""
        for process in _started:
            process.poll()  # so that its entry in the system's table is gone once it has ended
        return None if is_process_alive(self.pid, self._started) else 0

    def wait(self, timeout: float) -> int:
        """Wait for its end. Raises subprocess.TimeoutExpired."""
        deadline = time.monotonic() + timeout
        while (status := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("the warm process", timeout)
            time.sleep(POLL_SECONDS)
        return status

    def exchange_folder(self) -> Path | None:
        """Where its sandboxed children keep their files; None until it can fork, or once it is gone."""
        with contextlib.suppress(OSError):
            return Path((self.folder / READY_FILE).read_text(encoding="utf-8"))
        return None

    def stop(self) -> None:
        """End it with all of its children, and delete its folder."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.kill(self.pid, number)
                self.wait(STOP_SECONDS)
                break
        shutil.rmtree(self.folder, ignore_errors=True)


def attach_or_start(config: Settings, program: str, parent: Path, modules: Sequence[str]) -> KeptProcess:
    """The kept process with these settings and these sources; it is started where there is none.

    `modules` are loaded in it too, for the commands that it will do.
    """
    folder = parent / _key(config, program)
    with locked(parent):
        if process := _read_process(folder):
            return process
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        arguments = folder / SOCKET_NAME, "", str(config.warm_seconds), ",".join(modules)
        started = start_process(config, program, *arguments, has_pipes=False)
        _started.append(started)
        process = KeptProcess(folder, started.pid, psutil.Process(started.pid).create_time())
        process.write(environment_key() if config == get_settings() else "")
        return process


def stop_all() -> int:
    """End all kept processes of this user; returns how many there were."""
    if (parent := private_folder()) is None:
        return 0
    with locked(parent):
        processes = [process for folder in parent.iterdir() if (process := _read_process(folder))]
        for process in processes:
            process.stop()
    return len(processes)


def _read_process(folder: Path) -> KeptProcess | None:
    """The process of a folder, where it runs."""
    try:
        facts = json.loads((folder / PROCESS_FILE).read_text(encoding="utf-8"))
        process = KeptProcess(folder, int(facts["pid"]), float(facts["started"]))
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return process if process.poll() is None else None


def _key(config: Settings, program: str) -> str:
    """What must be the same for a process to be of use: beside the environment its program and its settings."""
    facts = [program, worker_environment(config), environment_key()]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]


@contextmanager
def as_kept_process(folder: Path) -> Iterator[str]:
    """A folder for file exchanges; at the end, also when it is stopped, nothing of this process is left."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    exchange_folders = create_staging_folder(get_settings().home, "boxes")
    try:
        yield str(exchange_folders)
    finally:
        for path in (folder, exchange_folders):
            shutil.rmtree(path, ignore_errors=True)


def announce(folder: Path, exchange_folders: str) -> None:
    """Say that this process can fork, at once and whole."""
    (folder / "new").write_text(exchange_folders, encoding="utf-8")
    (folder / "new").rename(folder / READY_FILE)


def may_end(selector: selectors.BaseSelector, listeners: Iterable[socket.socket]) -> bool:
    """Whether nobody has come at the last moment; from then on nobody finds this process."""
    folder = Path(next(iter(listeners)).getsockname()).parent
    with locked(folder.parent):
        if selector.select(0):
            return False
        (folder / PROCESS_FILE).unlink()
        return True
