"""The server as `make run` starts it, over a home of its own."""

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.factories.warm_start import SOCKET_VARIABLE, WarmProcess

PROJECT = Path(__file__).resolve().parents[2]
START_SECONDS = 60


class Server(NamedTuple):
    """A running server: where it answers, which process it is, where it logs, and where its library lies."""

    url: str
    process: subprocess.Popen
    log: Path
    home: Path


def free_port() -> int:
    with socket.socket() as item:
        item.bind(("127.0.0.1", 0))
        return item.getsockname()[1]


@contextlib.contextmanager
def serve(
    home: Path,
    script: Path = PROJECT / "app.py",
    health: str = "/health",
    options: tuple[str, ...] = (),
    warm: WarmProcess | None = None,
) -> Iterator[Server]:
    """Start a server with these options of Streamlit, wait until it answers, and end it at the end.

    With `warm`, its worker gets its forkserver from that process, and does not import TensorFlow.
    """
    home.mkdir(parents=True, exist_ok=True)
    program = "tests.browser.warm_server" if warm else "streamlit"
    port, log = free_port(), home / "server.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", program, "run", str(script), "--server.port", str(port), *options],
            cwd=script.parent,
            env={**os.environ, "ROUNDTRIP_HOME": str(home), **({SOCKET_VARIABLE: warm.path()} if warm else {})},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        server = Server(f"http://127.0.0.1:{port}", process, log, home)
        _wait_until_ready(server.url + health, process, log)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(url: str, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2):
            return
        time.sleep(0.05)
    raise RuntimeError(f"The server did not start:\n{log.read_text()}")
