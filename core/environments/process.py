"""One process of an environment, which is asked kits and keeps what it has loaded last."""

import collections
import contextlib
import json
import os
import queue
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

from core.environments.base import Environment
from core.environments.build import VENV, BuiltEnvironment
from core.environments.kits import Kit
from core.environments.replies import KitReply, parse_reply
from core.errors import ChildDied, NotConfined, TimedOut
from core.sandbox.limits import Allowance, confined_allowance, own_allowance
from core.sandbox.program import CANNOT_CONFINE
from core.settings import PROJECT, Settings
from core.worker.child_errors import (
    cancelled_error,
    describe_exit,
    invalid_reply_error,
    not_confined_error,
    out_of_memory_error,
)
from core.worker.child_handle import POLL_SECONDS, CancelCheck
from core.worker.file_exchange import create_staging_folder
from core.worker.memory_watch import MemoryWatch
from core.worker.processes import SINGLE_THREAD_ENVIRONMENT, worker_environment

RUN_KIT = Path(__file__).with_name("scripts") / "run_kit.py"
LAUNCHER = ("-m", "core.sandbox.program")  # arguments of our Python by which it becomes a confined program
MAX_REPLY_BYTES = 2**16  # of one line
MAX_ERROR_BYTES = 2**14  # of what it prints that are kept
PASSED_VARIABLES = ("PATH", "LANG", "LC_ALL", "SYSTEMROOT")
# Linux ends a process with the thread that started it, and not with the process of that thread: this one stays.
_starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="environment-starter")


