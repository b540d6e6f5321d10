"""Proxies before a database and before a store of buckets, which delay, refuse or are silent as they are told."""

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sql

CHUNK = 65_536


class DatabaseProxy:
    """A port of this machine that leads to a PostgreSQL server. Its `url` is that of the database there.

    `delay` is in seconds, for each piece that comes from the server; `cut` ends all connections and lets no other in
    until `mend`; while it `is_silent` nothing gets through, and nobody is told.
    """

    def __init__(self, url: str):
        self._target = sql.make_url(url)
        self.delay, self.is_cut = 0.0, False
        self.is_open = threading.Event()
        self.is_open.set()
        self._sockets: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        target = self._target.set(host="127.0.0.1", port=self.port, query={})
        return target.render_as_string(hide_password=False)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self.is_cut:
                    client.close()
                else:
                    threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        server = self._connect()
        self._sockets |= {client, server}
        threading.Thread(target=self._pass_on, args=(client, server, False), daemon=True).start()
        self._pass_on(server, client, True)

    def _connect(self) -> socket.socket:
        if folder := self._target.query.get("host"):
            server = socket.socket(socket.AF_UNIX)
            server.connect(f"{folder}/.s.PGSQL.{self._target.port or 5432}")
            return server
        return socket.create_connection((self._target.host or "127.0.0.1", self._target.port or 5432))

    def _pass_on(self, source: socket.socket, target: socket.socket, is_answer: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK):
                time.sleep(self.delay if is_answer else 0)
                self.is_open.wait()
                target.sendall(data)
        for each in (source, target):
            self._sockets.discard(each)
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def cut(self) -> None:
        self.is_cut = True
        for each in list(self._sockets):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        self.is_cut = False

    def close(self) -> None:
        self.cut()
        self.is_open.set()
        self._listener.close()


Fault = Callable[[int], tuple[int, str] | None]  # from the number of a request to a status and a code; None passes it
LOST_REQUEST, LOST_ANSWER = (0, "request"), (0, "answer")  # the connection ends before, or after it is done


class BucketProxy(ThreadingHTTPServer):
    """An address of buckets that leads to another one. `fault` says what becomes of the next request: from 0 on."""

    daemon_threads = True

    def __init__(self, address: str):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = urlsplit(address).netloc
        self.delay, self.count = 0.0, 0
        self.fault: Fault = lambda number: None
        self.lock = threading.Lock()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def break_from(self, number: int, status: int, code: str) -> None:
        """Answer each request from that number on, counted from now, by an error."""
        self.count = 0
        self.fault = lambda count: (status, code) if count >= number else None

    def lose(self, number: int, fault: tuple[int, str]) -> None:
        """Lose the request of that number, counted from now, or its answer."""
        self.count = 0
        self.fault = lambda count: fault if count == number else None

    def mend(self) -> None:
        self.fault = lambda number: None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: BucketProxy

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with self.server.lock:
            number, self.server.count = self.server.count, self.server.count + 1
        time.sleep(self.server.delay)
        fault = self.server.fault(number)
        if fault == LOST_REQUEST:
            self._hang_up()
            return
        if fault and fault != LOST_ANSWER:
            self._send(fault[0], {}, f"<Error><Code>{fault[1]}</Code><Message>no</Message></Error>".encode())
            return
        connection = http.client.HTTPConnection(self.server.target, timeout=30)
        connection.request(self.command, self.path, body, dict(self.headers.items()))
        answer = connection.getresponse()
        if fault == LOST_ANSWER:
            answer.read()
            self._hang_up()
            return
        self._send(answer.status, dict(answer.getheaders()), answer.read())
        connection.close()

    def _hang_up(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response_only(status)
        length = headers.get("Content-Length", str(len(body))) if self.command == "HEAD" else str(len(body))
        kept = {name: value for name, value in headers.items() if name.lower() not in ("connection", "content-length")}
        for name, value in {**kept, "Content-Length": length}.items():
            if name.lower() != "transfer-encoding":
                self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = _answer

    def log_message(self, *_: Any) -> None:
        """Nothing is said."""


@contextlib.contextmanager
def database_proxy(url: str) -> Iterator[DatabaseProxy]:
    proxy = DatabaseProxy(url)
    try:
        yield proxy
    finally:
        proxy.close()


@contextlib.contextmanager
def bucket_proxy(address: str) -> Iterator[BucketProxy]:
    proxy = BucketProxy(address)
    thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        proxy.server_close()
