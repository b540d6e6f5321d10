"""When HAProxy, with the configuration that the documentation gives, takes a web server for lost."""

import contextlib
import math
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.haproxy import CONFIGURATION, find_haproxy, run_haproxy
from tests.helpers import wait_until

pytestmark = pytest.mark.skipif(not find_haproxy(), reason="needs haproxy")
LIMIT = 60.0  # seconds that anything here is waited for


class WebServer(ThreadingHTTPServer):
    """A web server that gives its name to everybody, and answers checks as it is told."""

    daemon_threads = True

    def __init__(self, name: str):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.name = name
        self.checks = 0
        self.failures = 0.0  # so many checks to come get no answer: the connection ends
        self.is_free = threading.Event()  # else it is busy: its checks wait
        self.is_free.set()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: WebServer

    def do_GET(self) -> None:
        if self.path == "/health":
            self.server.checks += 1
            self.server.is_free.wait(LIMIT)
            if self.server.failures:
                self.server.failures -= 1
                return
        body = self.server.name.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class Balanced(NamedTuple):
    """Two servers behind HAProxy at a URL, and what it warned of."""

    url: str
    servers: tuple[WebServer, WebServer]
    log: Path

    def ask(self, name: str) -> str:
        """The name of the server that answers a person whose cookie names one."""
        request = urllib.request.Request(f"{self.url}/", headers={"Cookie": f"ROUNDTRIP_SERVER={name}"})
        return urllib.request.urlopen(request, timeout=LIMIT).read().decode()

    def is_down(self, name: str) -> bool:
        return f"Server servers/{name} is DOWN" in self.log.read_text()


def with_quicker_checks(text: str) -> str:
    """The configuration with ten checks a second, each of which a machine that stalls may answer in its own time."""
    for old, new in (("inter 1s", "inter 100ms"), ("timeout check 10s", "timeout check 60s")):
        assert text.count(old) == 1
        text = text.replace(old, new)
    return text


@pytest.fixture
def balanced(tmp_path: Path) -> Iterator[Balanced]:
    """Both servers, each checked at least once."""
    with contextlib.ExitStack() as stack:
        servers = WebServer("web1"), WebServer("web2")
        for server in servers:
            stack.enter_context(server)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            stack.callback(server.shutdown)
        log, quicker = tmp_path / "haproxy.log", tmp_path / "haproxy.cfg"
        log.touch()
        quicker.write_text(with_quicker_checks(CONFIGURATION.read_text()))
        addresses = [server.address for server in servers]
        url = stack.enter_context(run_haproxy(addresses, log=log, configuration=quicker))
        wait_until(lambda: all(server.checks for server in servers), LIMIT)
        yield Balanced(url, servers, log)


def test_server_that_is_lost_is_noticed_by_the_second_check(balanced: Balanced):
    first, _ = balanced.servers
    first.failures = 1
    wait_until(lambda: not first.failures, LIMIT)
    checked = first.checks
    wait_until(lambda: first.checks > checked + 1, LIMIT)
    assert balanced.ask("web1") == "web1"
    first.failures = 2
    wait_until(lambda: balanced.is_down("web1"), LIMIT)


def test_person_of_a_lost_server_is_served_by_the_other(balanced: Balanced):
    first, _ = balanced.servers
    assert [balanced.ask(name) for name in ("web1", "web2")] == ["web1", "web2"]
    first.failures = math.inf
    wait_until(lambda: balanced.is_down("web1"), LIMIT)
    assert [balanced.ask(name) for name in ("web1", "web2")] == ["web2", "web2"]
    first.failures = 0
    wait_until(lambda: "Server servers/web1 is UP" in balanced.log.read_text(), LIMIT)
    assert [balanced.ask(name) for name in ("web1", "web2")] == ["web1", "web2"]


def test_server_that_answers_a_check_late_keeps_its_people(balanced: Balanced):
    """For three checks of the other: a server that was lost would have been noticed by then."""
    first, second = balanced.servers
    first.is_free.clear()
    checked = first.checks, second.checks
    wait_until(lambda: first.checks > checked[0] and second.checks > checked[1] + 3, LIMIT)
    assert balanced.ask("web1") == "web1"
    assert first.checks == checked[0] + 1
    first.is_free.set()
    wait_until(lambda: first.checks > checked[0] + 1, LIMIT)
    assert balanced.ask("web1") == "web1"
