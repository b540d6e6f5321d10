"""Where our routes answer, below the path at which the app is served."""

import os
from collections.abc import Mapping
from urllib.parse import quote, urlencode

from core.jobs.tolerances import Tolerance
from core.text.metrics import format_exact


def base_path() -> str:
    """The path at which the app is served, without slashes around it; empty for the root."""
    return os.environ.get("STREAMLIT_SERVER_BASE_URL_PATH", "").strip("/")


def download_url(ids: list[str]) -> str:
    """The address of a download."""
    return _build_url(f"download/{','.join(ids)}")


def kit_url(artifact: str) -> str:
    """The address of an artifact's proof kit."""
    return _build_url(f"kit/{artifact}.zip")


def serving_url(artifact: str, name: str, version: int) -> str:
    """The address of a SavedModel in the layout of TensorFlow Serving, under a name that `core.exports.tf_serving`
    gave."""
    return _build_url(f"serving/{artifact}/{quote(name, safe='')}/{version}.zip")


def inputs_url(id_: str) -> str:
    """The address of an input set as an .npz."""
    return _build_url(f"inputs/{id_}.npz")


def report_url(job_id: str, kind: str, tolerances: Mapping[str, Tolerance]) -> str:
    """The address of a comparison's report, with the tolerances that copies are held to in it."""
    texts = [f"{output}={format_exact(one.atol)},{format_exact(one.rtol)}" for output, one in tolerances.items()]
    query = urlencode({"tolerance": texts}, doseq=True)
    return _build_url(f"report/{job_id}.{kind}") + (f"?{query}" if query else "")


def tensor_url(artifact: str, key: str, scaled: bool = False) -> str:
    """The address of one tensor as an NPY file; with `scaled`, of the numbers that a quantised one stands for."""
    query = {"key": key} | ({"scaled": "1"} if scaled else {})
    return _build_url(f"tensor/{artifact}.npy") + "?" + urlencode(query)


def graph_viewer_url(artifact: str, token: str) -> str:
    """The address of the page that draws an artifact, with what `ui.routes.graph_viewer.graph_token` gives for it."""
    return _build_url(f"graph/{artifact}/{token}/")


def _build_url(path: str) -> str:
    return f"/{base}/{path}" if (base := base_path()) else f"/{path}"
