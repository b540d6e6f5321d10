"""Endpoint for Prometheus, where the settings say that metrics are served."""

import anyio
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from core.errors import RoundtripError
from core.settings import get_settings
from core.telemetry.metrics import CONTENT_TYPE
from ui.routes.endpoints import error_response
from ui.session import server_jobs, server_metrics


async def get_metrics(request: Request) -> Response:
    """Send the metrics of this server; 404 unless ROUNDTRIP_METRICS is set."""
    if not get_settings().metrics:
        return PlainTextResponse(
            "Metrics are not served here; ROUNDTRIP_METRICS=true switches them on.", status_code=404
        )
    try:
        return Response(await anyio.to_thread.run_sync(_render), media_type=CONTENT_TYPE)
    except RoundtripError as error:
        return error_response(error)


def _render() -> bytes:
    store = server_jobs().job_store
    active = [(job.kind, job.state) for job in store.list_jobs() if job.is_active]
    return server_metrics().render(active, store.count_waiting())
