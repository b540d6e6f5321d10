"""The app's side of the worker: start it, open children, ask them, and say plainly how they ended."""

import contextlib
import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from core.errors import Cancelled, ChildDied, RoundtripError, TimedOut, WorkerError, from_json
from core.settings import PROJECT, Settings, settings
from core.worker.channel import Frame, read_frame, write_frame
from core.worker.limits import ending

TICK = 0.05  # seconds between two looks at a cancel request or a deadline
LAST_BREATH = 1.0  # seconds in which a killed warm process, whose children end first, ends too
WARM_SECONDS = 180  # seconds that importing TensorFlow may take on a slow disk
PASSED_ON = ("PATH", "LANG", "LC_ALL", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "HOME", "USERPROFILE")
PASSED_ON_FOR_DOWNLOADS = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")

Never = Callable[[], bool]


def _cancelled() -> Cancelled:
    return Cancelled("It was cancelled.", cure="Start it again when you like; nothing was kept.")


class WorkerState(NamedTuple):
    """`phase` is "cold", "warming", "ready" or "failed"; `seconds` counts since the phase began."""

    phase: str
    seconds: float


class Child:
    """One process with TensorFlow in it, which has never seen a model, and answers one request after another."""

    def __init__(self, stream_in: BinaryIO, stream_out: BinaryIO, hang_up: Callable[[], None], config: Settings):
        self._out = stream_out
        self._hang_up = hang_up
        self._frames: queue.SimpleQueue[Frame | RoundtripError | None] = queue.SimpleQueue()
        self._limit = config.reply_mib * 2**20
        self.pid: int | None = None
        threading.Thread(target=self._read, args=(stream_in,), daemon=True, name="roundtrip-child").start()

    def _read(self, stream: BinaryIO) -> None:
        try:
            while (frame := read_frame(stream, self._limit)) is not None:
                if "hello" in frame.message:
                    self.pid = frame.message["hello"]
                else:
                    self._frames.put(frame)
        except (RoundtripError, OSError, ValueError) as error:
            self._frames.put(error if isinstance(error, RoundtripError) else None)
        self._frames.put(None)

    def ask(
        self,
        task: str,
        *,
        seconds: float,
        arrays: dict[str, Any] | None = None,
        on_progress: Callable[[dict], None] | None = None,
        cancelled: Never = lambda: False,
        **args: Any,
    ) -> Frame:
        """Have the child do a task, and wait for its reply.

        Raises the error that the task raised, ChildDied when the process ended first, TimedOut after `seconds`, and
        Cancelled as soon as `cancelled()` is true; after the last three the child is gone.
        """
        with contextlib.suppress(OSError):  # a child that is gone already is told apart below, by what it left
            write_frame(self._out, {"task": task, "args": args}, arrays)
        deadline = time.monotonic() + seconds
        while True:
            frame = self._next(deadline, seconds, cancelled)
            if "progress" in frame.message:
                if on_progress:
                    on_progress(frame.message["progress"])
            elif "error" in frame.message:
                raise from_json(frame.message["error"])
            else:
                return Frame(frame.message["ok"], frame.arrays)

    def _next(self, deadline: float, seconds: float, cancelled: Never) -> Frame:
        while True:
            if cancelled():
                self.close()
                raise _cancelled()
            if time.monotonic() > deadline:
                self.close()
                raise TimedOut(
                    f"It took longer than its limit of {seconds:g} seconds, and was stopped.",
                    cure="Choose less work, or raise ROUNDTRIP_CHILD_SECONDS (ROUNDTRIP_TRAIN_SECONDS for training).",
                )
            with contextlib.suppress(queue.Empty):
                return self._checked(self._frames.get(timeout=TICK))

    def _checked(self, frame: Frame | RoundtripError | None) -> Frame:
        """Pass a frame on; turn every way of ending into ChildDied."""
        if isinstance(frame, Frame) and "exit" not in frame.message:
            return frame
        self.close()
        how = "it hung up without a reply"
        said = ""
        if isinstance(frame, Frame):
            how, said = ending(frame.message["exit"]), frame.message.get("said", "")
        elif isinstance(frame, RoundtripError):
            how = frame.sentence.lower().rstrip(".")
        raise ChildDied(
            f"The process that held the model ended before it answered: {how}.",
            cure="Try again; if it happens again, the model or the file brings it down, and the details may say why.",
            detail=said,
        )

    @property
    def ended(self) -> bool:
        """Whether it ended before anything was asked of it."""
        return not self._frames.empty()

    def close(self) -> None:
        """End the process, whatever it is doing."""
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError, OSError):
                os.killpg(self.pid, signal.SIGKILL) if hasattr(os, "killpg") else os.kill(self.pid, signal.SIGTERM)
        self._hang_up()

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Worker:
    """The warm process, started on demand, and the fresh children that it gives.

    One spare child is always kept ready: it has TensorFlow awake and has seen no model.
    """

    def __init__(self, config: Settings | None = None):
        self.config = config or settings()
        self._lock = threading.RLock()
        self._process: subprocess.Popen | None = None
        self._ready = threading.Event()
        self._began = time.monotonic()
        self._folder: Path | None = None
        self._spare: Child | None = None

    def start(self) -> None:
        """Begin to warm up, and return at once. Where nothing can be forked there is nothing to warm."""
        with self._lock:
            if not self.config.forks or (self._process and self._process.poll() is None):
                return
            self._ready.clear()
            self._began = time.monotonic()
            self._forget_folder()
            self._folder = Path(tempfile.mkdtemp(prefix="roundtrip-"))
            self._process = subprocess.Popen(
                [sys.executable, "-m", "core.worker.warm", str(self._folder / "worker")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                **_surroundings(self.config),
            )
            threading.Thread(target=self._await_ready, args=(self._process,), daemon=True).start()

    def _await_ready(self, process: subprocess.Popen) -> None:
        if process.stdout.readline().strip() == b"ready" and process is self._process:
            self._began = time.monotonic()
            self._ready.set()
            with contextlib.suppress(RoundtripError):  # whoever opens the next child will hear of it
                self._refill()

    def state(self) -> WorkerState:
        """Where the worker stands now, without waiting."""
        if not self.config.forks or (self._ready.is_set() and self._alive()):
            return WorkerState("ready", time.monotonic() - self._began)
        if self._process is None:
            return WorkerState("cold", 0.0)
        return WorkerState("warming" if self._alive() else "failed", time.monotonic() - self._began)

    def _alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def open(self, cancelled: Never = lambda: False) -> Child:
        """A fresh child, to be closed by the caller.

        Raises WorkerError when the warm process cannot be had, after one restart, and Cancelled while waiting for it.
        """
        if not self.config.forks:
            return self._spawn()
        self._require_warm(cancelled)
        with self._lock:
            spare, self._spare = self._spare, None
            child = spare if spare and not spare.ended and self._alive() else self._connect()
        threading.Thread(target=self._refill, daemon=True).start()
        return child

    def _refill(self) -> None:
        with self._lock, contextlib.suppress(RoundtripError):
            if self._spare is None and self._alive() and self._ready.is_set():
                self._spare = self._connect()

    def _connect(self) -> Child:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(str(self._folder / "worker"))
        except OSError as error:
            connection.close()
            raise WorkerError("The worker does not answer.", cure="Try again.", detail=str(error)) from error

        def hang_up() -> None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

        return Child(connection.makefile("rb"), connection.makefile("wb"), hang_up, self.config)

    def _require_warm(self, cancelled: Never) -> None:
        """Wait for the warm process; start it, or start it again once."""
        for _ in range(2):
            self.start()
            waited = time.monotonic() + WARM_SECONDS
            while self._alive() and time.monotonic() < waited:
                if self._ready.wait(TICK):
                    return
                if cancelled():
                    raise _cancelled()
        raise WorkerError(
            "The process in which TensorFlow lives could not be started, twice.",
            cure="Run `python -c 'import tensorflow'` in the same environment: it shows what is missing.",
        )

    def _spawn(self) -> Child:
        process = subprocess.Popen(
            [sys.executable, "-m", "core.worker.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            **_surroundings(self.config),
        )

        def hang_up() -> None:
            process.kill()
            process.wait()

        return Child(process.stdout, process.stdin, hang_up, self.config)

    def run(self, task: str, **request: Any) -> Frame:
        """Do one task in one fresh child; `request` is what `Child.ask` takes.

        When the warm process itself died under it, it is started again and the task is done once more.
        """
        cancelled = request.get("cancelled", lambda: False)
        with self.open(cancelled) as child:
            warm = self._process
            try:
                return child.ask(task, **request)
            except ChildDied:
                if warm is None or not _ends_now(warm):
                    raise
        with self.open(cancelled) as child:
            return child.ask(task, **request)

    def close(self) -> None:
        """End the warm process and everything under it."""
        with self._lock:
            spare, self._spare = self._spare, None
            process, self._process = self._process, None
        if spare:
            spare.close()
        if process:
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()
        self._forget_folder()

    def _forget_folder(self) -> None:
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)


def _ends_now(process: subprocess.Popen) -> bool:
    """Whether a process is gone, or goes within a moment."""
    try:
        process.wait(LAST_BREATH)
    except subprocess.TimeoutExpired:
        return False
    return True


def _surroundings(config: Settings) -> dict[str, Any]:
    """Where a worker process runs, and the little that it sees of our environment."""
    names = {name for name in os.environ if name.upper() in PASSED_ON + PASSED_ON_FOR_DOWNLOADS}
    environment = {name: os.environ[name] for name in names}
    environment |= {f"ROUNDTRIP_{name.upper()}": str(value) for name, value in config.model_dump().items()}
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
