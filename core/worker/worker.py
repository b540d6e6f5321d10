"""The app's side of the worker: start the forkserver, open children, restart once when it dies."""

import contextlib
import secrets
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from core.error_translation import translate
from core.errors import ChildDied, RoundtripError, WorkerError, cleanup_on_error
from core.kept_process_lookup import SOCKET_NAME, is_own_peer, private_folder
from core.sandbox.limits import CONFINED_SUFFIX
from core.settings import Settings, get_settings
from core.worker.child_errors import cancelled_error
from core.worker.child_handle import POLL_SECONDS, CancelCheck, Child, never_cancelled
from core.worker.file_exchange import FileExchange, create_staging_folder
from core.worker.kept_process import KeptProcess, attach_or_start
from core.worker.processes import EXIT_WAIT_SECONDS, SINGLE_THREAD_ENVIRONMENT, end_process, pipes_of, start_process
from core.worker.protocol import Frame
from core.worker.sandbox_check import SandboxCheck, run_escape_attempts

STARTUP_SECONDS = 180  # seconds that importing TensorFlow may take on a slow disk

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

    def __init__(self, config: Settings | None = None, kept_for: Sequence[str] = ()):
        """With `kept_for`, modules of commands, the forkserver stays for a while after this process; one that stayed is
        used again."""
        self.config = config or get_settings()
        self._kept_for = kept_for
        self._kept_in = private_folder() if kept_for and self.config.can_fork and self.config.warm_seconds else None
        self._lock = threading.RLock()
        self._process: subprocess.Popen[bytes] | KeptProcess | None = None
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
            self._end_forkserver()
            self._process = self._start_forkserver()
            threading.Thread(target=self._await_ready, args=(self._process,), daemon=True).start()

    def _start_forkserver(self) -> subprocess.Popen[bytes] | KeptProcess:
        if self._kept_in:
            process = attach_or_start(self.config, self.PROGRAM, self._kept_in, self._kept_for)
            self._folder = process.folder
            return process
        self._folder = Path(tempfile.mkdtemp(prefix="roundtrip-"))
        folders = self._folder / SOCKET_NAME, self._create_exchange_folders()
        return start_process(self.config, self.PROGRAM, *folders)

    def _await_ready(self, process: subprocess.Popen[bytes] | KeptProcess) -> None:
        if self._becomes_ready(process) and process is self._process:
            self._began = time.monotonic()
            self._ready.set()
            self._refill_spares()

    def _becomes_ready(self, process: subprocess.Popen[bytes] | KeptProcess) -> bool:
        """Wait until a forkserver can fork; False where it has ended before."""
        if isinstance(process, subprocess.Popen):
            return pipes_of(process)[0].readline().strip() == b"ready"
        while (folder := process.exchange_folder()) is None and process.poll() is None:
            time.sleep(POLL_SECONDS)
        if process is self._process:
            self._exchange_folders = folder
        return folder is not None

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

    def open(self, cancelled: CancelCheck = never_cancelled, sandboxed: bool = False, warm: bool = True) -> Child:
        """Open a fresh child, which the caller closes; a sandboxed one for untrusted files.

        It need not be `warm` for what TensorFlow has no part in: the spare one stays for whoever needs it.

        Raises WorkerError when the forkserver cannot be had, after one restart, Cancelled while waiting for it, and
        NotConfined where this system has no sandbox, unless the settings allow that.
        """
        if cancelled():
            raise cancelled_error()
        if sandboxed and not self.config.run_unconfined:
            self.run_sandbox_check().require_all_blocked()
        self._has_opened_sandboxed |= sandboxed
        return self._take_child(cancelled, sandboxed, warm)

    def _take_child(self, cancelled: CancelCheck, sandboxed: bool, warm: bool = True) -> Child:
        if not self.config.can_fork:
            return self._spawn(sandboxed)
        try:
            self._require_forkserver(cancelled)
            child = (self._take_spare(sandboxed) if warm else None) or self._connect(sandboxed)
        except WorkerError:
            if not self._kept_in or self._is_alive():
                raise
            self._require_forkserver(cancelled)  # it had waited long enough, and ended just now
            child = self._connect(sandboxed)
        threading.Thread(target=self._refill_spares, daemon=True).start()
        if sandboxed:
            child.require_confined()
        return child

    def _take_spare(self, sandboxed: bool) -> Child | None:
        with self._lock:
            spare = self._spares.pop(sandboxed, None)
            if spare and (spare.has_ended or not self._is_alive()):
                spare.close()
                return None
            return spare

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
    def without_new_spares(self) -> Iterator[None]:
        """While this lasts no spare is made ready: where many children follow each other, none has the time for it."""
        with self._lock:
            self._spares_paused += 1
        try:
            yield
        finally:
            with self._lock:
                self._spares_paused -= 1
            threading.Thread(target=self._refill_spares, daemon=True).start()

    @contextlib.contextmanager
    def without_spares(self) -> Iterator[None]:
        """The same, and there is none at first: nothing of ours runs beside a child that is being timed."""
        with self.without_new_spares():
            self._close_spares()
            yield

    def _refill_spares(self) -> None:
        with self._lock, contextlib.suppress(RoundtripError):  # whoever opens the next child gets it
            if self._kept_in:  # it has spares of its own, which outlive us
                return
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
            connection.connect(f"{self._folder}/{SOCKET_NAME}{CONFINED_SUFFIX if sandboxed else ''}")
            if self._kept_in and not is_own_peer(connection):
                raise PermissionError("another user is at the other end")
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
        variables = SINGLE_THREAD_ENVIRONMENT if sandboxed else {}
        process = start_process(self.config, "core.worker.serve", *arguments, variables=variables)

        def hang_up() -> None:
            end_process(process)
            if exchange:
                shutil.rmtree(exchange.folder.parent, ignore_errors=True)

        return Child(*pipes_of(process), hang_up, self.config, process.pid, exchange)

    def run(
        self, task: str, *, sandboxed: bool = False, keep: Callable[[Child], object] = Child.close, **request: Any
    ) -> Frame:
        """Do one task in one fresh child (see `use_child`); `request` is what `Child.request` takes."""
        cancelled = request.get("cancelled", never_cancelled)
        return self.use_child(lambda child: child.request(task, **request), cancelled, sandboxed, keep)

    def use_child(
        self,
        action: Callable[[Child], Result],
        cancelled: CancelCheck = never_cancelled,
        sandboxed: bool = False,
        keep: Callable[[Child], object] = Child.close,
        warm: bool = True,
    ) -> Result:
        """Do something with one fresh child (see `open`), which is then given to `keep`; by default it is closed.

        When the forkserver itself died under it, it is started again and `action` is called once more.
        """
        child = self.open(cancelled, sandboxed, warm)
        forkserver = self._process
        try:
            return self.act_in(child, action, keep)
        except ChildDied:
            if forkserver is None or not _exits_soon(forkserver):
                raise
        return self.act_in(self.open(cancelled, sandboxed, warm), action, keep)

    @staticmethod
    def act_in(child: Child, action: Callable[[Child], Result], keep: Callable[[Child], object]) -> Result:
        """Do something with an open child, and give it to `keep`; where anything is raised, it is closed."""
        with cleanup_on_error(child.close):
            result = action(child)
        keep(child)
        return result

    def close(self) -> None:
        """End the forkserver and everything under it, or leave it to whoever comes next."""
        self._close_spares()
        with self._lock:
            self._end_forkserver()

    def _end_forkserver(self) -> None:
        process, self._process = self._process, None
        if isinstance(process, KeptProcess):
            return
        end_process(process)
        for folder in filter(None, (self._folder, self._exchange_folders)):
            shutil.rmtree(folder, ignore_errors=True)


def _exits_soon(process: subprocess.Popen[bytes] | KeptProcess) -> bool:
    """Whether a process is gone, or goes within a moment."""
    try:
        process.wait(EXIT_WAIT_SECONDS)
    except subprocess.TimeoutExpired:
        return False
    return True
