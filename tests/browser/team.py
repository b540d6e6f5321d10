"""A team as it is deployed: two web servers with homes of their own behind HAProxy, a worker, PostgreSQL, a store."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tests.browser.server import PROJECT, Server, serve
from tests.factories.warm_start import SOCKET_VARIABLE, WarmProcess
from tests.haproxy import run_haproxy

NAMES = ("web1", "web2")  # of the servers, as HAProxy's cookie has them


class ServedTeam(NamedTuple):
    """Where people knock, and the servers by their names."""

    url: str
    servers: dict[str, Server]
    worker: subprocess.Popen[bytes]


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
def serve_team(folder: Path, warm: WarmProcess | None) -> Iterator[ServedTeam]:
    """The team that the environment names, whose machines have their homes below a folder."""
    contexts = [*(serve(folder / name, warm=warm) for name in NAMES), run_worker(folder / "worker", warm)]
    with contextlib.ExitStack() as stack, ThreadPoolExecutor(len(contexts)) as pool:
        first, second, worker = pool.map(stack.enter_context, contexts)
        url = stack.enter_context(run_haproxy([server.url.removeprefix("http://") for server in (first, second)]))
        yield ServedTeam(url, dict(zip(NAMES, (first, second), strict=True)), worker)
