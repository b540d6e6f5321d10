"""A line to a server that can be cut: all connections break, and no new one stands until it is mended."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

BLOCK = 2**16


class CutLine:
    """Relays what comes to `url` to a server; once `limit` bytes have gone there, it breaks by itself."""

    def __init__(self) -> None:
        self.sent = 0  # bytes that have gone to the server
        self.is_cut = True
        self._limit: int | None = None
        self._target = ("", 0)
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = "http://{}:{}".format(*self._listener.getsockname())
        threading.Thread(target=self._accept, daemon=True).start()

    def mend(self, url: str, limit: int | None = None) -> None:
        """Let connections to this server stand, until `limit` bytes have gone in all."""
        parts = urlsplit(url)
        self._target = (parts.hostname or "", parts.port or 0)
        self._limit, self.is_cut = limit, False

    def cut(self) -> None:
        self.is_cut = True
        ends, self._sockets = self._sockets, []
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.cut()
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._connect, args=(near,), daemon=True).start()

    def _connect(self, near: socket.socket) -> None:
        with contextlib.suppress(OSError), near:
            if self.is_cut:
                return
            with socket.create_connection(self._target) as far:
                self._sockets += [near, far]
                back = threading.Thread(target=self._relay, args=(far, near, False), daemon=True)
                back.start()
                self._relay(near, far, True)
                back.join()

    def _relay(self, source: socket.socket, target: socket.socket, is_up: bool) -> None:
        """Relay until either end closes, then close both."""
        with contextlib.suppress(OSError):
            while block := source.recv(BLOCK):
                target.sendall(block)
                if is_up:
                    self._count(len(block))
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _count(self, size: int) -> None:
        self.sent += size
        if self._limit is not None and self.sent > self._limit and not self.is_cut:
            self.cut()


@contextlib.contextmanager
def cut_line() -> Iterator[CutLine]:
    """A line that is cut until it is mended."""
    line = CutLine()
    try:
        yield line
    finally:
        line.close()
