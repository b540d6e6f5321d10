"""Memory of the server while 2 GB are sent to it from a page's control, in pieces as a browser sends them."""

import base64
import contextlib
import hashlib
import http.client
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import psutil

from benchmarks.measure import Row, Sample
from benchmarks.serving import ours
from core.library import Library
from core.settings import get_settings
from core.uploads import open_uploads
from tests.browser.server import Server
from ui.routes.urls import upload_url
from ui.streamlit_internals import TOKEN_COOKIE

SIZE, SMALL_SIZE = 2 * 10**9, 10**6
PIECE = 2**23  # the most that the control sends at once
REPEATS = 3
POLL_SECONDS = 0.02  # between two readings of the memory
LIMITS = {"ROUNDTRIP_UPLOAD_MB": "2000", "ROUNDTRIP_UPLOADS_TOTAL_MB": "2000"}
PIECE_HEADERS = {"Content-Type": "application/offset+octet-stream"}


class Sending(NamedTuple):
    """Growth of the server's memory at its peak, in MiB; seconds in all."""

    grown: float
    whole: float


def measure() -> list[Row]:
    """A file of 2 GB several times, after a small one that imports the modules of uploads."""
    os.environ.update(LIMITS)
    get_settings.cache_clear()
    try:
        with tempfile.TemporaryDirectory(prefix="roundtrip-bench-") as folder:
            library = Library(Path(folder) / "store")
            with ours(library.home) as server:
                _send(server, SMALL_SIZE)
                sent = [_send(server, SIZE) for _ in range(REPEATS)]
    finally:
        for name in LIMITS:
            del os.environ[name]
        get_settings.cache_clear()
    return [
        Row(
            "server memory grown by an upload of 2 GB",
            Sample(tuple(each.grown for each in sent)),
            unit="MiB",
            at_most=32,
        ),
        Row("upload of 2 GB, every piece held against its hash", Sample(tuple(each.whole for each in sent))),
    ]


def _send(server: Server, size: int) -> Sending:
    """Send so many bytes, and delete them."""
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=120)
    block = os.urandom(PIECE)
    with _peak_memory(server) as peak:
        started = time.perf_counter()
        address = _begin(connection, size)
        for offset in range(0, size, PIECE):
            _send_piece(connection, address, offset, block[: size - offset])
        seconds = time.perf_counter() - started
    _require_whole(server, address)
    _call(connection, "DELETE", address)
    connection.close()
    return Sending((peak[-1] - peak[0]) / 2**20, seconds)


@contextlib.contextmanager
def _peak_memory(server: Server) -> Iterator[list[int]]:
    """The server's resident memory before this block, and, once that ended, the most there was, in bytes."""
    process, has_ended = psutil.Process(server.process.pid), threading.Event()
    seen = [process.memory_info().rss]

    def watch() -> None:
        while not has_ended.wait(POLL_SECONDS):
            seen.append(process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        has_ended.set()
        watcher.join()
        seen.append(max(seen))


def _require_whole(server: Server, address: str) -> None:
    uploads = open_uploads(server.home)
    assert uploads.find_files([address.rpartition("/")[2]])


def _begin(connection: http.client.HTTPConnection, size: int) -> str:
    name = base64.b64encode(b"model.keras").decode()
    headers = {"Upload-Length": str(size), "Upload-Metadata": f"filename {name}"}
    return _call(connection, "POST", upload_url(), headers).getheader("Location", "")


def _send_piece(connection: http.client.HTTPConnection, address: str, offset: int, piece: bytes) -> None:
    digest = base64.b64encode(hashlib.sha256(piece).digest()).decode()
    headers = PIECE_HEADERS | {"Upload-Offset": str(offset), "Upload-Checksum": f"sha256 {digest}"}
    _call(connection, "PATCH", address, headers, piece)


def _call(
    connection: http.client.HTTPConnection,
    method: str,
    address: str,
    headers: dict[str, str] | None = None,
    body: bytes = b"",
) -> http.client.HTTPResponse:
    token = "1" * 32
    given = {"Tus-Resumable": "1.0.0", "Cookie": f"{TOKEN_COOKIE}={token}", "X-Xsrftoken": token}
    connection.request(method, address, body, given | (headers or {}))
    reply = connection.getresponse()
    text = reply.read()
    assert reply.status < 300, (reply.status, text)
    return reply
