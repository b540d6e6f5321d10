"""The graph viewer netron, served from here, patched and sandboxed: it asks for nothing outside of this machine.

Its package brings a page that would send usage figures, ask where the visitor is, ask for consent, and refuse to work
half a year after its release. All of that is cut out of what is served. Beside that, the response's policy lets the
page speak to this server alone, and gives it an origin of its own: what an untrusted file might make it do reaches
neither our pages nor their cookies. Such a page has no cookie either, so its addresses hold a secret of this process.
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
from core.exports.archive import archive_file
from core.library.permissions import Viewer
from ui.auth import SignedInUser, acting_as, current_user, is_sign_in_required
from ui.routes.ranges import send_archive
from ui.session import current_jobs

TOKEN_SECRET = secrets.token_bytes(32)
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "connect-src 'self'; worker-src blob:; base-uri 'none'; form-action 'none'; frame-src 'none'; "
    "frame-ancestors 'self'; sandbox allow-scripts allow-downloads"
)
VIEWER_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "cross-origin",  # its own origin is nobody's, so not ours
    "Access-Control-Allow-Origin": "null",
    "Cache-Control": "no-store",
}
MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css", ".json": "application/json", ".png": "image/png"}
ASSET_NAME = re.compile(r"[a-z0-9_-]+\.(js|css|json|png|ico)")

# What is cut out of the viewer, file by file; a release in which one of these is not found is not served.
SCRIPT_PATCHES: dict[str, tuple[tuple[str, str], ...]] = {
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
PAGE_PATCHES = (
    (r'<meta http-equiv="Content-Security-Policy"[^>]*>', ""),
    (r'<meta name="date"[^>]*>', ""),
    (r'href="https?://[^"]*"( target="[^"]*")?', ""),
)


# The file of an artifact that the viewer is given is the first that fits; it fetches others beside it by itself.
DRAWABLE_ENDINGS = ("saved_model.pb", ".keras", "config.json", ".weights.h5", ".h5", ".tflite", ".onnx", ".xml")
FALLBACK_ENDINGS = (".safetensors", ".pb", "architecture.json", ".index")
NOT_DRAWABLE_REASONS = {
    "pickle": "The viewer would have to follow the instructions of a pickle. See Operators for what they would import.",
    "weights_sharded": "An index of shards has no graph: see Weights for what is in them.",
}


def choose_graph_file(format_key: str, paths: list[str]) -> str | None:
    """Which file of an artifact the viewer is given; None where it can do nothing with any of them."""
    if format_key in NOT_DRAWABLE_REASONS:
        return None
    endings = (*DRAWABLE_ENDINGS, *FALLBACK_ENDINGS)
    return next((path for ending in endings for path in sorted(paths) if path.endswith(ending)), None)


def graph_token(artifact_id: str) -> str:
    """The secret part of an artifact's addresses: another one in each process, and for each user and sign-in.

    It names the user because the frame has no cookie.
    """
    user = current_user() if is_sign_in_required() else None
    return _sign_token(artifact_id, f"{user.viewer.id}.{int(user.expires)}" if user else "")


def _sign_token(artifact_id: str, user_part: str) -> str:
    mac = hmac.new(TOKEN_SECRET, f"{artifact_id}.{user_part}".encode(), hashlib.sha256).hexdigest()[:32]
    return f"{mac}.{user_part}" if user_part else mac


def _user_from_token(artifact_id: str, token: str) -> SignedInUser | None:
    """The user that a token names, if any. Raises UnknownName for a token that is not ours."""
    _, _, user_part = token.partition(".")
    if not hmac.compare_digest(token.encode(), _sign_token(artifact_id, user_part).encode()):
        raise UnknownName("There is nothing at this address.")
    id_, _, expires = user_part.partition(".")
    return SignedInUser(Viewer(id_), float(expires)) if user_part else None


@cache
def _netron_folder() -> Path | None:
    spec = find_spec("netron")
    return Path(spec.origin).parent if spec and spec.origin else None


@cache
def read_viewer_asset(name: str) -> bytes:
    """A file of the viewer as it is served. Raises UnknownName for one that it has not, and for an unknown release."""
    folder = _netron_folder()
    path = folder / name if folder and ASSET_NAME.fullmatch(name) else None
    if path is None or not path.is_file():
        raise UnknownName("The viewer has no such file.", received=name, cure="Install what requirements.txt names.")
    content = path.read_text(encoding="utf-8") if path.suffix == ".js" else ""
    for before, after in SCRIPT_PATCHES.get(name, ()):
        if before not in content:
            raise UnknownName("This release of the viewer is not known here.", cure="Install the pinned netron.")
        content = content.replace(before, after.format(worker=_worker_script()) if "{worker}" in after else after)
    return content.encode() or path.read_bytes()


def _worker_script() -> str:
    """The program that lays a graph out, as a string literal in JavaScript."""
    return json.dumps((read_viewer_asset("dagre.js") + read_viewer_asset("worker.js")).decode())


def render_viewer_page(file_path: str) -> bytes:
    """The viewer's page, told which file of the artifact to draw. Raises UnknownName where netron is not installed."""
    folder = _netron_folder()
    if folder is None:
        cure = "pip install netron, as requirements.txt names it."
        raise UnknownName("The graph viewer is not installed.", cure=cure)
    text = (folder / "index.html").read_text(encoding="utf-8")
    for pattern, after in PAGE_PATCHES:
        text = re.sub(pattern, after, text)
    path = escape(file_path)
    facts = {"type": "Roundtrip", "version": "0.0.0", "file": f"/files/{path}", "identifier": path}
    tags = "".join(f'<meta name="{name}" content="{content}">' for name, content in facts.items())
    return re.sub(r'<meta name="version"[^>]*>', lambda _: tags, text).encode()


async def get_graph_viewer(request: Request) -> Response:
    """The page, a file of the viewer, or a file of the artifact: the very bytes that were verified."""
    artifact_id, token, path = (request.path_params[key] for key in ("artifact", "token", "path"))
    try:
        with acting_as(_user_from_token(artifact_id, token)):
            response = await anyio.to_thread.run_sync(_viewer_response, request, artifact_id, path)
    except RoundtripError as error:
        response = PlainTextResponse(str(error), status_code=404)
    response.headers.update(VIEWER_HEADERS)
    return response


def _viewer_response(request: Request, artifact_id: str, path: str) -> Response:
    if path and not path.startswith("files/"):
        return Response(read_viewer_asset(path), media_type=MEDIA_TYPES.get(Path(path).suffix, "image/x-icon"))
    library = current_jobs().library
    if path:
        file = library.verified_file(artifact_id, path.removeprefix("files/"))
        return send_archive(request, archive_file(library, file))
    artifact = library.artifact(artifact_id)
    graph_file = choose_graph_file(artifact.format, [file.path for file in artifact.files])
    if graph_file is None:
        raise UnknownName("The viewer draws no file of this artifact.")
    return Response(render_viewer_page(graph_file), media_type="text/html")
