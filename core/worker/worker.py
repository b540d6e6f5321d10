"""The app's side of the worker: start the forkserver, open children, restart once when it dies."""

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeVar, cast

from core.errors import ChildDied, RoundtripError, WorkerError
from core.explain import translate
from core.sandbox.limits import CONFINED_SUFFIX
from core.settings import PROJECT, Settings, get_settings
from core.worker.child_handle import POLL_SECONDS, CancelCheck, Child, cancelled_error, never_cancelled
from core.worker.file_exchange import FileExchange, create_staging_folder
from core.worker.protocol import Frame
from core.worker.sandbox_check import SandboxCheck, run_escape_attempts

EXIT_WAIT_SECONDS = 1.0  # seconds in which a killed forkserver, whose children end first, ends too
STARTUP_SECONDS = 180  # seconds that importing TensorFlow may take on a slow disk
PASSED_VARIABLES = ("PATH", "LANG", "LC_ALL", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "HOME", "USERPROFILE")
PASSED_PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")
# A library that starts threads when it is imported would leave them outside of the sandbox.
SINGLE_THREAD_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

Result = TypeVar("Result")


class WorkerState(NamedTuple):
    """`phase` is "cold", "warming", "ready" or "failed"; `seconds` counts since the phase began."""

    phase: str
    seconds: float


