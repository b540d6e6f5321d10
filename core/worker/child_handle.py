"""The app's side of one child: ask it, hear its progress, and say plainly how it ended."""

import contextlib
import os
import queue
import signal
import threading
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import psutil

from core.errors import Cancelled, ChildDied, NotConfined, RoundtripError, TimedOut, WorkerError, error_from_json
from core.explain import find_storage_error
from core.sandbox.limits import CPU_TIME_EXCEEDED, describe_exit, renew_limits
from core.settings import Settings
from core.worker.file_exchange import FileExchange, OutputFolder, substitute_paths
from core.worker.protocol import JSON_LIMIT, Frame, encode_frame, read_frame, write_pieces

MAX_UNREAD_FRAMES = 64  # frames of a child that wait to be heard
CONFINE_SECONDS = 180  # in which a child has confined itself, also one that must start Python first
PID_SECONDS = 10  # in which the warm process has said which process a child is
MAX_OUTPUT_GROWTH = (
    4  # times what it was lent may what it writes be: a conversion to wider numbers, with their optimizer
)
ERROR_TEXT_LIMIT = 4000  # characters of each text in an error that a confined child tells of
INVALID_REPLY = "The reply of a child makes no sense."
POLL_SECONDS = 0.05  # seconds between two looks at a cancel request or a deadline

CancelCheck = Callable[[], bool]


_TIMEOUT_CURE = "Choose less work, or raise ROUNDTRIP_CHILD_SECONDS (ROUNDTRIP_TRAIN_SECONDS for training)."
_CONFINED_TIMEOUT_CURE = "Choose less work, or raise ROUNDTRIP_CONFINED_SECONDS."
_APP_SIDE_ERRORS = (ChildDied, TimedOut, NotConfined)


def invalid_reply_error(**context: str) -> WorkerError:
    """Return the error for a reply of a child that cannot be what was requested."""
    cure = "Try again; if it happens again, bring in the model in another format."
    return WorkerError(INVALID_REPLY, cure=cure, **context)


def not_confined_error(reason: str) -> NotConfined:
    return NotConfined(
        "What was brought in is not run here: this system does not keep it apart from everything else.",
        cure="Run Roundtrip on Linux 6.2 or newer with Landlock; or, for files that you trust as you trust programs, "
        "set ROUNDTRIP_RUN_UNCONFINED=1.",
        detail=reason,
    )


def cancelled_error() -> Cancelled:
    return Cancelled("It was cancelled.", cure="Start it again when you like; nothing half done was kept.")


