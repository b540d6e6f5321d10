"""URLs of the routes, below the path at which the app is served."""

import hashlib
import hmac
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from core.text.numbers import format_exact
from ui.auth import current_user, is_sign_in_required
from ui.streamlit_internals import get_cookie_secret

if TYPE_CHECKING:
    from core.jobs.comparison.compare_result import Tolerance


def base_path() -> str:
    """Return the path at which the app is served, such as "/roundtrip"; empty for the root."""
    path = os.environ.get("STREAMLIT_SERVER_BASE_URL_PATH", "").strip("/")
    return f"/{path}" if path else ""


def download_url(ids: list[str]) -> str:
    """Return the URL of a download."""
    return _build_url(f"download/{','.join(ids)}")


def kit_url(artifact: str, *, with_answers: bool = False) -> str:
    """Return the URL of an artifact's proof kit; `with_answers` of that with what environments answered."""
    return _build_url(f"kit/{artifact}.zip", {"elsewhere": "1"} if with_answers else {})


def serving_url(artifact: str, name: str, version: int) -> str:
    """Return the URL of a SavedModel in the layout of TensorFlow Serving, under a name that it takes."""
    return _build_url(f"serving/{artifact}/{quote(name, safe='')}/{version}.zip")


def inputs_url(id_: str) -> str:
    """Return the URL of an input set as an .npz."""
    return _build_url(f"inputs/{id_}.npz")


def report_url(job_id: str, kind: str, tolerances: Mapping[str, "Tolerance"]) -> str:
    """Return the URL of a comparison's report, with these tolerances by output."""
    texts = [f"{output}={format_exact(limit.atol)},{format_exact(limit.rtol)}" for output, limit in tolerances.items()]
    return _build_url(f"report/{job_id}.{kind}", {"tolerance": texts} if texts else {})


def tensor_url(artifact: str, key: str, scaled: bool = False) -> str:
    """Return the URL of one tensor as an NPY file; with `scaled`, of the numbers that a quantised one stands for."""
    return _build_url(f"tensor/{artifact}.npy", {"key": key} | ({"scaled": "1"} if scaled else {}))


def graph_viewer_url(artifact: str, token: str, is_painted: bool = False) -> str:
    """Return the URL of the page that draws an artifact, with the token of `ui.routes.urls.graph_token`.

    With `is_painted`, the page that embeds it may paint the boxes.
    """
    return _build_url(f"graph/{artifact}/{token}/", {"painted": "1"} if is_painted else {})


def upload_url(id_: str = "") -> str:
    """Return the URL of an upload; without an id, that at which uploads begin."""
    return _build_url(f"uploads/{id_}" if id_ else "uploads")


def browser_url(version: str, name: str) -> str:
    """Return the URL of a file of our worker or of a runtime for the browser."""
    return _build_url(f"browser/{version}/{name}")


def browser_rows_url(run: str) -> str:
    """Return the URL of a run's first test examples, for a browser to answer."""
    return _build_url(f"browser-rows/{run}.json")


def _build_url(path: str, query: Mapping[str, str | list[str]] | None = None) -> str:
    return f"{base_path()}/{path}" + (f"?{urlencode(query, doseq=True)}" if query else "")


def graph_token(artifact_id: str) -> str:
    """Return the secret part of an artifact's addresses, which differs by installation, user and sign-in.

    It names the user because the frame has no cookie.
    """
    user = current_user() if is_sign_in_required() else None
    return sign_token(artifact_id, f"{user.viewer.id}.{int(user.expires)}" if user else "")


def sign_token(artifact_id: str, user_part: str) -> str:
    """Sign by the secret that all servers behind one address share: the frame comes to any of them."""
    text = f"graph {artifact_id}.{user_part}"
    mac = hmac.new(get_cookie_secret().encode(), text.encode(), hashlib.sha256).hexdigest()[:32]
    return f"{mac}.{user_part}" if user_part else mac
