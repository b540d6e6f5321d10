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

from core.errors import Cancelled, ChildDied, NotConfined, RoundtripError, TimedOut, WorkerError, from_json
from core.explain import refused_by_the_disk
from core.sandbox.limits import OUT_OF_TIME, ending, renew
from core.settings import Settings
from core.worker.file_exchange import Box, Writes, given
from core.worker.protocol import JSON_LIMIT, Frame, encode_frame, read_frame, write_pieces

UNHEARD = 64  # frames of a child that wait to be heard
AWAKE_SECONDS = 180  # in which a child has confined itself, also one that must start Python first
NAMED_SECONDS = 10  # in which the warm process has said which process a child is
LARGER = 4  # times what it was lent may what it writes be: a conversion to wider numbers, with their optimizer
TOLD_LIMIT = 4000  # characters of each text in an error that a confined child tells of
NONSENSE = "The reply of a child makes no sense."
TICK = 0.05  # seconds between two looks at a cancel request or a deadline

Never = Callable[[], bool]


_LONGER = "Choose less work, or raise ROUNDTRIP_CHILD_SECONDS (ROUNDTRIP_TRAIN_SECONDS for training)."
_LONGER_CONFINED = "Choose less work, or raise ROUNDTRIP_CONFINED_SECONDS."
_OURS = (ChildDied, TimedOut, NotConfined)


