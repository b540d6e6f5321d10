"""Routes beside the pages: the health check, downloads, uploads, the graph viewer, browsers' runtimes."""

from collections.abc import Awaitable, Callable
from importlib import import_module

import anyio
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from ui.routes.middleware import MIDDLEWARE
from ui.routes.urls import browser_rows_url, download_url, inputs_url, kit_url, report_url, serving_url

__all__ = [
    "MIDDLEWARE",
    "ROUTES",
    "browser_rows_url",
    "download_url",
    "inputs_url",
    "kit_url",
    "report_url",
    "serving_url",
]


async def get_health(request: Request) -> Response:
    """Respond with `{"status": "ok", "worker": phase}`."""
    from ui.session import server_jobs

    return JSONResponse({"status": "ok", "worker": server_jobs().worker.state().phase})


async def redirect_import(request: Request) -> Response:
    """Send the address that the Import page had before to the one that it has."""
    query = request.url.query and f"?{request.url.query}"
    return RedirectResponse(f"import{query}", 301)  # relative, whatever stands before the server


def _lazy(module: str, function: str) -> Callable[[Request], Awaitable[Response]]:
    """Return an endpoint whose module is imported at its first request, so that the server starts faster."""

    async def respond(request: Request) -> Response:
        endpoints = await anyio.to_thread.run_sync(import_module, f"ui.routes.{module}")
        return await getattr(endpoints, function)(request)

    return respond


ROUTES = [
    Route("/health", get_health),
    Route("/metrics", _lazy("metrics", "get_metrics")),
    Route("/bring-in", redirect_import),
    Route("/download/{ids}", _lazy("endpoints", "get_artifacts")),
    Route("/kit/{id}.zip", _lazy("endpoints", "get_proof_kit")),
    Route("/serving/{id}/{name}/{version}.zip", _lazy("endpoints", "get_tf_serving")),
    Route("/inputs/{id}.npz", _lazy("endpoints", "get_inputs")),
    Route("/report/{job}.{kind}", _lazy("endpoints", "get_report")),
    Route("/tensor/{artifact}.npy", _lazy("endpoints", "get_tensor")),
    Route("/uploads", _lazy("uploads", "create_upload"), methods=["POST", "OPTIONS"]),
    Route("/uploads/{id}", _lazy("uploads", "handle_upload"), methods=["HEAD", "PATCH", "DELETE"]),
    Route("/browser/{version}/{path:path}", _lazy("browser_runtimes", "get_browser_file")),
    Route("/browser-rows/{run}.json", _lazy("browser_runtimes", "get_browser_rows")),
    Route("/graph/{artifact}/{token}/{path:path}", _lazy("graph_viewer", "get_graph_viewer")),
]
