"""What the server answers beside the pages: is it well, and downloads that are streamed and checked."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ui.routes.endpoints import download, inputs, kit, report, serving, tensor
from ui.routes.graph_viewer import graph
from ui.routes.middleware import MIDDLEWARE
from ui.routes.urls import download_address, inputs_address, kit_address, report_address, serving_address

__all__ = [
    "MIDDLEWARE",
    "ROUTES",
    "download_address",
    "inputs_address",
    "kit_address",
    "report_address",
    "serving_address",
]


async def health(request: Request) -> Response:
    """`{"status": "ok", "worker": phase}`: the server answers, and where its worker stands."""
    from ui.session import server_jobs

    return JSONResponse({"status": "ok", "worker": server_jobs().worker.state().phase})


ROUTES = [
    Route("/health", health),
    Route("/download/{ids}", download),
    Route("/kit/{id}.zip", kit),
    Route("/serving/{id}/{name}/{version}.zip", serving),
    Route("/inputs/{id}.npz", inputs),
    Route("/report/{job}.{kind}", report),
    Route("/tensor/{artifact}.npy", tensor),
    Route("/graph/{artifact}/{token}/{path:path}", graph),
]
