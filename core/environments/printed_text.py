"""`PrintedText`: the end of what a process writes to its standard error, read while it runs."""

import collections
import contextlib
import os
import select
import threading
import time
from typing import IO

MAX_BYTES = 2**14  # that are kept
CHUNK_BYTES = 1024
POLL_SECONDS = 0.01


class PrintedText:
    """Reads a stream in a thread of its own until it ends, so that whoever writes never waits."""

    def __init__(self, stream: IO[bytes]):
        self._stream = stream
        self._chunks: collections.deque[bytes] = collections.deque(maxlen=MAX_BYTES // CHUNK_BYTES)
        self._lock = threading.Lock()
        self._is_ended = False
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        with contextlib.suppress(ValueError, OSError):  # closed
            while not self._is_ended:
                if self._waits_for_none():
                    with self._lock:
                        chunk = self._stream.read1(CHUNK_BYTES)  # type: ignore[attr-defined]
                        self._chunks.append(chunk)
                        self._is_ended = not chunk

    def _waits_for_none(self) -> bool:
        """Wait until there is something to read; where pipes tell nobody of it, the read itself waits."""
        return os.name == "nt" or bool(select.select([self._stream], [], [])[0])

    def text(self, seconds: float = 1.0) -> str:
        """Return the end of all that was written before this was called; of what comes on, after at most `seconds`."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self._has_more():
            time.sleep(POLL_SECONDS)
        return b"".join(self._chunks).decode("utf-8", "replace")

    def _has_more(self) -> bool:
        if os.name == "nt":
            return False
        with self._lock, contextlib.suppress(ValueError, OSError):
            return not self._is_ended and bool(select.select([self._stream], [], [], 0)[0])
        return False