class Child:
    """One process with TensorFlow in it, which has never seen a model, and answers one request after another."""

    def __init__(
        self,
        stream_in: BinaryIO,
        stream_out: BinaryIO,
        hang_up: Callable[[], None],
        config: Settings,
        pid: int | None = None,
        file_exchange: FileExchange | Path | None = None,
    ):
        """With `box` it is a confined one: its box, or the folder in which its box goes by its process's number."""
        self.config = config
        self.is_confined = file_exchange is not None
        self._file_exchange = file_exchange
        self._limit_factor = 1  # of the time and memory of a load, that its request may take
        self._confinement_reply: Frame | RoundtripError | None = None  # what it says of its own confinement
        self._confinement_known = threading.Event()
        self._pid_known = threading.Event()  # whether its process is known, or there will be none
        self._max_output_bytes = config.confined_file_mib * 2**20  # of all that it may leave behind
        self._out = stream_out
        self._hang_up = hang_up
        # Bounded: a child that sends without end is read no faster than it is listened to.
        self._frames: queue.Queue[Frame | RoundtripError | None] = queue.Queue(maxsize=MAX_UNREAD_FRAMES)
        # Sent from a thread of its own: whoever asks looks at the clock and at Cancel, also when a child reads nothing.
        self._requests: queue.SimpleQueue[list[bytes | memoryview] | None] = queue.SimpleQueue()
        self._reply_limit = (config.confined_reply_mib if self.is_confined else config.reply_mib) * 2**20
        self._is_closed = False
        self.pid = pid
        if pid is not None:
            self._pid_known.set()
        threading.Thread(target=self._send_requests, daemon=True, name="roundtrip-to-child").start()
        threading.Thread(target=self._read, args=(stream_in,), daemon=True, name="roundtrip-child").start()

    def _read(self, stream: BinaryIO) -> None:
        most = self.config.confined_reply_mib * 2**20 if self.is_confined else JSON_LIMIT
        try:
            while (frame := read_frame(stream, lambda: self._reply_limit, json_limit=most)) is not None:
                if self.pid is None:  # the first frame is the warm process's own
                    self.pid = frame.message["hello"]
                    self._pid_known.set()
                elif self.is_confined and not self._confinement_known.is_set():
                    self._confinement_reply = frame
                    self._confinement_known.set()
                else:
                    self._queue_frame(
                        Frame(self.file_exchange.redact_paths(frame.message), frame.arrays)
                        if self.is_confined
                        else frame
                    )
        except (RoundtripError, OSError, ValueError, LookupError, TypeError) as error:
            self._queue_frame(error if isinstance(error, RoundtripError) else None)
        self._queue_frame(None)
        self._pid_known.set()
        self._confinement_known.set()

    def _queue_frame(self, frame: Frame | RoundtripError | None) -> None:
        waiting = True
        while waiting and not self._is_closed:
            with contextlib.suppress(queue.Full):
                self._frames.put(frame, timeout=POLL_SECONDS)
                waiting = False

    def _send_requests(self) -> None:
        # A child that is gone already is told apart where its reply is awaited, by what it left.
        with contextlib.suppress(OSError, ValueError):
            while (request := self._requests.get()) is not None:
                write_pieces(self._out, request)

    @cached_property
    def file_exchange(self) -> FileExchange:
        """The box of a confined child that has said hello."""
        return (
            self._file_exchange
            if isinstance(self._file_exchange, FileExchange)
            else FileExchange(self._file_exchange / str(self.pid))
        )

    def require_confined(self) -> None:
        """Wait until it has confined itself. Raises NotConfined where it could not, unless the settings allow that."""
        self._confinement_known.wait(CONFINE_SECONDS)
        said = self._confinement_reply.message if self._confinement_reply else {}
        if said.get("confined") is True or (self._confinement_reply and self.config.run_unconfined):
            return
        self.close()
        raise not_confined_error(self.file_exchange.redact_paths(str(said.get("why", ""))) if self.pid else "")

    def send(
        self,
        task: str,
        arrays: dict[str, Any] | None = None,
        *,
        reply_mib: int | None = None,
        converts: bool = False,
        **args: Any,
    ) -> None:
        """Give the child a task, and return at once; it does what it is given in order, and `receive` has the reply.

        `args` may hold a `Path` that the child is to read, and `Writes`. A confined child's reply is small, unless
        `reply_mib` asks for more, and it has the time and memory of a load, unless it `converts`. Raises ValueError and
        TypeError for what no frame can hold, OSError for a `Path` that cannot be lent.
        """
        told = substitute_paths(args, self._lend, self._create_output_folder)
        if self.is_confined:
            self._reply_limit = (reply_mib or self.config.confined_reply_mib) * 2**20
            self._limit_factor = self.config.converting_times if converts else 1
            self._renew_limits()
        self._requests.put(encode_frame({"task": task, "args": told}, arrays))

    def _lend(self, path: Path) -> str:
        return self.file_exchange.lend(path) if self.is_confined else str(path)

    def _create_output_folder(self, writes: OutputFolder) -> str:
        return self.file_exchange.create_output_folder(writes) if self.is_confined else str(writes.path)

    def _renew_limits(self) -> None:
        """Give it the processor time of one request, and room for files as large as what it was lent may become."""
        self._max_output_bytes = max(
            self.config.confined_file_mib * 2**20, MAX_OUTPUT_GROWTH * self.file_exchange.lent_bytes
        )
        memory = int(self._limit_factor * self.config.confined_gib * 2**30)
        with contextlib.suppress(ImportError, ProcessLookupError, PermissionError, psutil.Error):
            renew_limits(
                self.pid, self._limit_factor * self.config.confined_cpu_seconds, self._max_output_bytes, memory
            )

    def request(
        self,
        task: str,
        *,
        seconds: float,
        arrays: dict[str, Any] | None = None,
        on_progress: Callable[[dict], None] | None = None,
        cancelled: CancelCheck = lambda: False,
        reply_mib: int | None = None,
        converts: bool = False,
        **args: Any,
    ) -> Frame:
        """Have the child do a task, and wait for its reply.

        Raises the error that the task raised, ChildDied when the process ended first, TimedOut after `seconds`, and
        Cancelled as soon as `cancelled()` is true; after the last three the child is gone.
        """
        self.send(task, arrays, reply_mib=reply_mib, converts=converts, **args)
        return self.receive(seconds=seconds, on_progress=on_progress, cancelled=cancelled)

    def receive(
        self,
        *,
        seconds: float,
        on_progress: Callable[[dict], None] | None = None,
        cancelled: CancelCheck = lambda: False,
    ) -> Frame:
        """The reply to the earliest task that was sent and is not answered yet; raises what `ask` raises."""
        seconds = min(seconds, self._limit_factor * self.config.confined_seconds) if self.is_confined else seconds
        deadline = time.monotonic() + seconds
        while True:
            frame = self._next_frame(deadline, seconds, cancelled)
            if "progress" in frame.message:
                if on_progress:
                    on_progress(frame.message["progress"])
            elif isinstance(frame.message.get("error"), dict):
                raise self._to_error(frame.message["error"])
            elif isinstance(frame.message.get("ok"), dict):
                if self.is_confined:
                    self.file_exchange.collect(self._max_output_bytes)
                return Frame(frame.message["ok"], frame.arrays)
            else:
                self.close()
                raise invalid_reply_error(received=", ".join(frame.message)[:200])

    def _to_error(self, payload: dict[str, Any]) -> RoundtripError:
        """The error that a child tells of; a confined one may tell anything, and is believed no more than it may."""
        if not self.is_confined:
            return error_from_json(payload)
        self.file_exchange.discard_outputs()
        if not all(isinstance(one, str) for one in payload.values()):
            self.close()
            return invalid_reply_error()
        error = error_from_json({name: one[:ERROR_TEXT_LIMIT] for name, one in payload.items()})
        error.cure = error.cure.replace("ROUNDTRIP_CHILD_GIB", "ROUNDTRIP_CONFINED_GIB")
        # How it ended and who stopped it is for us to say.
        return (
            WorkerError(error.sentence, detail=error.detail) if type(error) in (Cancelled, *_APP_SIDE_ERRORS) else error
        )

    def _next_frame(self, deadline: float, seconds: float, cancelled: CancelCheck) -> Frame:
        while True:
            if cancelled():
                self.close()
                raise cancelled_error()
            if self._is_closed:  # by another thread, or before it was asked: no frame will come
                raise ChildDied("The process that held the model was ended.", cure="Load it again.")
            if time.monotonic() > deadline:
                self.close()
                raise TimedOut(
                    f"It took longer than its limit of {seconds:g} seconds, and was stopped.",
                    cure=_CONFINED_TIMEOUT_CURE if self.is_confined else _TIMEOUT_CURE,
                )
            with contextlib.suppress(queue.Empty):
                return self._check_frame(self._frames.get(timeout=POLL_SECONDS))

    def _check_frame(self, frame: Frame | RoundtripError | None) -> Frame:
        """Pass a frame on; turn every way of ending into ChildDied."""
        if isinstance(frame, Frame) and "exit" not in frame.message:
            return frame
        self.close()
        how = "it hung up without a reply"
        said = ""
        if isinstance(frame, Frame) and isinstance(frame.message["exit"], int):
            how, said = describe_exit(frame.message["exit"]), str(frame.message.get("said", ""))[-ERROR_TEXT_LIMIT:]
            if self.is_confined and frame.message["exit"] == CPU_TIME_EXCEEDED:
                spent = self._limit_factor * self.config.confined_cpu_seconds
                raise TimedOut(
                    f"It used up its {spent} seconds of processor time, and was stopped.",
                    cure="Choose less work, or raise ROUNDTRIP_CONFINED_CPU_SECONDS.",
                )
            if not self.is_confined and (refused := find_storage_error(said)):  # HDF5 brings its process down by that
                raise refused
        elif isinstance(frame, RoundtripError):
            how = frame.sentence.lower().rstrip(".")
        raise ChildDied(
            f"The process that held the model ended before it answered: {how}.",
            cure="Try again; if it happens again, the model or the file brings it down, and the details may say why.",
            detail=said,
        )

    @property
    def has_ended(self) -> bool:
        """Whether it ended before anything was asked of it."""
        return not self._frames.empty()

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self._is_closed = True
        self._requests.put(None)
        self._pid_known.wait(PID_SECONDS)
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError, OSError):
                os.killpg(self.pid, signal.SIGKILL) if hasattr(os, "killpg") else os.kill(self.pid, signal.SIGTERM)
        self._hang_up()

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
