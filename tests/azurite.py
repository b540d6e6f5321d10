"""Azurite, which speaks the protocol of Azure's blobs, in a process of the tests, and containers on it."""

import base64
import contextlib
import hashlib
import hmac
import http.client
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from itertools import count
from pathlib import Path

import pytest

from core.settings import PROJECT
from tests.browser.server import free_port
from tests.helpers import wait_until

FOLDER = PROJECT / ".venv" / "azurite"
PACKAGE = "azurite@3.37.0"
INSTALL_SECONDS = 300
ACCOUNT, KEY = "roundtrip", b"for tests"
HEADERS = 11  # that are signed, and are not sent here
_numbers = count(1)


def find_azurite() -> list[str]:
    """The command that starts it; empty where it is not installed."""
    script, node = FOLDER / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js", shutil.which("node")
    return [node, str(script)] if node and script.exists() else []


def install_azurite() -> None:
    """Install it, as far as npm can, which says itself why not."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    options = ["--no-save", "--no-audit", "--no-fund", "--loglevel=error", "--prefix", str(FOLDER)]
    command = ["npm", "install", *options, PACKAGE]
    try:
        subprocess.run(command, check=False, timeout=INSTALL_SECONDS, stdout=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        print(f"npm did not end within {INSTALL_SECONDS} seconds.", file=sys.stderr)


@contextlib.contextmanager
def run_azurite(folder: Path) -> Iterator[str]:
    """The address (host:port) of a server, which keeps what it is given in memory, until the block ends."""
    port = free_port()
    words = ["--blobHost", "127.0.0.1", "--blobPort", str(port), "--inMemoryPersistence", "--disableTelemetry"]
    accounts = {"AZURITE_ACCOUNTS": f"{ACCOUNT}:{base64.b64encode(KEY).decode()}"}
    environment = {**os.environ, **accounts}
    command = [*find_azurite(), *words]
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(command, env=environment, stdout=log, cwd=folder) as server,
    ):
        try:
            wait_until(lambda: "successfully listens" in (folder / "log").read_text())
            yield f"127.0.0.1:{port}"
        finally:
            server.terminate()


def create_container(address: str, name: str) -> None:
    """Make a container, which nothing that Roundtrip uses can."""
    path = f"/{ACCOUNT}/{name}"
    headers = {"x-ms-date": format_datetime(datetime.now(UTC), usegmt=True), "x-ms-version": "2021-08-06"}
    lines = ["PUT", *[""] * HEADERS, *(f"{key}:{value}" for key, value in headers.items())]
    text = "\n".join([*lines, f"/{ACCOUNT}{path}", "restype:container"])
    signature = base64.b64encode(hmac.digest(KEY, text.encode(), hashlib.sha256)).decode()
    connection = http.client.HTTPConnection(address)
    connection.request(
        "PUT", f"{path}?restype=container", headers=headers | {"Authorization": f"SharedKey {ACCOUNT}:{signature}"}
    )
    answer = connection.getresponse()
    assert answer.status == 201, answer.read()
    connection.close()


@pytest.fixture(scope="session")
def azurite_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the server."""
    if not find_azurite():
        pytest.skip("needs Azurite and Node.js: python -m tests.azurite")
    with run_azurite(tmp_path_factory.mktemp("azurite")) as address:
        yield address


@pytest.fixture
def azure_variables(azurite_address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables by which clients find the server, and who they are."""
    variables = {
        "AZURE_STORAGE_USE_EMULATOR": "true",
        "AZURITE_BLOB_STORAGE_URL": f"http://{azurite_address}",
        "AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT,
        "AZURE_STORAGE_ACCOUNT_KEY": base64.b64encode(KEY).decode(),
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def make_container(azurite_address: str, azure_variables: None) -> Callable[[], str]:
    """A function that makes a container and gives the address of an empty store in it."""

    def make() -> str:
        name = f"models-{next(_numbers)}"
        create_container(azurite_address, name)
        return f"az://{name}/roundtrip"

    return make


if __name__ == "__main__":
    if not find_azurite() and shutil.which("npm"):
        install_azurite()
    print(" ".join(find_azurite()) or "There is no Azurite for the tests: those of Azure's protocol are skipped.")
