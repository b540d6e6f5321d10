"""HAProxy before web servers, with the configuration that the documentation gives."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.browser.server import free_port
from tests.debian import install_package

CONFIGURATION = Path(__file__).resolve().parent.parent / "docs" / "deployment" / "haproxy.cfg"


def find_haproxy() -> str | None:
    """The path of the program, or None."""
    return shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")


def variables(address: str, servers: list[str]) -> dict[str, str]:
    """The environment by which the configuration knows where to listen, and the servers."""
    return {**os.environ, "ROUNDTRIP_ADDRESS": address, "WEB_1": servers[0], "WEB_2": servers[1]}


@contextlib.contextmanager
def run_haproxy(
    servers: list[str], address: str = "", log: Path = Path("/dev/stderr"), configuration: Path = CONFIGURATION
) -> Iterator[str]:
    """The URL behind which both servers (host:port) stand, until the block ends.

    `address` (host:port) is where it listens, else where nothing does, and `log` where its warnings go.
    """
    address = address or f"127.0.0.1:{free_port()}"
    program = find_haproxy()
    assert program
    command, known = [program, "-db", "-f", configuration], variables(address, servers)
    with log.open("a") as out, subprocess.Popen(command, env=known, stderr=out) as process:
        try:
            yield f"http://{address}"
        finally:
            process.terminate()


if __name__ == "__main__":
    if not find_haproxy():
        install_package("haproxy")
    print(find_haproxy() or "There is no HAProxy for the tests: those of several web servers are skipped.")
