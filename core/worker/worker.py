"""The app's side of the worker: start the warm process, open children, and begin again once when it dies."""

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
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from core.errors import ChildDied, RoundtripError, WorkerError
from core.explain import translate
from core.sandbox.limits import CONFINED_SUFFIX
from core.settings import PROJECT, Settings, get_settings
from core.worker.child_handle import POLL_SECONDS, CancelCheck, Child, cancelled_error
from core.worker.file_exchange import FileExchange, create_staging_folder
from core.worker.protocol import Frame
from core.worker.sandbox_test import SandboxTest, run_escape_attempts

EXIT_WAIT_SECONDS = 1.0  # seconds in which a killed warm process, whose children end first, ends too
STARTUP_SECONDS = 180  # seconds that importing TensorFlow may take on a slow disk
PASSED_VARIABLES = ("PATH", "LANG", "LC_ALL", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "HOME", "USERPROFILE")
PASSED_PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")
# A library that starts threads when it is imported would leave them unconfined.
SINGLE_THREAD_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class WorkerState(NamedTuple):
    """`phase` is "cold", "warming", "ready" or "failed"; `seconds` counts since the phase began."""

    phase: str
    seconds: float


class Worker:
    """The warm process, started on demand, and the fresh children that it gives.

    One spare child is always kept ready: it has TensorFlow awake and has seen no model.
    """

    PROGRAM = "core.worker.forkserver"  # the module that is run as the warm process

    def __init__(self, config: Settings | None = None):
        self.config = config or get_settings()
        self._lock = threading.RLock()
        self._process: subprocess.Popen | None = None
        self._ready = threading.Event()
        self._began = time.monotonic()
        self._folder: Path | None = None
        self._exchange_folders: Path | None = None
        self._spare: Child | None = None
        self._confined_spare: Child | None = None
        self._has_opened_confined = (
            False  # whether anything from outside was ever opened: only then a spare waits for more
        )
        self._spares_paused = 0
        self._sandbox_test_lock = threading.Lock()
        self._sandbox_test: SandboxTest | None = None

    def start(self, then_test: bool = False) -> None:
        """Begin to warm up, and return at once; with `then_test`, the self-test follows. Where nothing can be forked
        there is nothing to warm."""
        if then_test:
            threading.Thread(target=self._test_when_ready, daemon=True).start()
        with self._lock:
            if not self.config.can_fork or (self._process and self._process.poll() is None):
                return
            self._ready.clear()
            self._began = time.monotonic()
            self._remove_folders()
            self._folder = Path(tempfile.mkdtemp(prefix="roundtrip-"))
            self._process = subprocess.Popen(
                [sys.executable, "-m", self.PROGRAM, self._folder / "worker", self._create_exchange_folders()],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                **_process_environment(self.config),
            )
            threading.Thread(target=self._await_ready, args=(self._process,), daemon=True).start()

    def _await_ready(self, process: subprocess.Popen) -> None:
        if process.stdout.readline().strip() == b"ready" and process is self._process:
            self._began = time.monotonic()
            self._ready.set()
            with contextlib.suppress(RoundtripError):  # whoever opens the next child will hear of it
                self._refill_spares()

    def state(self) -> WorkerState:
        """Where the worker stands now, without waiting."""
        if not self.config.can_fork or (self._ready.is_set() and self._is_alive()):
            return WorkerState("ready", time.monotonic() - self._began)
        if self._process is None:
            return WorkerState("cold", 0.0)
        return WorkerState("warming" if self._is_alive() else "failed", time.monotonic() - self._began)

    def _is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def open(self, cancelled: CancelCheck = lambda: False, confined: bool = False) -> Child:
        """A fresh child, to be closed by the caller; a `confined` one for whatever a stranger has sent.

        Raises WorkerError when the warm process cannot be had, after one restart, Cancelled while waiting for it, and
        NotConfined where this system does not confine, unless the settings allow that.
        """
        if cancelled():
            raise cancelled_error()
        if confined and not self.config.run_unconfined:
            self.run_sandbox_test().require_all_blocked()
        self._has_opened_confined |= confined
        return self._take_child(cancelled, confined)

    def _take_child(self, cancelled: CancelCheck, confined: bool) -> Child:
        if not self.config.can_fork:
            return self._spawn(confined)
        self._require_forkserver(cancelled)
        with self._lock:
            if confined:
                spare, self._confined_spare = self._confined_spare, None
            else:
                spare, self._spare = self._spare, None
            if spare and (spare.has_ended or not self._is_alive()):
                spare.close()
                spare = None
            child = spare or self._connect(confined)
        threading.Thread(target=self._refill_spares, daemon=True).start()
        if confined:
            child.require_confined()
        return child

    def run_sandbox_test(self, again: bool = False) -> SandboxTest:
        """What a confined child could do that it must not, tried out once in the life of this worker, or `again`.

        Raises WorkerError when no child can be had.
        """
        with self._sandbox_test_lock:
            if again or self._sandbox_test is None:
                self._sandbox_test = run_escape_attempts(
                    lambda: self._take_child(lambda: False, confined=True), self.config
                )
            return self._sandbox_test

    @property
    def latest_sandbox_test(self) -> SandboxTest | None:
        """The latest self-test, without waiting for one; None before there was any."""
        return self._sandbox_test

    def _test_when_ready(self) -> None:
        with contextlib.suppress(RoundtripError):  # whoever brings something in will hear of it
            self.run_sandbox_test()

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
        with self._lock, contextlib.suppress(RoundtripError):
            if self._spare is None and not self._spares_paused and self._is_alive() and self._ready.is_set():
                self._spare = self._connect(confined=False)
            if (
                self._confined_spare is None
                and self._has_opened_confined
                and not self._spares_paused
                and self._is_alive()
            ):
                self._confined_spare = self._connect(confined=True)

    def _close_spares(self) -> None:
        with self._lock:
            spares = [one for one in (self._spare, self._confined_spare) if one]
            self._spare = self._confined_spare = None
        for spare in spares:
            spare.close()

    def _connect(self, confined: bool) -> Child:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(str(self._folder / "worker") + (CONFINED_SUFFIX if confined else ""))
        except OSError as error:
            connection.close()
            raise WorkerError("The worker does not answer.", cure="Try again.", detail=str(error)) from error

        def hang_up() -> None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

        boxes = self._exchange_folders if confined else None
        return Child(connection.makefile("rb"), connection.makefile("wb"), hang_up, self.config, file_exchange=boxes)

    def _create_exchange_folders(self) -> Path:
        """A folder for the boxes of confined children, on the library's own disk, where links to its files can be made.

        The library clears it away when this process is gone.
        """
        try:
            self._exchange_folders = create_staging_folder(self.config.home, "boxes")
        except OSError as error:
            raise translate(error, WorkerError) from error
        return self._exchange_folders

    def _require_forkserver(self, cancelled: CancelCheck) -> None:
        """Wait for the warm process; start it, or start it again once."""
        for _ in range(2):
            self.start()
            waited = time.monotonic() + STARTUP_SECONDS
            while self._is_alive() and time.monotonic() < waited:
                if self._ready.wait(POLL_SECONDS):
                    return
                if cancelled():
                    raise cancelled_error()
        raise WorkerError(
            "The process in which TensorFlow lives could not be started, twice.",
            cure="Run `python -c 'import tensorflow'` in the same environment: it shows what is missing.",
        )

    def _spawn(self, confined: bool) -> Child:
        surroundings, box = _process_environment(self.config), None
        if confined:
            box = FileExchange(self._create_exchange_folders() / secrets.token_hex(4))
            box.make()
            surroundings["env"] |= SINGLE_THREAD_ENVIRONMENT
        process = subprocess.Popen(
            [sys.executable, "-m", "core.worker.serve", *([str(box.folder)] if box else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            **surroundings,
        )

        def hang_up() -> None:
            process.kill()
            process.wait()
            if box:
                shutil.rmtree(box.folder.parent, ignore_errors=True)

        return Child(process.stdout, process.stdin, hang_up, self.config, process.pid, box)

    def run(self, task: str, *, confined: bool = False, **request: Any) -> Frame:
        """Do one task in one fresh child, a `confined` one for a stranger's files; `request` is what `Child.ask` takes.

        When the warm process itself died under it, it is started again and the task is done once more.
        """
        cancelled = request.get("cancelled", lambda: False)
        with self.open(cancelled, confined) as child:
            warm = self._process
            try:
                return child.request(task, **request)
            except ChildDied:
                if warm is None or not _exits_soon(warm):
                    raise
        with self.open(cancelled, confined) as child:
            return child.request(task, **request)

    def close(self) -> None:
        """End the warm process and everything under it."""
        self._close_spares()
        with self._lock:
            process, self._process = self._process, None
        if process:
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()
        self._remove_folders()

    def _remove_folders(self) -> None:
        for folder in filter(None, (self._folder, self._exchange_folders)):
            shutil.rmtree(folder, ignore_errors=True)


def run_sandbox_test(config: Settings | None = None) -> SandboxTest:
    """The self-test of this system, by a worker of its own. Raises WorkerError when no child can be had."""
    worker = Worker(config)
    try:
        return worker.run_sandbox_test()
    finally:
        worker.close()


def _exits_soon(process: subprocess.Popen) -> bool:
    """Whether a process is gone, or goes within a moment."""
    try:
        process.wait(EXIT_WAIT_SECONDS)
    except subprocess.TimeoutExpired:
        return False
    return True


def _process_environment(config: Settings) -> dict[str, Any]:
    """Where a worker process runs, and the little that it sees of our environment."""
    names = {name for name in os.environ if name.upper() in PASSED_VARIABLES + PASSED_PROXY_VARIABLES}
    environment = {name: os.environ[name] for name in names}
    passed_on = config.model_dump(exclude={"catalog_url"})  # which may hold a password, and no child needs it
    environment |= {f"ROUNDTRIP_{name.upper()}": str(value) for name, value in passed_on.items()}
    return {
        "cwd": PROJECT,
        "env": environment
        | {
            "PYTHONPATH": str(PROJECT),
            "PYTHONDONTWRITEBYTECODE": os.environ.get("PYTHONDONTWRITEBYTECODE", ""),
            "KERAS_BACKEND": "tensorflow",
            "KERAS_HOME": str(config.home / "cache" / "keras"),
            "TF_CPP_MIN_LOG_LEVEL": "3",
            # Children share one machine and must agree bit for bit: they compute on the CPU.
            "CUDA_VISIBLE_DEVICES": "-1",
        },
    }