def not_confined(why: str) -> NotConfined:
    return NotConfined(
        "What was brought in is not run here: this system does not keep it apart from everything else.",
        cure="Run Roundtrip on Linux 6.2 or newer with Landlock; or, for files that you trust as you trust programs, "
        "set ROUNDTRIP_RUN_UNCONFINED=1.",
        detail=why,
    )


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
        box: Box | Path | None = None,
    ):
        """With `box` it is a confined one: its box, or the folder in which its box goes by its process's number."""
        self.config = config
        self.confined = box is not None
        self._box = box
        self._times = 1  # of the time and memory of a load, that its request may take
        self._kept: Frame | RoundtripError | None = None  # what it says of its own confinement
        self._knows = threading.Event()
        self._named = threading.Event()  # whether its process is known, or there will be none
        self._most_bytes = config.confined_file_mib * 2**20  # of all that it may leave behind
        self._out = stream_out
        self._hang_up = hang_up
        # Bounded: a child that sends without end is read no faster than it is listened to.
        self._frames: queue.Queue[Frame | RoundtripError | None] = queue.Queue(maxsize=UNHEARD)
        # Sent from a thread of its own: whoever asks looks at the clock and at Cancel, also when a child reads nothing.
        self._requests: queue.SimpleQueue[list[bytes | memoryview] | None] = queue.SimpleQueue()
        self._limit = (config.confined_reply_mib if self.confined else config.reply_mib) * 2**20
        self._closed = False
        self.pid = pid
        if pid is not None:
            self._named.set()
        threading.Thread(target=self._send_all, daemon=True, name="roundtrip-to-child").start()
        threading.Thread(target=self._read, args=(stream_in,), daemon=True, name="roundtrip-child").start()

    def _read(self, stream: BinaryIO) -> None:
        most = self.config.confined_reply_mib * 2**20 if self.confined else JSON_LIMIT
        try:
            while (frame := read_frame(stream, lambda: self._limit, json_limit=most)) is not None:
                if self.pid is None:  # the first frame is the warm process's own
                    self.pid = frame.message["hello"]
                    self._named.set()
                elif self.confined and not self._knows.is_set():
                    self._kept = frame
                    self._knows.set()
                else:
                    self._put(Frame(self.box.hide(frame.message), frame.arrays) if self.confined else frame)
        except (RoundtripError, OSError, ValueError, LookupError, TypeError) as error:
            self._put(error if isinstance(error, RoundtripError) else None)
        self._put(None)
        self._named.set()
        self._knows.set()

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

    @cached_property
    def box(self) -> Box:
        """The box of a confined child that has said hello."""
        return self._box if isinstance(self._box, Box) else Box(self._box / str(self.pid))

    def require_confined(self) -> None:
        """Wait until it has confined itself. Raises NotConfined where it could not, unless the settings allow that."""
        self._knows.wait(AWAKE_SECONDS)
        said = self._kept.message if self._kept else {}
        if said.get("confined") is True or (self._kept and self.config.run_unconfined):
            return
        self.close()
        raise not_confined(self.box.hide(str(said.get("why", ""))) if self.pid else "")

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
        told = given(args, self._lend, self._scratch)
        if self.confined:
            self._limit = (reply_mib or self.config.confined_reply_mib) * 2**20
            self._times = self.config.converting_times if converts else 1
            self._begin()
        self._requests.put(encode_frame({"task": task, "args": told}, arrays))

    def _lend(self, path: Path) -> str:
        return self.box.lend(path) if self.confined else str(path)

    def _scratch(self, writes: Writes) -> str:
        return self.box.scratch(writes) if self.confined else str(writes.path)

    def _begin(self) -> None:
        """Give it the processor time of one request, and room for files as large as what it was lent may become."""
        self._most_bytes = max(self.config.confined_file_mib * 2**20, LARGER * self.box.lent_bytes)
        memory = int(self._times * self.config.confined_gib * 2**30)
        with contextlib.suppress(ImportError, ProcessLookupError, PermissionError, psutil.Error):
            renew(self.pid, self._times * self.config.confined_cpu_seconds, self._most_bytes, memory)

    def ask(
        self,
        task: str,
        *,
        seconds: float,
        arrays: dict[str, Any] | None = None,
        on_progress: Callable[[dict], None] | None = None,
        cancelled: Never = lambda: False,
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
        cancelled: Never = lambda: False,
    ) -> Frame:
        """The reply to the earliest task that was sent and is not answered yet; raises what `ask` raises."""
        seconds = min(seconds, self._times * self.config.confined_seconds) if self.confined else seconds
        deadline = time.monotonic() + seconds
        while True:
            frame = self._next(deadline, seconds, cancelled)
            if "progress" in frame.message:
                if on_progress:
                    on_progress(frame.message["progress"])
            elif isinstance(frame.message.get("error"), dict):
                raise self._error(frame.message["error"])
            elif isinstance(frame.message.get("ok"), dict):
                if self.confined:
                    self.box.collect(self._most_bytes)
                return Frame(frame.message["ok"], frame.arrays)
            else:
                self.close()
                raise WorkerError(NONSENSE, received=", ".join(frame.message)[:200])

    def _error(self, told: dict[str, Any]) -> RoundtripError:
        """The error that a child tells of; a confined one may tell anything, and is believed no more than it may."""
        if not self.confined:
            return from_json(told)
        self.box.forget()
        if not all(isinstance(one, str) for one in told.values()):
            self.close()
            return WorkerError(NONSENSE)
        error = from_json({name: one[:TOLD_LIMIT] for name, one in told.items()})
        error.cure = error.cure.replace("ROUNDTRIP_CHILD_GIB", "ROUNDTRIP_CONFINED_GIB")
        # How it ended and who stopped it is for us to say.
        return WorkerError(error.sentence, detail=error.detail) if type(error) in (Cancelled, *_OURS) else error

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
                    cure=_LONGER_CONFINED if self.confined else _LONGER,
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
        if isinstance(frame, Frame) and isinstance(frame.message["exit"], int):
            how, said = ending(frame.message["exit"]), str(frame.message.get("said", ""))[-TOLD_LIMIT:]
            if self.confined and frame.message["exit"] == OUT_OF_TIME:
                spent = self._times * self.config.confined_cpu_seconds
                raise TimedOut(
                    f"It used up its {spent} seconds of processor time, and was stopped.",
                    cure="Choose less work, or raise ROUNDTRIP_CONFINED_CPU_SECONDS.",
                )
            if not self.confined and (refused := refused_by_the_disk(said)):  # HDF5 brings its process down by that
                raise refused
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
        self._named.wait(NAMED_SECONDS)
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError, OSError):
                os.killpg(self.pid, signal.SIGKILL) if hasattr(os, "killpg") else os.kill(self.pid, signal.SIGTERM)
        self._hang_up()

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