class EnvironmentProcess:
    """A process of an environment; untrusted kits are asked in a confined one. A context manager.

    Not to be used by two threads at once.
    """

    def __init__(self, config: Settings, environment: Environment, built: BuiltEnvironment, is_untrusted: bool):
        self.environment, self.is_untrusted = environment, is_untrusted
        self._config, self._built = config, built
        self._folder = create_staging_folder(config.home, "boxes")
        self._kits: dict[str, int] = {}  # bytes of each kit that lies in `in`, by its identity
        self._replies: queue.Queue[bytes] = queue.Queue()
        self._printed: collections.deque[bytes] = collections.deque(maxlen=MAX_ERROR_BYTES // 1024)
        self._memory_watch = MemoryWatch()
        for name in ("in", "out"):
            (self._folder / name).mkdir()
        self._process = _starter.submit(self._start).result()
        for read, stream in ((self._read_replies, self._process.stdout), (self._drain, self._process.stderr)):
            threading.Thread(target=read, args=(stream,), daemon=True).start()

    def _start(self) -> subprocess.Popen[bytes]:
        command, environment = self._command(), self._environment()
        if self.is_untrusted and not self._config.run_unconfined:
            environment, command = self._confine(command, environment)
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            cwd=PROJECT if self.is_untrusted else self._folder,
            env=environment,
        )

    def _command(self) -> list[str]:
        options = ["-I", "-B"] if self.is_untrusted else ["-I"]
        return [str(self._built.python), *options, str(RUN_KIT), str(self.environment.script_path)]

    def _environment(self) -> dict[str, str]:
        """What it sees of ours: no display, no proxies, no settings. ONNX Runtime sends no usage data."""
        passed = {name: os.environ[name] for name in PASSED_VARIABLES if name in os.environ}
        own = str(self._folder / "out")
        fixed = {"HOME": own, "TMPDIR": own, "TEMP": own, "TMP": own, "CUDA_VISIBLE_DEVICES": "-1"}
        quiet = {"TF_CPP_MIN_LOG_LEVEL": "2", "ORT_DISABLE_TELEMETRY": "1"}
        return passed | fixed | quiet | dict(self.environment.variables)

    def _confine(self, command: list[str], environment: dict[str, str]) -> tuple[dict[str, str], list[str]]:
        venv, scripts = self._built.folder, (RUN_KIT.parent, self.environment.script_path.parent)
        given = {
            "command": command,
            "environment": environment,
            "readable": [str(path) for path in (venv, *scripts, self._folder / "in", *self._base_paths())],
            "writable_folder": str(self._folder / "out"),
            "programs": [str(path) for pattern in self.environment.programs for path in venv.glob(pattern)],
        }
        launcher = [sys.executable, *LAUNCHER, json.dumps(given)]
        return worker_environment(self._config) | SINGLE_THREAD_ENVIRONMENT, launcher

    def _base_paths(self) -> list[Path]:
        """The standard library of the interpreter that the environment was made with, and that itself."""
        real = self._built.python.resolve()
        return [real.parent.parent / "lib", real, (self._built.folder / VENV).resolve()]

    def _read_replies(self, stream: IO[bytes]) -> None:
        with contextlib.suppress(ValueError, OSError):  # closed, as nobody waits any more
            while line := stream.readline(MAX_REPLY_BYTES + 1):
                self._replies.put(line)
        self._replies.put(b"")

    def _drain(self, stream: IO[bytes]) -> None:
        with contextlib.suppress(ValueError, OSError):
            while chunk := stream.read1(1024):  # type: ignore[attr-defined]
                self._printed.append(chunk)

    def ask(self, kit: Kit, seconds: float, is_cancelled: CancelCheck) -> KitReply:
        """Predict the inputs of a kit; what it loaded for it before is not loaded again.

        Returns the predictions, or the error that the engine raised. Raises TimedOut, TooLarge, ChildDied, NotConfined,
        Cancelled, and WorkerError for a reply that makes no sense; the process is gone then.
        """
        out = self._folder / "out" / "answer"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        request = {"id": secrets.token_hex(8), "kit": str(self._place(kit)), "out": str(out)}
        try:
            self._send(request)
            line = self._await_reply(self._allowance(seconds), is_cancelled)
            return self._without_paths(parse_reply(line, request["id"], out, kit))
        except BaseException:
            self.close()
            raise

    def _place(self, kit: Kit) -> Path:
        folder = self._folder / "in" / kit.identity
        if kit.identity not in self._kits:
            kit.write(folder)
            self._kits[kit.identity] = kit.bytes
        return folder

    def _send(self, request: dict[str, str]) -> None:
        stdin = self._process.stdin
        with contextlib.suppress(BrokenPipeError):  # it has ended: its reply says so
            if stdin:
                stdin.write(json.dumps(request).encode() + b"\n")
                stdin.flush()

    def _allowance(self, seconds: float) -> Allowance:
        if not self.is_untrusted:
            return own_allowance(self._config, seconds)
        allowed = confined_allowance(self._config, sum(self._kits.values()), converts=True)
        return allowed._replace(seconds=min(seconds, allowed.seconds))

    def _await_reply(self, allowed: Allowance, is_cancelled: CancelCheck) -> bytes:
        deadline = time.monotonic() + allowed.seconds
        while True:
            with contextlib.suppress(queue.Empty):
                if line := self._replies.get(timeout=POLL_SECONDS):
                    if len(line) > MAX_REPLY_BYTES:
                        raise invalid_reply_error(
                            received=f"{self.environment.label}, more than {MAX_REPLY_BYTES:,} bytes"
                        )
                    return line
                raise self._end_error()
            if is_cancelled():
                raise cancelled_error()
            if time.monotonic() > deadline:
                raise TimedOut(
                    f"It did not answer within its limit of {allowed.seconds:g} seconds, and was stopped.",
                    received=self.environment.label,
                    cure=f"Raise {allowed.seconds_setting}, or leave this environment out.",
                    detail=self._printed_text(),
                )
            if self._memory_watch.is_exceeded(self._process.pid, allowed.memory):
                raise out_of_memory_error(allowed, self._printed_text())

    def _end_error(self) -> ChildDied | NotConfined:
        status = self._process.wait()
        if self.is_untrusted and status == CANNOT_CONFINE:
            return not_confined_error(self._printed_text())
        return ChildDied(
            f"The process of {self.environment.label} ended before it answered: {describe_exit(status)}.",
            cure="Ask once more; if it happens again, this file brings its engine down, and the details may say why.",
            detail=self._printed_text(),
        )

    def _printed_text(self) -> str:
        return self._hide_paths(b"".join(self._printed).decode("utf-8", "replace")).strip()

    def _without_paths(self, reply: KitReply) -> KitReply:
        if reply.error is None:
            return reply
        return reply._replace(error=reply.error.model_copy(update={"text": self._hide_paths(reply.error.text)}))

    def _hide_paths(self, text: str) -> str:
        """Cut our folders out of a text."""
        return text.replace(str(self._folder), "…").replace(str(self._built.folder), "…")

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def close(self) -> None:
        """End the process with all that it has started, and delete its files."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL) if hasattr(os, "killpg") else self._process.kill()
        with contextlib.suppress(BrokenPipeError), self._process:
            pass
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> "EnvironmentProcess":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()
