"""Where our routes answer, below the path at which the app is served."""

import os
from collections.abc import Mapping
from urllib.parse import quote, urlencode

from core.jobs.tolerances import Tolerance
from core.text.metrics import exact


def base_path() -> str:
    """The path at which the app is served, without slashes around it; empty for the root."""
    return os.environ.get("STREAMLIT_SERVER_BASE_URL_PATH", "").strip("/")


def download_address(ids: list[str]) -> str:
    """The address of a download."""
    return _address(f"download/{','.join(ids)}")


def kit_address(artifact: str) -> str:
    """The address of an artifact's proof kit."""
    return _address(f"kit/{artifact}.zip")


def serving_address(artifact: str, name: str, version: int) -> str:
    """The address of a SavedModel in the layout of TensorFlow Serving, under a name that `core.exports.tf_serving`
    gave."""
    return _address(f"serving/{artifact}/{quote(name, safe='')}/{version}.zip")


def inputs_address(id_: str) -> str:
    """The address of an input set as an .npz."""
    return _address(f"inputs/{id_}.npz")


def report_address(job_id: str, kind: str, wanted: Mapping[str, Tolerance]) -> str:
    """The address of a comparison's report, with the tolerances that copies are held to in it."""
    texts = [f"{output}={exact(one.atol)},{exact(one.rtol)}" for output, one in wanted.items()]
    query = urlencode({"tolerance": texts}, doseq=True)
    return _address(f"report/{job_id}.{kind}") + (f"?{query}" if query else "")


def tensor_address(artifact: str, key: str, scaled: bool = False) -> str:
    """The address of one tensor as an NPY file; with `scaled`, of the numbers that a quantised one stands for."""
    query = {"key": key} | ({"scaled": "1"} if scaled else {})
    return _address(f"tensor/{artifact}.npy") + "?" + urlencode(query)


def graph_address(artifact: str, secret: str) -> str:
    """The address of the page that draws an artifact, with what `ui.routes.graph_viewer.token` gives for it."""
    return _address(f"graph/{artifact}/{secret}/")


def _address(path: str) -> str:
    return f"/{base}/{path}" if (base := base_path()) else f"/{path}"