class Worker:
    """The forkserver, started on demand, and the fresh children that it forks.

    A spare child is always ready (a sandboxed one too, once one was opened): TensorFlow is awake in it, and it has
    seen no model.
    """

    PROGRAM = "core.worker.forkserver"  # the module that is run as the forkserver

    def __init__(self, config: Settings | None = None):
        self.config = config or get_settings()
        self._lock = threading.RLock()
        self._process: subprocess.Popen[bytes] | None = None
        self._ready = threading.Event()
        self._began = time.monotonic()
        self._folder: Path | None = None
        self._exchange_folders: Path | None = None
        self._spares: dict[bool, Child] = {}  # by whether it is sandboxed
        self._spares_paused = 0
        self._has_opened_sandboxed = False
        self._sandbox_check_lock = threading.Lock()
        self._sandbox_check: SandboxCheck | None = None

    def start(self, then_check: bool = False) -> None:
        """Begin to warm up, and return at once; with `then_check`, the check of the sandbox follows.

        Where the system cannot fork there is nothing to warm.
        """
        if then_check:
            threading.Thread(target=self._check_when_ready, daemon=True).start()
        with self._lock:
            if not self.config.can_fork or self._is_alive():
                return
            self._ready.clear()
            self._began = time.monotonic()
            _end_process(self._process)
            self._remove_folders()
            self._folder = Path(tempfile.mkdtemp(prefix="roundtrip-"))
            folders = self._folder / "worker", self._create_exchange_folders()
            self._process = _start_process(self.config, self.PROGRAM, *folders)
            threading.Thread(target=self._await_ready, args=(self._process,), daemon=True).start()

    def _await_ready(self, process: subprocess.Popen[bytes]) -> None:
        if _pipes(process)[0].readline().strip() == b"ready" and process is self._process:
            self._began = time.monotonic()
            self._ready.set()
            self._refill_spares()

    def state(self) -> WorkerState:
        """Where the worker stands now, without waiting."""
        seconds = time.monotonic() - self._began
        if not self.config.can_fork or (self._ready.is_set() and self._is_alive()):
            return WorkerState("ready", seconds)
        if self._process is None:
            return WorkerState("cold", 0.0)
        return WorkerState("warming" if self._is_alive() else "failed", seconds)

    def _is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def open(self, cancelled: CancelCheck = never_cancelled, sandboxed: bool = False) -> Child:
        """Open a fresh child, which the caller closes; a sandboxed one for untrusted files.

        Raises WorkerError when the forkserver cannot be had, after one restart, Cancelled while waiting for it, and
        NotConfined where this system has no sandbox, unless the settings allow that.
        """
        if cancelled():
            raise cancelled_error()
        if sandboxed and not self.config.run_unconfined:
            self.run_sandbox_check().require_all_blocked()
        self._has_opened_sandboxed |= sandboxed
        return self._take_child(cancelled, sandboxed)

    def _take_child(self, cancelled: CancelCheck, sandboxed: bool) -> Child:
        if not self.config.can_fork:
            return self._spawn(sandboxed)
        self._require_forkserver(cancelled)
        with self._lock:
            spare = self._spares.pop(sandboxed, None)
            if spare and (spare.has_ended or not self._is_alive()):
                spare.close()
                spare = None
            child = spare or self._connect(sandboxed)
        threading.Thread(target=self._refill_spares, daemon=True).start()
        if sandboxed:
            child.require_confined()
        return child

    def run_sandbox_check(self, again: bool = False) -> SandboxCheck:
        """Have a sandboxed child try to escape, once in the life of this worker, or `again`.

        Raises WorkerError when no child can be had.
        """
        with self._sandbox_check_lock:
            if again or self._sandbox_check is None:
                open_child = partial(self._take_child, never_cancelled, sandboxed=True)
                self._sandbox_check = run_escape_attempts(open_child, self.config)
            return self._sandbox_check

    @property
    def latest_sandbox_check(self) -> SandboxCheck | None:
        """The latest check of the sandbox, without waiting for one; None before there was any."""
        return self._sandbox_check

    def _check_when_ready(self) -> None:
        with contextlib.suppress(RoundtripError):  # whoever opens a sandboxed child gets it
            self.run_sandbox_check()

    @contextlib.contextmanager
    def without_spares(self) -> Iterator[None]:
        """While this lasts no spare is made ready: nothing of ours runs beside a child that is being timed."""
        with self._lock:
            self._spares_paused += 1
        self._close_spares()
        try:
            yield
        finally:
            with self._lock:
                self._spares_paused -= 1
            threading.Thread(target=self._refill_spares, daemon=True).start()

    def _refill_spares(self) -> None:
        with self._lock, contextlib.suppress(RoundtripError):  # whoever opens the next child gets it
            if self._spares_paused or not self._is_alive() or not self._ready.is_set():
                return
            for sandboxed in (False, True) if self._has_opened_sandboxed else (False,):
                if sandboxed not in self._spares:
                    self._spares[sandboxed] = self._connect(sandboxed)

    def _close_spares(self) -> None:
        with self._lock:
            spares, self._spares = self._spares, {}
        for spare in spares.values():
            spare.close()

    def _connect(self, sandboxed: bool) -> Child:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(f"{self._folder}/worker{CONFINED_SUFFIX if sandboxed else ''}")
        except OSError as error:
            connection.close()
            raise WorkerError("The worker does not answer.", cure="Try again.", detail=str(error)) from error

        def hang_up() -> None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

        streams = connection.makefile("rb"), connection.makefile("wb")
        return Child(*streams, hang_up, self.config, file_exchange=self._exchange_folders if sandboxed else None)

    def _create_exchange_folders(self) -> Path:
        """Make the folder of all file exchanges, on the library's own disk, where its files can be hard-linked."""
        try:
            self._exchange_folders = create_staging_folder(self.config.home, "boxes")
        except OSError as error:
            raise translate(error, WorkerError) from error
        return self._exchange_folders

    def _require_forkserver(self, cancelled: CancelCheck) -> None:
        """Wait for the forkserver; start it, or start it again once."""
        for _ in range(2):
            self.start()
            deadline = time.monotonic() + STARTUP_SECONDS
            while self._is_alive() and time.monotonic() < deadline:
                if self._ready.wait(POLL_SECONDS):
                    return
                if cancelled():
                    raise cancelled_error()
        raise WorkerError(
            "The process in which TensorFlow lives could not be started, twice.",
            cure="Run `python -c 'import tensorflow'` in the same environment: it shows what is missing.",
        )

    def _spawn(self, sandboxed: bool) -> Child:
        exchange = None
        if sandboxed:
            exchange = FileExchange(self._create_exchange_folders() / secrets.token_hex(4))
            exchange.make()
        arguments = [exchange.folder] if exchange else []
        process = _start_process(
            self.config, "core.worker.serve", *arguments, **SINGLE_THREAD_ENVIRONMENT if sandboxed else {}
        )

        def hang_up() -> None:
            _end_process(process)
            if exchange:
                shutil.rmtree(exchange.folder.parent, ignore_errors=True)

        return Child(*_pipes(process), hang_up, self.config, process.pid, exchange)

    def run(self, task: str, *, sandboxed: bool = False, **request: Any) -> Frame:
        """Do one task in one fresh child (see `use_child`); `request` is what `Child.request` takes."""
        cancelled = request.get("cancelled", never_cancelled)
        return self.use_child(lambda child: child.request(task, **request), cancelled, sandboxed)

    def use_child(
        self, action: Callable[[Child], Result], cancelled: CancelCheck = never_cancelled, sandboxed: bool = False
    ) -> Result:
        """Do something with one fresh child, which is closed at the end.

        When the forkserver itself died under it, it is started again and `action` is called once more.
        """
        with self.open(cancelled, sandboxed) as child:
            forkserver = self._process
            try:
                return action(child)
            except ChildDied:
                if forkserver is None or not _exits_soon(forkserver):
                    raise
        with self.open(cancelled, sandboxed) as child:
            return action(child)

    def close(self) -> None:
        """End the forkserver and everything under it."""
        self._close_spares()
        with self._lock:
            process, self._process = self._process, None
        _end_process(process)
        self._remove_folders()

    def _remove_folders(self) -> None:
        for folder in filter(None, (self._folder, self._exchange_folders)):
            shutil.rmtree(folder, ignore_errors=True)


