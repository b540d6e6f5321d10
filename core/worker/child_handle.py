"""The app's side of one child: requests, progress, time limit, cancel, and how it ended."""

import contextlib
import math
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import psutil

from core.arrays import Arrays
from core.error_translation import find_storage_error, is_out_of_memory
from core.errors import (
    Cancelled,
    ChildDied,
    NotConfined,
    RoundtripError,
    TimedOut,
    TooLarge,
    TooMuchToSend,
    WorkerError,
    error_from_json,
)
from core.sandbox.limits import CPU_TIME_EXCEEDED, Allowance, confined_allowance, own_allowance, renew_limits
from core.settings import MB, Settings
from core.system import kill_group
from core.telemetry import measure, start_span
from core.worker.child_errors import (
    cancelled_error,
    cpu_time_error,
    describe_exit,
    invalid_reply_error,
    not_confined_error,
    out_of_memory_error,
)
from core.worker.file_exchange import FileExchange, OutputFolder, substitute_paths
from core.worker.processes import MemoryWatch
from core.worker.protocol import JSON_LIMIT, Frame, FrameLimit, encode_frame, read_frame, write_pieces

MAX_UNREAD_FRAMES = 64  # frames of a child that wait to be read
CONFINE_SECONDS = 180  # in which a child has confined itself, also one that must start Python first
PID_SECONDS = 10  # in which the forkserver has said which process a child is
# Output files may be so many times what was lent: for a conversion to wider numbers, with their optimizer.
MAX_OUTPUT_GROWTH = 4
ERROR_TEXT_LIMIT = 4000  # characters of each text in an error of a sandboxed child
POLL_SECONDS = 0.05  # seconds between two looks at a cancel request or a deadline
_TIMEOUT_CURE = "Choose less work, or raise ROUNDTRIP_CHILD_SECONDS (ROUNDTRIP_TRAIN_SECONDS for training)."
_SANDBOX_TIMEOUT_CURE = "Choose less work, or raise ROUNDTRIP_CONFINED_SECONDS."
KILL_SIGNALS = (-9, -6)  # exit statuses of a process that the system ends, or a library, where there is no more memory
_APP_SIDE_ERRORS = (Cancelled, ChildDied, TimedOut, NotConfined)  # which only the app raises

CancelCheck = Callable[[], bool]
ProgressCallback = Callable[[dict[str, Any]], None]


def never_cancelled() -> bool:
    """The `CancelCheck` of requests that are never cancelled."""
    return False


@contextlib.contextmanager
def _watch_request(task: str) -> Iterator[None]:
    """Measure and trace a request to a child, from the sending to the reply."""
    began = time.monotonic()
    try:
        with start_span(f"child {task}"):
            yield
    except RoundtripError as error:
        measure("errors", where="child", code=error.code)
        raise
    finally:
        measure("child_request_seconds", time.monotonic() - began, task=task)


