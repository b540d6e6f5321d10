"""The metrics of a process that is no web server, served by itself over HTTP."""

import contextlib
import logging
from collections.abc import Iterator

from prometheus_client.exposition import start_http_server

from core.errors import InputError
from core.telemetry.metrics import Metrics

LOCAL = "127.0.0.1"  # only this machine reaches it
MAX_PORT = 65_535
log = logging.getLogger("roundtrip")


@contextlib.contextmanager
def serve_metrics(where: str) -> Iterator[str]:
    """Count every measurement from now on, and serve the sums until the end; gives their address for a browser.

    Args:
        where: PORT, which only this machine reaches, or ADDRESS:PORT; port 0 stands for any free one.

    Raises InputError where it cannot listen there.
    """
    address, port = _parse_address(where)
    try:
        server, thread = start_http_server(port, address, registry=Metrics().registry)
    except OSError as error:
        cure = "Give a free port, and an address of this machine."
        raise InputError(f"Metrics cannot be served there: {error.strerror}.", received=where, cure=cure) from error
    url = f"http://{f'[{address}]' if ':' in address else address}:{server.server_port}/metrics"
    log.info("Metrics are served at %s", url)
    try:
        yield url
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _parse_address(where: str) -> tuple[str, int]:
    address, _, port = where.rpartition(":")
    if not (port.isascii() and port.isdigit() and int(port) <= MAX_PORT):
        cure = "Give PORT or ADDRESS:PORT, such as 9100 or 0.0.0.0:9100."
        raise InputError("This is no port to serve metrics at.", received=where, cure=cure)
    return address.removeprefix("[").removesuffix("]") or LOCAL, int(port)
