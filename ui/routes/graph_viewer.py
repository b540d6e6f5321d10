"""Graph viewer netron, served by this server, patched and sandboxed: it requests nothing outside of this machine.

Its package has a page that would send usage figures, look up the visitor's location, ask for consent, and refuse to
work half a year after its release. All of that is removed from what is served. The response's security policy also
restricts the page to this server, and gives it an origin of its own: whatever an untrusted file makes it do reaches
neither our pages nor their cookies. The page has no cookie of ours either, so its addresses hold a secret token.
"""

import hmac
import json
import re
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
from ui.auth import SignedInUser, acting_as
from ui.routes.archive_response import send_archive
from ui.routes.urls import sign_token
from ui.session import current_jobs

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "connect-src 'self'; worker-src blob:; base-uri 'none'; form-action 'none'; frame-src 'none'; "
    "frame-ancestors 'self'; sandbox allow-scripts allow-downloads"
)
VIEWER_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "cross-origin",  # its origin is opaque, so it is not ours
    "Access-Control-Allow-Origin": "null",
    "Cache-Control": "no-store",
}
MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css", ".json": "application/json", ".png": "image/png"}
ASSET_NAME = re.compile(r"[a-z0-9_-]+\.(js|css|json|png|ico)")
# What paints the boxes of a graph, where it is asked for, beside the viewer's own files.
OWN_ASSETS = ("painting.css", "painting.js")
PAINTING_TAGS = '<link rel="stylesheet" href="painting.css"><script type="module" src="painting.js"></script>'

# Replacements in the viewer's files; a release in which one of these texts is not found is not served.
SCRIPT_PATCHES: dict[str, tuple[tuple[str, str], ...]] = {
    "browser.js": (
        ("await age();", ""),
        ("await consent();", ""),
        ("await telemetry();", ""),
        ("await capabilities();", ""),
        ("window.location = url;", ""),
        ("'https://ipinfo.io/json'", "''"),
        # A page with an opaque origin may not start a worker from an address, but may from a blob.
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


# The viewer is given the first file of an artifact with one of these endings; it fetches others beside it by itself.
DRAWABLE_ENDINGS = ("saved_model.pb", ".keras", "config.json", ".weights.h5", ".h5", ".tflite", ".onnx", ".xml")
FALLBACK_ENDINGS = (".safetensors", ".pb", "architecture.json", ".index")
# Files that the viewer looks for beside the config of a Keras model, whether they are there or not.
LOOKED_FOR_FILES = ("metadata.json", "model.weights.h5", "model.weights.npz")
NOT_DRAWABLE_REASONS = {
    "pickle": "The viewer would have to follow the instructions of a pickle. See Operators for what they would import.",
    "weights_sharded": "An index of shards has no graph: see Weights for what is in them.",
}


def choose_graph_file(format_key: str, paths: list[str]) -> str | None:
    """Return the file of an artifact that the viewer is given; None where it can draw none of them."""
    if format_key in NOT_DRAWABLE_REASONS:
        return None
    endings = (*DRAWABLE_ENDINGS, *FALLBACK_ENDINGS)
    return next((path for ending in endings for path in sorted(paths) if path.endswith(ending)), None)


def _user_from_token(artifact_id: str, token: str) -> SignedInUser | None:
    """Return the user that a token names, if any. Raises UnknownName for a token that none of our servers signed."""
    _, _, user_part = token.partition(".")
    if not hmac.compare_digest(token.encode(), sign_token(artifact_id, user_part).encode()):
        raise UnknownName("There is nothing at this address.")
    id_, _, expires = user_part.partition(".")
    return SignedInUser(Viewer(id_), float(expires)) if user_part else None


@cache
def _netron_folder() -> Path | None:
    spec = find_spec("netron")
    return Path(spec.origin).parent if spec and spec.origin else None


@cache
def read_viewer_asset(name: str) -> bytes:
    """Return a file of the viewer, patched. Raises UnknownName for a missing file, and for an unknown release."""
    folder = Path(__file__).parent if name in OWN_ASSETS else _netron_folder()
    path = folder / name if folder and ASSET_NAME.fullmatch(name) else None
    if path is None or not path.is_file():
        raise UnknownName("The viewer has no such file.", received=name, cure="Install what requirements.txt names.")
    content = path.read_text(encoding="utf-8") if path.suffix == ".js" else ""
    for old, new in SCRIPT_PATCHES.get(name, ()):
        if old not in content:
            raise UnknownName("This release of the viewer is not known here.", cure="Install the pinned netron.")
        content = content.replace(old, new.format(worker=_worker_script()) if "{worker}" in new else new)
    return content.encode() or path.read_bytes()


def _worker_script() -> str:
    """Return the worker that computes the layout of a graph, as a string literal in JavaScript."""
    return json.dumps((read_viewer_asset("dagre.js") + read_viewer_asset("worker.js")).decode())


def render_viewer_page(file_path: str, is_painted: bool = False) -> bytes:
    """Return the viewer's page for a file of the artifact. Raises UnknownName where netron is not installed.

    With `is_painted`, the page that embeds it may paint the boxes.
    """
    folder = _netron_folder()
    if folder is None:
        cure = "pip install netron, as requirements.txt names it."
        raise UnknownName("The graph viewer is not installed.", cure=cure)
    text = (folder / "index.html").read_text(encoding="utf-8")
    for pattern, replacement in PAGE_PATCHES:
        text = re.sub(pattern, replacement, text)
    if is_painted:
        text = text.replace("</head>", f"{PAINTING_TAGS}</head>", 1)
    path = escape(file_path)
    facts = {"type": "Roundtrip", "version": "0.0.0", "file": f"/files/{path}", "identifier": path}
    tags = "".join(f'<meta name="{name}" content="{content}">' for name, content in facts.items())
    return re.sub(r'<meta name="version"[^>]*>', lambda _: tags, text).encode()


async def get_graph_viewer(request: Request) -> Response:
    """Send the viewer's page, a file of the viewer, or a verified file of the artifact."""
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
        if Path(path).name in LOOKED_FOR_FILES:  # beside a config in a folder it looks past the files
            return Response(status_code=204)
        return Response(read_viewer_asset(path), media_type=MEDIA_TYPES.get(Path(path).suffix, "image/x-icon"))
    library = current_jobs().library
    artifact = library.artifact(artifact_id)
    if path:
        name = path.removeprefix("files/")
        if Path(name).name in LOOKED_FOR_FILES and name not in {file.path for file in artifact.files}:
            return Response(status_code=204)  # which the viewer takes for absent, and a browser for no error
        file = library.verified_file(artifact_id, name)
        return send_archive(request, archive_file(library, file, file.path.name))
    graph_file = choose_graph_file(artifact.format, [file.path for file in artifact.files])
    if graph_file is None:
        raise UnknownName("The viewer draws no file of this artifact.")
    is_painted = "painted" in request.query_params
    return Response(render_viewer_page(graph_file, is_painted), media_type="text/html")
