"""Route of what answers in a visitor's browser: our worker, and the runtimes, by names that are written down.

An address holds a hash of all of it, so a browser may keep each file for good. The policy in the responses is the
worker's: it may start WebAssembly, and ask this server only.
"""

import hashlib
from functools import cache
from pathlib import Path

import anyio
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from core.browser_runtimes import LOCK, EncodedArray, encode_array, find_file, first_rows
from core.errors import Damaged, RoundtripError, UnknownName
from ui.routes.endpoints import error_response
from ui.routes.urls import browser_url
from ui.session import load_reference

WORKER_FOLDER = Path(__file__).resolve().parents[1] / "in_browser" / "worker"
WORKER_PREFIX = "roundtrip/"  # of the names of our own files
MEDIA_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm"}
POLICY = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'"
HEADERS = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
# A browser finds no package by its name alone; a release without this text is not served.
BARE_IMPORT = ("@litertjs/core/dist/index.js", b'from "@litertjs/wasm-utils"', b'from "../../wasm-utils/dist/index.js"')


def worker_url() -> str:
    """Return the address of our worker."""
    return browser_url(served_version(), f"{WORKER_PREFIX}worker.js")


@cache
def served_version() -> str:
    """Return a hash of the lock and of our own files, as it stands in addresses."""
    digest = hashlib.sha256(LOCK.fingerprint.encode())
    for path in sorted(WORKER_FOLDER.iterdir()):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


async def get_browser_file(request: Request) -> Response:
    """Send a file of the worker or of a runtime, whose bytes were checked."""
    version, name = request.path_params["version"], request.path_params["path"]
    try:
        content = await anyio.to_thread.run_sync(read_served_file, version, name)
    except RoundtripError as error:
        status = 404 if isinstance(error, UnknownName) else 503
        return PlainTextResponse(str(error), status, headers={"Cache-Control": "no-store"})
    return Response(content, headers=HEADERS, media_type=MEDIA_TYPES[Path(name).suffix])


def read_served_file(version: str, name: str) -> bytes:
    """Return the bytes of a file. Raises UnknownName, PackageMissing and Damaged."""
    if version != served_version():
        raise UnknownName("This is of another version. Reload the page.")
    if name.startswith(WORKER_PREFIX):
        return _read_own_file(name.removeprefix(WORKER_PREFIX))
    content = find_file(name).read_bytes()
    patched, old, new = BARE_IMPORT
    if name != patched:
        return content
    if old not in content:
        raise Damaged("This release of LiteRT.js is not known here.", received=name, cure="Fetch the pinned one.")
    return content.replace(old, new)


def _read_own_file(name: str) -> bytes:
    path = next((path for path in WORKER_FOLDER.iterdir() if path.name == name), None)
    if path is None:
        raise UnknownName("The worker has no such file.", received=name)
    return path.read_bytes()


async def get_browser_rows(request: Request) -> Response:
    """Send the first test examples of a run as JSON, for a browser to answer."""
    try:
        encoded = await anyio.to_thread.run_sync(encode_rows, request.path_params["run"])
    except RoundtripError as error:
        return error_response(error)
    return JSONResponse(encoded, headers={"Cache-Control": "private, no-store"})


def encode_rows(run_id: str) -> list[EncodedArray]:
    """Return the first rows of a run's reference. Raises UnknownName, Damaged, and InputError for text."""
    return [encode_array(name, array) for name, array in first_rows(load_reference(run_id)).items()]
