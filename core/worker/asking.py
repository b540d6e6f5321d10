"""The app's side of one child: ask it, hear its progress, and say plainly how it ended."""

import contextlib
import os
import queue
import signal
import threading
import time
from collections.abc import Callable
from typing import Any, BinaryIO

from core.errors import Cancelled, ChildDied, RoundtripError, TimedOut, WorkerError, from_json
from core.settings import Settings
from core.worker.channel import Frame, encode_frame, read_frame, write_pieces
from core.worker.limits import ending

UNHEARD = 64  # frames of a child that wait to be heard
TICK = 0.05  # seconds between two looks at a cancel request or a deadline

Never = Callable[[], bool]


def cancelled_by_a_person() -> Cancelled:
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
    ):
        self._out = stream_out
        self._hang_up = hang_up
        # Bounded: a child that sends without end is read no faster than it is listened to.
        self._frames: queue.Queue[Frame | RoundtripError | None] = queue.Queue(maxsize=UNHEARD)
        # Sent from a thread of its own: whoever asks looks at the clock and at Cancel, also when a child reads nothing.
        self._requests: queue.SimpleQueue[list[bytes | memoryview] | None] = queue.SimpleQueue()
        self._limit = config.reply_mib * 2**20
        self._closed = False
        self.pid = pid
        threading.Thread(target=self._send_all, daemon=True, name="roundtrip-to-child").start()
        threading.Thread(target=self._read, args=(stream_in,), daemon=True, name="roundtrip-child").start()

    def _read(self, stream: BinaryIO) -> None:
        try:
            while (frame := read_frame(stream, self._limit)) is not None:
                if self.pid is None:  # the first frame is the warm process's own
                    self.pid = frame.message["hello"]
                else:
                    self._put(frame)
        except (RoundtripError, OSError, ValueError, KeyError) as error:
            self._put(error if isinstance(error, RoundtripError) else None)
        self._put(None)

    def _put(self, frame: Frame | RoundtripError | None) -> None:
        waiting = True
        while waiting and not self._closed:
            with contextlib.suppress(queue.Full):
                self._frames.put(frame, timeout=TICK)
                waiting = False

    def _send_all(self) -> None:
        # A child that is gone already is told apart where its reply is awaited, by what it left.
        with contextlib.suppress(OSError, ValueError):
            while (request := self._requests.get()) is not None:
                write_pieces(self._out, request)

    def send(self, task: str, arrays: dict[str, Any] | None = None, **args: Any) -> None:
        """Give the child a task, and return at once; it does what it is given in order, and `receive` has the reply.

        Raises ValueError and TypeError for what no frame can hold.
        """
        self._requests.put(encode_frame({"task": task, "args": args}, arrays))

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
        self.send(task, arrays, **args)
        return self.receive(seconds=seconds, on_progress=on_progress, cancelled=cancelled)

    def receive(
        self,
        *,
        seconds: float,
        on_progress: Callable[[dict], None] | None = None,
        cancelled: Never = lambda: False,
    ) -> Frame:
        """The reply to the earliest task that was sent and is not answered yet; raises what `ask` raises."""
        deadline = time.monotonic() + seconds
        while True:
            frame = self._next(deadline, seconds, cancelled)
            if "progress" in frame.message:
                if on_progress:
                    on_progress(frame.message["progress"])
            elif isinstance(frame.message.get("error"), dict):
                raise from_json(frame.message["error"])
            elif isinstance(frame.message.get("ok"), dict):
                return Frame(frame.message["ok"], frame.arrays)
            else:
                self.close()
                raise WorkerError("The reply of a child makes no sense.", received=", ".join(frame.message))

    def _next(self, deadline: float, seconds: float, cancelled: Never) -> Frame:
        while True:
            if cancelled():
                self.close()
                raise cancelled_by_a_person()
            if self._closed:  # by another thread, or before it was asked: no frame will come
                raise ChildDied("The process that held the model was ended.", cure="Load it again.")
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
        self._closed = True
        self._requests.put(None)
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError, OSError):
                os.killpg(self.pid, signal.SIGKILL) if hasattr(os, "killpg") else os.kill(self.pid, signal.SIGTERM)
        self._hang_up()

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
