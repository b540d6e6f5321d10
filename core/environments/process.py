"""One process of an environment, which is asked kits and keeps what it has loaded last."""

import contextlib
import json
import os
import queue
import secrets
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

import psutil

from core.arrays import encode_npz
from core.environments.base import Environment
from core.environments.build import VENV, BuiltEnvironment
from core.environments.kits import Kit
from core.environments.printed_text import PrintedText
from core.environments.replies import ForkedProcessEnded, KitReply, parse_reply, unwrap_forked_reply
from core.errors import ChildDied, NotConfined, TimedOut, cleanup_on_error
from core.library.storage import delete_folder
from core.sandbox.limits import CPU_TIME_EXCEEDED, Allowance, confined_allowance, own_allowance, renew_limits
from core.sandbox.policy import CONFINED, ForkPolicy, build_fork_policy, leave_out_private
from core.sandbox.program import CANNOT_CONFINE
from core.settings import MB, PROJECT, Settings
from core.system import INSTRUCTION_LIMITS, kill_group
from core.worker.child_errors import (
    cancelled_error,
    cpu_time_error,
    describe_exit,
    invalid_reply_error,
    not_confined_error,
    out_of_memory_error,
)
from core.worker.child_handle import MAX_OUTPUT_GROWTH, POLL_SECONDS, CancelCheck
from core.worker.file_exchange import create_staging_folder
from core.worker.processes import SINGLE_THREAD_ENVIRONMENT, MemoryWatch, worker_environment

RUN_KIT = Path(__file__).with_name("scripts") / "run_kit.py"
LAUNCHER = ("-m", "core.sandbox.program")  # arguments of our Python by which it becomes a confined program
MAX_REPLY_BYTES = 2**16  # of one line
MAX_UNREAD_REPLIES = 2  # lines that nobody has asked for, with which it is ended
ROWS_FOLDER = "rows"  # beside the kit
END_SECONDS = 1.0  # in which it has ended that has closed its output
PASSED_VARIABLES = ("PATH", "LANG", "LC_ALL", "SYSTEMROOT", *INSTRUCTION_LIMITS)
# Linux ends a process with the thread that started it, and not with the process of that thread: this one stays.
_starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="environment-starter")


def list_base_paths(built: BuiltEnvironment, library: Path) -> list[Path]:
    """The standard library of the interpreter that an environment was made with, that itself, and its packages.

    None of them contains the folder `library`, this project or the home: "here" may be installed in any folder.
    """
    real = built.python.resolve()
    return leave_out_private([(real.parent.parent / "lib").resolve(), real, (built.folder / VENV).resolve()], library)


