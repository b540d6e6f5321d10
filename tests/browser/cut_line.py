"""A line to a server that can be cut: all connections break, and no new one stands until it is mended."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

BLOCK = 2**16


class CutLine:
    """Relays what comes to `url`; once `limit` bytes have gone to the server, the line breaks by itself."""

    def __init__(self, target: tuple[str, int]) -> None:
        self.sent = 0  # bytes that have gone to the server
        self.is_cut = False
        self.limit: int | None = None
        self._target = target
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = "http://{}:{}".format(*self._listener.getsockname())
        threading.Thread(target=self._accept, daemon=True).start()

    def mend(self, limit: int | None = None) -> None:
        """Let connections stand again, until `limit` bytes have gone in all."""
        self.limit, self.is_cut = limit, False

    def cut(self) -> None:
        self.is_cut = True
        for end in self._sockets:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._sockets.clear()

    def close(self) -> None:
        self.cut()
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                if self.is_cut:
                    near.close()
                    continue
                far = socket.create_connection(self._target)
                self._sockets += [near, far]
                for pair in ((near, far, True), (far, near, False)):
                    threading.Thread(target=self._relay, args=pair, daemon=True).start()

    def _relay(self, source: socket.socket, target: socket.socket, is_up: bool) -> None:
        with contextlib.suppress(OSError), source:
            while block := source.recv(BLOCK):
                target.sendall(block)
                if is_up:
                    self._count(len(block))
            target.shutdown(socket.SHUT_WR)

    def _count(self, size: int) -> None:
        self.sent += size
        if self.limit is not None and self.sent > self.limit and not self.is_cut:
            self.cut()


@contextlib.contextmanager
def cut_line(url: str) -> Iterator[CutLine]:
    """A line to the server at this address."""
    parts = urlsplit(url)
    line = CutLine((parts.hostname or "", parts.port or 0))
    try:
        yield line
    finally:
        line.close()
