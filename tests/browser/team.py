"""A team as it is deployed: two web servers with homes of their own behind HAProxy, a worker, PostgreSQL, a store."""

import contextlib
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from playwright.sync_api import Page

from tests.browser.page_helpers import TIMEOUT_MS
from tests.browser.server import PROJECT, Server, serve
from tests.factories.warm_start import SOCKET_VARIABLE, WarmProcess
from tests.haproxy import run_haproxy
from tests.helpers import wait_until

NAMES = ("web1", "web2")  # of the servers, as HAProxy's cookie has them
SERVER_COOKIE = "ROUNDTRIP_SERVER"


class ServedTeam(NamedTuple):
    """Where people knock, and the servers by their names."""

    url: str
    servers: dict[str, Server]
    worker: subprocess.Popen[bytes] | None


def team_variables(folder: Path, database_url: str) -> dict[str, str]:
    """What is the same on all machines; the store is a folder."""
    (folder / "objects").mkdir()
    return {
        "ROUNDTRIP_DATABASE_URL": database_url,
        "ROUNDTRIP_STORE_URL": f"file://{folder}/objects",
        "STREAMLIT_SERVER_COOKIE_SECRET": "of these tests",  # `roundtrip serve` sets it, see tests/queue
    }


@contextlib.contextmanager
def run_worker(home: Path, warm: WarmProcess | None) -> Iterator[subprocess.Popen[bytes]]:
    """A worker of the team that the environment names."""
    home.mkdir()
    module = "tests.browser.warm_worker" if warm else "core"
    variables = {"ROUNDTRIP_HOME": str(home), **({SOCKET_VARIABLE: warm.path()} if warm else {})}
    with (
        (home / "worker.log").open("w") as log,
        subprocess.Popen(
            [sys.executable, "-m", module, "worker", "--name", "the-worker"],
            cwd=PROJECT,
            env=os.environ | variables,
            stdout=log,
            stderr=log,
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()  # its processes end with it


@contextlib.contextmanager
def serve_team(
    folder: Path, warm: WarmProcess | None, address: str = "", options: tuple[str, ...] = (), has_worker: bool = True
) -> Iterator[ServedTeam]:
    """The team that the environment names, whose machines have their homes below a folder.

    People knock at `address` (host:port), where one is given, and `options` are Streamlit's, of both servers.
    """
    contexts: list[Any] = [serve(folder / name, options=options, warm=warm) for name in NAMES]
    contexts += [run_worker(folder / "worker", warm)] if has_worker else []
    with contextlib.ExitStack() as stack, ThreadPoolExecutor(len(contexts)) as pool:
        first, second, *workers = pool.map(stack.enter_context, contexts)
        servers = [server.url.removeprefix("http://") for server in (first, second)]
        url = stack.enter_context(run_haproxy(servers, address))
        wait_until(lambda: is_answering(url), TIMEOUT_MS / 1000)
        yield ServedTeam(url, dict(zip(NAMES, (first, second), strict=True)), workers[0] if workers else None)


def is_answering(url: str) -> bool:
    try:
        return urllib.request.urlopen(f"{url}/health", timeout=5).status == 200
    except OSError:
        return False


def find_server(page: Page) -> str:
    """The name of the server at which a page is."""
    return next(cookie["value"] for cookie in page.context.cookies() if cookie["name"] == SERVER_COOKIE)


def go_to_server(page: Page, team: ServedTeam, name: str) -> None:
    """Have what the page asks for from now go to that server; its websocket stays where it is."""
    page.context.add_cookies([{"name": SERVER_COOKIE, "value": name, "url": team.url}])