class EnvironmentProcess:
    """A process of an environment; untrusted kits are asked in a confined one. A context manager.

    Not to be used by two threads at once.
    """

    def __init__(self, config: Settings, environment: Environment, built: BuiltEnvironment, is_untrusted: bool):
        self.environment, self.is_untrusted = environment, is_untrusted
        self._is_forking = is_untrusted and environment.forks
        self._config, self._built = config, built
        self._folder = create_staging_folder(config.home, "boxes")
        self._placed = ""  # identity of the kit that lies in `in`
        self._has_waiting = False  # a process that it has forked, and that may be asked that kit once more
        self._replies: queue.Queue[bytes] = queue.Queue()
        self._memory_watch = MemoryWatch()
        self._is_closed = False
        with cleanup_on_error(lambda: delete_folder(self._folder)):
            for name in ("in", "out"):
                (self._folder / name).mkdir()
            self._launch(is_confined=is_untrusted)

    def _launch(self, is_confined: bool) -> None:
        self._is_confining = is_confined  # and has not said yet that it is
        self._process = _starter.submit(self._start, is_confined).result()
        self._replies = queue.Queue()  # no last word of a process that was there before
        assert self._process.stderr
        self._printed = PrintedText(self._process.stderr)
        given = (self._process.stdout, self._replies)
        threading.Thread(target=self._read_replies, args=given, daemon=True).start()

    def _start(self, is_confined: bool) -> subprocess.Popen[bytes]:
        command, environment = self._command(is_confined), self._environment()
        if is_confined:
            environment, command = self._confine(command, environment)
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            cwd=PROJECT if is_confined else self._folder,
            env=environment,
        )

    def _command(self, is_confined: bool) -> list[str]:
        options = ["-I", "-B"] if self.is_untrusted else ["-I"]
        fork = [f"--fork={json.dumps(self._fork_policy() if is_confined else {})}"] if self._is_forking else []
        return [str(self._built.python), *options, str(RUN_KIT), str(self.environment.script_path), *fork]

    def _fork_policy(self) -> ForkPolicy:
        return build_fork_policy(self._readable_paths(), self._folder / "out", self._config)

    def _environment(self) -> dict[str, str]:
        """What it sees of ours: no display, no proxies, no settings. ONNX Runtime sends no usage data."""
        passed = {name: os.environ[name] for name in PASSED_VARIABLES if name in os.environ}
        own = str(self._folder / "out")
        fixed = {"HOME": own, "TMPDIR": own, "TEMP": own, "TMP": own, "CUDA_VISIBLE_DEVICES": "-1"}
        quiet = {"TF_CPP_MIN_LOG_LEVEL": "2", "ORT_DISABLE_TELEMETRY": "1"}
        threads = SINGLE_THREAD_ENVIRONMENT if self._is_forking else {}
        return passed | fixed | quiet | threads | dict(self.environment.variables)

    def _confine(self, command: list[str], environment: dict[str, str]) -> tuple[dict[str, str], list[str]]:
        venv = self._built.folder
        programs = [str(path) for pattern in self.environment.programs for path in venv.glob(pattern)]
        given = {
            "command": command,
            "environment": environment,
            "readable": [str(path) for path in self._readable_paths()],
            "writable_folder": str(self._folder / "out"),
            "programs": programs,
            "forks": self._is_forking,
        }
        launcher = [sys.executable, *LAUNCHER, json.dumps(given)]
        return worker_environment(self._config) | SINGLE_THREAD_ENVIRONMENT, launcher

    def _readable_paths(self) -> list[Path]:
        scripts = (RUN_KIT.parent, self.environment.script_path.parent)
        return [self._built.folder, *scripts, self._folder / "in", *list_base_paths(self._built, self._config.home)]

    def _read_replies(self, stream: IO[bytes], replies: queue.Queue[bytes]) -> None:
        with contextlib.suppress(ValueError, OSError):  # closed, as nobody waits any more
            while line := stream.readline(MAX_REPLY_BYTES + 1):
                if replies.qsize() >= MAX_UNREAD_REPLIES:
                    kill_group(self._process.pid)
                    break
                replies.put(line)
        replies.put(b"")

    def ask(self, kit: Kit, seconds: float, is_cancelled: CancelCheck) -> KitReply:
        """Predict the inputs of a kit; what it loaded for it before is not loaded again.

        Returns the predictions, or the error that the engine raised. Raises TimedOut, TooLarge, ChildDied, NotConfined,
        Cancelled, and WorkerError for a reply that makes no sense. The process is gone then; one that forks is not
        where only the process is that it had forked for this kit.
        """
        try:
            return self._ask(kit, seconds, is_cancelled)
        except NotConfined:
            if not (self._is_forking and self._config.run_unconfined):
                raise
            self._release_process()
            self._launch(is_confined=False)
            return self._ask(kit, seconds, is_cancelled)

    def _ask(self, kit: Kit, seconds: float, is_cancelled: CancelCheck) -> KitReply:
        allowed, out = self._allowance(kit, seconds), self._folder / "out" / "answer"
        with cleanup_on_error(self.close):
            if kit.identity != self._placed:
                self._end_waiting(allowed, is_cancelled)
            self._make_room(out)
            request = {"id": secrets.token_hex(8), "kit": str(self._place(kit)), "out": str(out), "asks": kit.asks}
            request |= {"reload": kit.reloads} | self._place_rows(kit)
            self._await_confinement(allowed, is_cancelled)
            self._renew_limits(kit, allowed)
            self._send(request)
            line = self._await_reply(allowed, is_cancelled)
            self._has_waiting = self._is_forking and kit.asks == "describe"
            if not self._is_forking:
                return self._read_reply(line, request["id"], out, kit)
        return self._read_reply(line, request["id"], out, kit)

    def _end_waiting(self, allowed: Allowance, is_cancelled: CancelCheck) -> None:
        """Have the process end that it has forked for the kit before: it may write to where the next one writes."""
        if self._has_waiting:
            self._send({"id": secrets.token_hex(8)})
            self._await_reply(allowed, is_cancelled)
            self._has_waiting = False

    def _read_reply(self, line: bytes, request_id: str, out: Path, kit: Kit) -> KitReply:
        try:
            if self._is_forking:
                line = unwrap_forked_reply(line, request_id)
            return self._without_paths(parse_reply(line, request_id, out, kit, self._config.unpacked_mb * MB))
        except ForkedProcessEnded as error:
            raise self._forked_end_error(error.status, kit) from error

    def _forked_end_error(self, status: int, kit: Kit) -> ChildDied | TimedOut:
        if status == CPU_TIME_EXCEEDED:
            return cpu_time_error(self._allowance(kit, self._config.child_seconds))
        return self._died_error(describe_exit(status))

    def _make_room(self, out: Path) -> None:
        """Empty the folder for answers; of a process that forks all that the kit before may have left.

        Raises WorkerError where something stays.
        """
        for left in list(out.parent.iterdir()) if self._is_forking else [out]:
            delete_folder(left) if left.is_dir() and not left.is_symlink() else left.unlink(missing_ok=True)
        if self._is_forking and any(out.parent.iterdir()):
            raise invalid_reply_error(received=f"{self.environment.label}, files that cannot be deleted")
        out.mkdir()

    def _place(self, kit: Kit) -> Path:
        """Write a kit to where it can be read, in place of the one before."""
        folder = self._folder / "in"
        if kit.identity != self._placed:
            for previous in folder.iterdir():
                delete_folder(previous)
            kit.write(folder / kit.identity)
            self._placed = kit.identity
        return folder / kit.identity

    def _place_rows(self, kit: Kit) -> dict[str, Any]:
        """Write other rows than a kit's own to where they can be read; returns what the request says of them."""
        if kit.rows is None:
            return {}
        path = self._folder / "in" / ROWS_FOLDER / "inputs.npz"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(encode_npz(kit.rows, compresses=False))
        return {"inputs": str(path), "batch": kit.batch}

    def _await_confinement(self, allowed: Allowance, is_cancelled: CancelCheck) -> None:
        """Wait until it is confined; where it cannot be, and the settings allow it, start it as it is."""
        if not self._is_confining:
            return
        try:
            if self._await_reply(allowed, is_cancelled) != CONFINED:
                raise invalid_reply_error(received=f"{self.environment.label}, before it was confined")
            self._is_confining = False
        except NotConfined:
            if not self._config.run_unconfined:
                raise
            self._release_process()
            self._launch(is_confined=False)

    def _renew_limits(self, kit: Kit, allowed: Allowance) -> None:
        """Allow a confined process, and one it has forked, the processor time of one kit, and files that large."""
        if not self.is_untrusted:
            return
        file_bytes = max(self._config.confined_file_mb * MB, MAX_OUTPUT_GROWTH * kit.bytes)
        with contextlib.suppress(ImportError, ProcessLookupError, PermissionError, psutil.Error):
            process = psutil.Process(self._process.pid)
            for each in (process, *(process.children() if self._has_waiting else ())):
                renew_limits(each.pid, allowed.cpu_seconds, file_bytes, allowed.address_space)

    def _send(self, request: dict[str, Any]) -> None:
        stdin = self._process.stdin
        with contextlib.suppress(BrokenPipeError):  # it has ended: its reply says so
            if stdin:
                stdin.write(json.dumps(request).encode() + b"\n")
                stdin.flush()

    def _allowance(self, kit: Kit, seconds: float) -> Allowance:
        if not self.is_untrusted:
            return own_allowance(self._config, seconds)
        allowed = confined_allowance(self._config, kit.bytes, converts=True)
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
                raise self._end_error(allowed)
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

    def _end_error(self, allowed: Allowance) -> ChildDied | NotConfined | TimedOut:
        try:
            how = describe_exit(status := self._process.wait(END_SECONDS))
        except subprocess.TimeoutExpired:
            how, status = "it hung up without a reply", None
        if self._is_confining and status == CANNOT_CONFINE:
            return not_confined_error(self._printed_text())
        if self.is_untrusted and status == CPU_TIME_EXCEEDED:
            return cpu_time_error(allowed)
        return self._died_error(how)

    def _died_error(self, how: str) -> ChildDied:
        return ChildDied(
            f"The process of {self.environment.label} ended before it answered: {how}.",
            cure="Ask once more; if it happens again, this file brings its engine down, and the details may say why.",
            detail=self._printed_text(),
        )

    def _printed_text(self) -> str:
        return self._hide_paths(self._printed.text()).strip()

    def _without_paths(self, reply: KitReply) -> KitReply:
        if reply.error is None:
            return reply
        return reply._replace(error=reply.error.model_copy(update={"text": self._hide_paths(reply.error.text)}))

    def _hide_paths(self, text: str) -> str:
        """Cut our folders out of a text."""
        return text.replace(str(self._folder), "…").replace(str(self._built.folder), "…")

    @property
    def folder_name(self) -> str:
        """Name of the folder of its environment."""
        return self._built.folder.name

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def close(self) -> None:
        """End the process with all that it has started, and delete its files."""
        if not self._is_closed:
            self._is_closed = True
            self._release_process()
            delete_folder(self._folder)

    def _release_process(self) -> None:
        kill_group(self._process.pid)
        with contextlib.suppress(BrokenPipeError), self._process:
            pass

    def __enter__(self) -> "EnvironmentProcess":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()
