"""One tensor of an artifact as an NPY file, streamed from the child that read it: nothing of it is held here."""

import re

import anyio
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from core.errors import RoundtripError
from core.work.tensor_files import Download, download_tensor
from ui.routes.downloads import sorry


async def tensor(request: Request) -> Response:
    """`?key=` says which tensor, `?scaled=1` that of a quantised one the numbers are meant that it stands for."""
    asked = request.query_params
    id_, key, scaled = request.path_params["artifact"], asked.get("key", ""), asked.get("scaled") == "1"
    try:
        found = await anyio.to_thread.run_sync(_opened, id_, key, scaled)
    except RoundtripError as error:
        return sorry(error)
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", key).strip("-")[:80] or "tensor"
    headers = {
        "Content-Length": str(found.length),
        "Content-Disposition": f'attachment; filename="{id_}-{name}.npy"',
        "Cache-Control": "private, no-store",  # asked for anew every time, and of who asks it alone
    }
    if request.method == "HEAD":
        found.close()
        return Response(headers=headers, media_type=MEDIA)
    return StreamingResponse(found.pieces(), media_type=MEDIA, headers=headers)


MEDIA = "application/octet-stream"


def _opened(artifact_id: str, key: str, scaled: bool) -> Download:
    from ui.state import office

    return download_tensor(office(), artifact_id, key, scaled)
