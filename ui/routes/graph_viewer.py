"""The graph viewer netron, served from here: nothing of it asks for anything outside of this machine.

Its package brings a page that would send usage figures, ask where the visitor is, ask for consent, and refuse to work
half a year after its release. All of that is cut out of what is served. Beside that, the answer's policy lets the page
speak to this server alone, and gives it an origin of its own: what a stranger's file might make it do reaches neither
our pages nor their cookies. Such a page has no cookie either, so its addresses hold a secret of this process.
"""

import hashlib
import hmac
import json
import re
import secrets
from functools import cache
from html import escape
from importlib.util import find_spec
from pathlib import Path

import anyio
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from core.errors import RoundtripError, UnknownName
from core.exports.archive import only
from core.library.permissions import Viewer
from ui.auth import Person, asked_by, people_sign_in, person
from ui.routes.ranges import send

SECRET = secrets.token_bytes(32)
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "worker-src blob:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-src 'none'",
        "frame-ancestors 'self'",
        "sandbox allow-scripts allow-downloads",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "cross-origin",  # its own origin is no one's, so not ours
    "Access-Control-Allow-Origin": "null",
    "Cache-Control": "no-store",
}
TYPES = {".js": "text/javascript", ".css": "text/css", ".json": "application/json", ".png": "image/png"}
ASSET = re.compile(r"[a-z0-9_-]+\.(js|css|json|png|ico)")

# What is cut out of the viewer, file by file; a release in which one of these is not found is not served.
CUTS: dict[str, tuple[tuple[str, str], ...]] = {
    "browser.js": (
        ("await age();", ""),
        ("await consent();", ""),
        ("await telemetry();", ""),
        ("await capabilities();", ""),
        ("window.location = url;", ""),
        ("'https://ipinfo.io/json'", "''"),
        # A page without an origin may start no worker from an address; it may from the very text.
        ("`${id}.js`, { type: 'module' });", "URL.createObjectURL(new Blob([browser.layout])));"),
        ("const browser = {};", "const browser = {{ layout: {worker} }};"),
    ),
    "worker.js": (("const dagre = await import('./dagre.js');", ""), ("import('./dagre.js');", "")),
    "dagre.js": (("export const { layout, Graph } = dagre;", ""),),
    "base.js": (("https://analytics.google.com/g/collect", ""),),
}
PAGE_CUTS = (
    (r'<meta http-equiv="Content-Security-Policy"[^>]*>', ""),
    (r'<meta name="date"[^>]*>', ""),
    (r'href="https?://[^"]*"( target="[^"]*")?', ""),
)


# What of an artifact the viewer is given, by the first pattern that a file fits; it fetches others beside it by itself.
DRAWN = ("saved_model.pb", ".keras", "config.json", ".weights.h5", ".h5", ".tflite", ".onnx", ".xml", ".safetensors")
DRAWN_LAST = (".pb", "architecture.json", ".index")
NOT_DRAWN = {
    "pickle": "The viewer would have to follow the instructions of a pickle. See Operators for what they would import.",
    "weights_sharded": "An index of shards has no graph: see Weights for what is in them.",
}


def drawn_file(format_key: str, paths: list[str]) -> str | None:
    """Which file of an artifact the viewer is given; None where it can do nothing with any of them."""
    if format_key in NOT_DRAWN:
        return None
    for ending in (*DRAWN, *DRAWN_LAST):
        for path in sorted(paths):
            if path.endswith(ending):
                return path
    return None


def token(artifact_id: str) -> str:
    """The secret part of an artifact's addresses: another one in each process, and for each person and sign-in, whom it
    names because the frame has no cookie."""
    who = person() if people_sign_in() else None
    return _signed(artifact_id, f"{who.viewer.id}.{int(who.until)}" if who else "")


def _signed(artifact_id: str, named: str) -> str:
    mac = hmac.new(SECRET, f"{artifact_id}.{named}".encode(), hashlib.sha256).hexdigest()[:32]
    return f"{mac}.{named}" if named else mac


def _whose(artifact_id: str, given: str) -> Person | None:
    """Whom a token names, where it names anybody. Raises UnknownName for one that is not ours."""
    _, _, named = given.partition(".")
    if not hmac.compare_digest(given.encode(), _signed(artifact_id, named).encode()):
        raise UnknownName("There is nothing at this address.")
    id_, _, until = named.partition(".")
    return Person(Viewer(id_), float(until)) if named else None


@cache
def _home() -> Path | None:
    spec = find_spec("netron")
    return Path(spec.origin).parent if spec and spec.origin else None


@cache
def asset(name: str) -> bytes:
    """A file of the viewer as it is served. Raises UnknownName for one that it has not, and for an unknown release."""
    path = None if _home() is None or not ASSET.fullmatch(name) else _home() / name
    if path is None or not path.is_file():
        raise UnknownName("The viewer has no such file.", received=name, cure="Install what requirements.txt names.")
    content = path.read_text(encoding="utf-8") if path.suffix == ".js" else ""
    for before, after in CUTS.get(name, ()):
        if before not in content:
            raise UnknownName("This release of the viewer is not known here.", cure="Install the pinned netron.")
        content = content.replace(before, after.format(worker=_worker()) if "{worker}" in after else after)
    return content.encode() or path.read_bytes()


def _worker() -> str:
    """The program that lays a graph out, as a text in JavaScript."""
    return json.dumps((asset("dagre.js") + asset("worker.js")).decode())


def page(shown: str) -> bytes:
    """The viewer's page, told which file to draw; `shown` is its path in the artifact. Raises UnknownName."""
    if _home() is None:
        raise UnknownName(
            "The graph viewer is not installed.", cure="pip install netron, as requirements.txt names it."
        )
    text = (_home() / "index.html").read_text(encoding="utf-8")
    for pattern, after in PAGE_CUTS:
        text = re.sub(pattern, after, text)
    told = f'<meta name="type" content="Roundtrip"><meta name="version" content="0.0.0">{_file(shown)}'
    return re.sub(r'<meta name="version"[^>]*>', lambda _: told, text).encode()


def _file(shown: str) -> str:
    return f'<meta name="file" content="/files/{escape(shown)}"><meta name="identifier" content="{escape(shown)}">'


async def graph(request: Request) -> Response:
    """The page, a file of the viewer, or a file of the artifact: the very bytes that were held against their hash."""
    asked = request.path_params
    try:
        with asked_by(_whose(asked["artifact"], asked["token"])):
            answer = await anyio.to_thread.run_sync(_answer, request, asked["artifact"], asked["path"])
    except RoundtripError as error:
        answer = PlainTextResponse(str(error), status_code=404)
    answer.headers.update(HEADERS)
    return answer


def _answer(request: Request, artifact_id: str, path: str) -> Response:
    from ui.session import current_jobs

    if path.startswith("files/"):
        library = current_jobs().library
        return send(request, only(library, library.file(artifact_id, path.removeprefix("files/"))))
    if path:
        kind = TYPES.get(Path(path).suffix, "image/x-icon")
        return Response(asset(path), media_type=kind)
    artifact = current_jobs().library.artifact(artifact_id)
    shown = drawn_file(artifact.format, [one.path for one in artifact.files])
    if shown is None:
        raise UnknownName("The viewer draws no file of this artifact.")
    return Response(page(shown), media_type="text/html")