def _end_process(process: subprocess.Popen[bytes] | None) -> None:
    """Kill a process, if it still runs, and close its pipes."""
    if process:
        with contextlib.suppress(BrokenPipeError), process:  # what it was still to read is lost with it
            process.kill()


def _exits_soon(process: subprocess.Popen[bytes]) -> bool:
    """Whether a process is gone, or goes within a moment."""
    try:
        process.wait(EXIT_WAIT_SECONDS)
    except subprocess.TimeoutExpired:
        return False
    return True


def _start_process(config: Settings, module: str, *arguments: Path, **variables: str) -> subprocess.Popen[bytes]:
    """Start a module of ours with pipes, and with the little that a worker process sees of our environment."""
    names = {name for name in os.environ if name.upper() in PASSED_VARIABLES + PASSED_PROXY_VARIABLES}
    settings = config.model_dump(exclude={"catalog_url"})  # which may hold a password, and no child needs it
    environment = {name: os.environ[name] for name in names}
    environment |= {f"ROUNDTRIP_{name.upper()}": str(value) for name, value in settings.items()}
    environment |= {
        "PYTHONPATH": str(PROJECT),
        "PYTHONDONTWRITEBYTECODE": os.environ.get("PYTHONDONTWRITEBYTECODE", ""),
        "KERAS_BACKEND": "tensorflow",
        "KERAS_HOME": str(config.home / "cache" / "keras"),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        # Children share one machine and must agree bit for bit: they compute on the CPU.
        "CUDA_VISIBLE_DEVICES": "-1",
    }
    return subprocess.Popen(
        [sys.executable, "-m", module, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd=PROJECT,
        env=environment | variables,
    )


def _pipes(process: subprocess.Popen[bytes]) -> tuple[BinaryIO, BinaryIO]:
    """What a process writes, and what it reads."""
    return cast(BinaryIO, process.stdout), cast(BinaryIO, process.stdin)
