"""A host of its own on this machine: a network namespace, whose way to the database and to the store can be cut.

What is sent over a cut way is lost without a word, as where a cable is pulled; connections are not closed.
"""

import contextlib
import secrets
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest
import sqlalchemy as sql

NETWORK = "10.213.77"
BLOCK = 2**16
DATABASE, STORE = f"{NETWORK}.1", f"{NETWORK}.3"  # where the host finds them


class IsolatedHost(NamedTuple):
    """The host's namespace, and the device by which this machine reaches it."""

    namespace: str
    device: str

    def command(self, *words: str) -> list[str]:
        """A command that runs on the host."""
        return ["ip", "netns", "exec", self.namespace, *words]

    def cut(self, address: str) -> None:
        _ip("addr", "del", f"{address}/24", "dev", self.device)

    def mend(self, address: str) -> None:
        _ip("addr", "add", f"{address}/24", "dev", self.device)


@contextlib.contextmanager
def isolated_host() -> Iterator[IsolatedHost]:
    """Such a host, until the block ends; skips where the system allows none."""
    host = IsolatedHost(f"roundtrip-{secrets.token_hex(4)}", f"rt{secrets.token_hex(4)}")
    if not shutil.which("ip") or subprocess.run(["ip", "netns", "add", host.namespace], capture_output=True).returncode:
        pytest.skip("network namespaces take root, and the command ip")
    try:
        _ip("link", "add", host.device, "type", "veth", "peer", "name", "out", "netns", host.namespace)
        for address in (DATABASE, STORE):
            host.mend(address)
        _ip("link", "set", host.device, "up")
        for words in (("addr", "add", f"{NETWORK}.2/24", "dev", "out"), ("link", "set", "out", "up")):
            _ip("-n", host.namespace, *words)
        yield host
    finally:
        subprocess.run(["ip", "netns", "del", host.namespace], check=True)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


@contextlib.contextmanager
def relay(address: str, connect: Callable[[], socket.socket]) -> Iterator[int]:
    """A port of an address at which everybody is connected to what `connect` gives, until the block ends."""
    with socket.create_server((address, 0)) as listener:
        threading.Thread(target=_accept, args=(listener, connect), daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, connect: Callable[[], socket.socket]) -> None:
    with contextlib.suppress(OSError):
        while True:
            near, far = listener.accept()[0], connect()
            for pair in ((near, far), (far, near)):
                threading.Thread(target=_copy, args=pair, daemon=True).start()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError), source:
        while block := source.recv(BLOCK):
            target.sendall(block)
        target.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def relayed_database(url: str) -> Iterator[str]:
    """The URL of a PostgreSQL database as the host reaches it."""
    parts = sql.make_url(url)
    place, port = str(parts.query.get("host") or parts.host or "localhost"), parts.port or 5432

    def connect() -> socket.socket:
        if not place.startswith("/"):
            return socket.create_connection((place, port))
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(f"{place}/.s.PGSQL.{port}")
        return connection

    with relay(DATABASE, connect) as relayed:
        there = parts.set(host=DATABASE, port=relayed, query={})
        yield there.render_as_string(hide_password=False)
