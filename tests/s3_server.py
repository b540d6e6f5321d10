"""A server that speaks S3, in a thread of the tests, and buckets on it."""

import logging
import urllib.request
from collections.abc import Callable, Iterator
from itertools import count

import pytest


@pytest.fixture(scope="session")
def s3_address() -> Iterator[str]:
    """The address of the server."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3_variables(s3_address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables by which clients find the server, as a user sets them."""
    variables = {
        "AWS_ENDPOINT_URL": s3_address,
        "AWS_ACCESS_KEY_ID": "roundtrip",
        "AWS_SECRET_ACCESS_KEY": "for-tests",
        "AWS_REGION": "us-east-1",
        "AWS_ALLOW_HTTP": "true",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


_numbers = count(1)


@pytest.fixture
def make_bucket(s3_address: str, s3_variables: None) -> Callable[[], str]:
    """A function that makes a bucket and gives the address of an empty store in it."""

    def make() -> str:
        name = f"models-{next(_numbers)}"
        urllib.request.urlopen(urllib.request.Request(f"{s3_address}/{name}", method="PUT")).read()
        return f"s3://{name}/roundtrip"

    return make