class Child:
    """One process with TensorFlow in it, which has never seen a model, and does one request after another.

    `is_untrusted` says that it is sandboxed, or should be: where ROUNDTRIP_RUN_UNCONFINED lets it run all the same,
    its replies are validated and bounded as those of a sandboxed one.
    """

    def __init__(
        self,
        stream_in: BinaryIO,
        stream_out: BinaryIO,
        hang_up: Callable[[], None],
        config: Settings,
        pid: int | None = None,
        file_exchange: FileExchange | Path | None = None,
    ):
        """With `file_exchange` it is a sandboxed child: its exchange, or the folder that has it by process id."""
        self.config = config
        self.is_untrusted = file_exchange is not None
        self.pid = pid
        self._file_exchange = file_exchange
        self._hang_up = hang_up
        self._is_closed = False
        measure("children_open", 1, confined=str(self.is_untrusted).lower())
        self.memory_share = 1.0  # of what a sandboxed child may use: less while another works on the same file
        self._converts = False  # whether its request may take the time and memory of a conversion
        self._memory_watch = MemoryWatch()
        self._max_output_bytes = config.confined_file_mb * MB  # of all files that it may leave behind
        self._reply_limit = self._limit_reply()
        self._confinement_reply: Frame | None = None
        self._confinement_known = threading.Event()
        self._pid_known = threading.Event()  # or it is known that there will be none
        if pid is not None:
            self._pid_known.set()
        # Bounded: a child that sends without end is read no faster than its frames are taken.
        self._frames: queue.Queue[Frame | RoundtripError | None] = queue.Queue(maxsize=MAX_UNREAD_FRAMES)
        # Sent by a thread of its own: the caller looks at the clock and at Cancel, also when a child reads nothing.
        self._requests: queue.SimpleQueue[list[bytes | memoryview] | None] = queue.SimpleQueue()
        threading.Thread(target=self._send_requests, args=(stream_out,), daemon=True, name="roundtrip-to-child").start()
        threading.Thread(target=self._read_frames, args=(stream_in,), daemon=True, name="roundtrip-child").start()

    def _read_frames(self, stream: BinaryIO) -> None:
        json_limit = self._limit_reply() if self.is_untrusted else JSON_LIMIT
        try:
            with stream:  # an error that is raised on refers to it
                while (frame := read_frame(stream, lambda: self._reply_limit, json_limit=json_limit)) is not None:
                    if self.pid is None:  # the first frame says which process it is, before anything untrusted runs
                        self.pid = frame.message["hello"]
                        self._pid_known.set()
                    elif self.is_untrusted and not self._confinement_known.is_set():
                        self._confinement_reply = frame
                        self._confinement_known.set()
                    else:
                        message = self.file_exchange.redact_paths(frame.message) if self.is_untrusted else frame.message
                        self._queue_frame(Frame(message, frame.arrays))
        except (RoundtripError, OSError, ValueError, LookupError, TypeError) as error:
            self._queue_frame(error if isinstance(error, RoundtripError) else None)
        self._queue_frame(None)
        self._pid_known.set()
        self._confinement_known.set()

    def _queue_frame(self, frame: Frame | RoundtripError | None) -> None:
        while not self._is_closed:
            with contextlib.suppress(queue.Full):
                self._frames.put(frame, timeout=POLL_SECONDS)
                break

    def _send_requests(self, stream: BinaryIO) -> None:
        # Whether the child is gone already is found out where its reply is awaited, by what it left.
        with contextlib.suppress(OSError, ValueError), stream:
            while (request := self._requests.get()) is not None:
                write_pieces(stream, request)

    @cached_property
    def file_exchange(self) -> FileExchange:
        """The file exchange of a sandboxed child whose process id is known."""
        if isinstance(self._file_exchange, FileExchange):
            return self._file_exchange
        return FileExchange(Path(self._file_exchange or "") / str(self.pid))

    def require_confined(self) -> None:
        """Wait until it has confined itself. Raises NotConfined where it could not, unless the settings allow that."""
        self._confinement_known.wait(CONFINE_SECONDS)
        message = self._confinement_reply.message if self._confinement_reply else {}
        if message.get("confined") is True or (self._confinement_reply and self.config.run_unconfined):
            return
        self.close()
        raise not_confined_error(self.file_exchange.redact_paths(str(message.get("why", ""))) if self.pid else "")

    def send(
        self,
        task: str,
        arrays: Arrays | None = None,
        *,
        reply_mb: int | None = None,
        converts: bool = False,
        **args: Any,
    ) -> None:
        """Send the child a task, and return at once; tasks are done in order, and `receive` returns the replies.

        Args:
            args: arguments of the task; a `Path` is a file or folder to read, an `OutputFolder` one to fill.
            reply_mb: limit of the arrays in a sandboxed child's reply; small by default.
            converts: whether a sandboxed child may take the time and memory of a conversion, not only of a load.

        Raises ValueError and TypeError for what no frame can hold, OSError for a `Path` that cannot be lent.
        """
        args = substitute_paths(args, self._lend, self._create_output_folder)
        if self.is_untrusted:
            self._reply_limit = self._limit_reply(reply_mb)
            self._converts = converts
            self._renew_limits()
        self._requests.put(encode_frame({"task": task, "args": args}, arrays))

    def _limit_reply(self, reply_mb: int | None = None) -> FrameLimit:
        """What its reply may have: that of a sandboxed child little, where it was not asked for more."""
        if self.is_untrusted and not reply_mb:
            return FrameLimit(self.config.confined_reply_mb * MB, "ROUNDTRIP_CONFINED_REPLY_MB")
        return FrameLimit((reply_mb or self.config.reply_mb) * MB, "ROUNDTRIP_REPLY_MB")

    def _lend(self, path: Path) -> str:
        return self.file_exchange.lend(path) if self.is_untrusted else str(path)

    def _create_output_folder(self, output: OutputFolder) -> str:
        return self.file_exchange.create_output_folder(output) if self.is_untrusted else str(output.path)

    def _renew_limits(self) -> None:
        """Allow the processor time of one request, and output files as large as what was lent may become."""
        lent = MAX_OUTPUT_GROWTH * self.file_exchange.lent_bytes
        self._max_output_bytes = max(self.config.confined_file_mb * MB, lent)
        allowed = self.allowance()
        with contextlib.suppress(ImportError, ProcessLookupError, PermissionError, psutil.Error):
            renew_limits(self.pid or 0, allowed.cpu_seconds, self._max_output_bytes, allowed.address_space)

    def allowance(self, seconds: float = math.inf) -> Allowance:
        """What its request may take, of which the caller gives it `seconds` at most."""
        if not self.is_untrusted:
            return own_allowance(self.config, seconds)
        allowed = confined_allowance(
            self.config, self.file_exchange.lent_bytes, self._converts, memory_share=self.memory_share
        )
        return allowed._replace(seconds=min(seconds, allowed.seconds))

    def request(
        self,
        task: str,
        *,
        seconds: float,
        arrays: Arrays | None = None,
        on_progress: ProgressCallback | None = None,
        cancelled: CancelCheck = never_cancelled,
        reply_mb: int | None = None,
        converts: bool = False,
        **args: Any,
    ) -> Frame:
        """Have the child do a task (see `send`), and wait for its reply.

        Raises the error that the task raised, ChildDied when the process ended first, TimedOut after `seconds`, and
        Cancelled as soon as `cancelled()` is true; after the last three the child is gone.
        """
        with _watch_request(task):
            self.send(task, arrays, reply_mb=reply_mb, converts=converts, **args)
            return self.receive(seconds, on_progress, cancelled)

    def receive(
        self,
        seconds: float,
        on_progress: ProgressCallback | None = None,
        cancelled: CancelCheck = never_cancelled,
    ) -> Frame:
        """The reply to the earliest task that was sent and has none yet. Raises as `request`."""
        allowed = self.allowance(seconds)
        deadline = time.monotonic() + allowed.seconds
        while True:
            frame = self._next_frame(deadline, allowed, cancelled)
            if "progress" in frame.message:
                if on_progress:
                    on_progress(frame.message["progress"])
            elif isinstance(frame.message.get("error"), dict):
                raise self._to_error(frame.message["error"])
            elif isinstance(frame.message.get("ok"), dict):
                if self.is_untrusted:
                    self.file_exchange.collect(self._max_output_bytes)
                return Frame(frame.message["ok"], frame.arrays)
            else:
                self.close()
                raise invalid_reply_error(received=", ".join(frame.message)[:200])

    def _to_error(self, record: Mapping[str, Any]) -> RoundtripError:
        """The error of a task; that of a sandboxed child is untrusted, so it is validated and shortened."""
        if not self.is_untrusted:
            return self._with_limit(error_from_json(dict(record)))
        self.file_exchange.discard_outputs()
        if not all(isinstance(text, str) for text in record.values()):
            self.close()
            return invalid_reply_error()
        error = error_from_json({name: text[:ERROR_TEXT_LIMIT] for name, text in record.items()})
        if type(error) in _APP_SIDE_ERRORS:
            return WorkerError(error.sentence, detail=error.detail)
        return self._with_limit(error)

    def _with_limit(self, error: RoundtripError) -> RoundtripError:
        """An error of a task; where memory ran out it says of how much, and which setting that is."""
        is_out_of_memory = isinstance(error, TooLarge) and not isinstance(error, TooMuchToSend)
        return out_of_memory_error(self.allowance(), error.detail) if is_out_of_memory else error

    def _next_frame(self, deadline: float, allowed: Allowance, cancelled: CancelCheck) -> Frame:
        while True:
            if cancelled():
                self.close()
                raise cancelled_error()
            if self._is_closed:  # by another thread, or before it was sent anything: no frame will come
                raise ChildDied("The process that held the model was ended.", cure="Load it again.")
            if time.monotonic() > deadline:
                self.close()
                raise TimedOut(
                    f"It took longer than its limit of {allowed.seconds:g} seconds, and was stopped.",
                    cure=_SANDBOX_TIMEOUT_CURE if self.is_untrusted else _TIMEOUT_CURE,
                )
            if self._memory_watch.is_exceeded(self.pid, allowed.memory):
                self.close()
                raise out_of_memory_error(allowed)
            with contextlib.suppress(queue.Empty):
                # No longer than it has: a reply that comes after the deadline is too late.
                frame = self._frames.get(timeout=min(POLL_SECONDS, max(0.0, deadline - time.monotonic())))
                if isinstance(frame, Frame) and "exit" not in frame.message:
                    return frame
                self.close()
                raise self._exit_error(frame, allowed)

    def _exit_error(self, last: Frame | RoundtripError | None, allowed: Allowance) -> RoundtripError:
        """The error for a child that has ended under what it was allowed; `last` is what came from it last."""
        if isinstance(last, TooMuchToSend):
            return last
        how, stderr = "it hung up without a reply", ""
        if isinstance(last, RoundtripError):
            how = last.sentence.lower().rstrip(".")
        elif last and isinstance(status := last.message["exit"], int):
            how, stderr = describe_exit(status), str(last.message.get("said", ""))[-ERROR_TEXT_LIMIT:]
            if self.is_untrusted and status == CPU_TIME_EXCEEDED:
                return cpu_time_error(allowed)
            if status in KILL_SIGNALS and is_out_of_memory(stderr):
                return out_of_memory_error(allowed, stderr)
            if not self.is_untrusted and (refused := find_storage_error(stderr)):  # which ends HDF5's process
                return refused
        return ChildDied(
            f"The process that held the model ended before it answered: {how}.",
            cure="Try again; if it happens again, the model or the file brings it down, and the details may say why.",
            detail=stderr,
        )

    @property
    def has_ended(self) -> bool:
        """Whether it ended before it was sent anything."""
        return not self._frames.empty()

    def close(self) -> None:
        """End the process, whatever it is doing."""
        if not self._is_closed:
            measure("children_open", -1, confined=str(self.is_untrusted).lower())
        self._is_closed = True
        self._requests.put(None)
        self._pid_known.wait(PID_SECONDS)
        if self.pid is not None:
            kill_group(self.pid)
        self._hang_up()

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
