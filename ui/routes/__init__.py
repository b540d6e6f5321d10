"""What the server answers beside the pages: is it well, and downloads that are streamed and checked."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ui.routes.endpoints import get_artifacts, get_inputs, get_proof_kit, get_report, get_tensor, get_tf_serving
from ui.routes.graph_viewer import get_graph_viewer
from ui.routes.middleware import MIDDLEWARE
from ui.routes.urls import download_url, inputs_url, kit_url, report_url, serving_url

__all__ = [
    "MIDDLEWARE",
    "ROUTES",
    "download_url",
    "inputs_url",
    "kit_url",
    "report_url",
    "serving_url",
]


async def get_health(request: Request) -> Response:
    """`{"status": "ok", "worker": phase}`: the server answers, and where its worker stands."""
    from ui.session import server_jobs

    return JSONResponse({"status": "ok", "worker": server_jobs().worker.state().phase})


ROUTES = [
    Route("/health", get_health),
    Route("/download/{ids}", get_artifacts),
    Route("/kit/{id}.zip", get_proof_kit),
    Route("/serving/{id}/{name}/{version}.zip", get_tf_serving),
    Route("/inputs/{id}.npz", get_inputs),
    Route("/report/{job}.{kind}", get_report),
    Route("/tensor/{artifact}.npy", get_tensor),
    Route("/graph/{artifact}/{token}/{path:path}", get_graph_viewer),
]
