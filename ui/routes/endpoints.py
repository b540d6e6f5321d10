"""Downloads, kits, inputs, reports, tensors.

What can be taken out of the library: artifacts, proof kits, input sets, reports. Every byte is checked first.

An alias stands for its artifact in each of these addresses.

One tensor of an artifact as an NPY file, streamed from the child that read it: nothing of it is held here.
"""

import contextlib
import re
from collections.abc import Callable
from pathlib import Path

import anyio
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse

from core.errors import Damaged, RoundtripError, SignedOut, StorageFailed, UnknownName
from core.exports.archive import Parcel, take, zipped
from core.exports.proof_kit import proof_kit
from core.exports.tf_serving import serving_zip
from core.introspection.describe import Download, download_tensor
from core.jobs import Jobs
from core.jobs.tolerances import tolerances
from core.report import write_report
from ui.routes.ranges import send

STATUS = {SignedOut: 401, UnknownName: 404, Damaged: 409, StorageFailed: 503}


async def download(request: Request) -> Response:
    """One artifact as it was written: its only file, or all of its files as a zip; several artifacts as one zip."""
    asked = request.path_params["ids"].split(",")
    return await _sent(request, lambda jobs: take(jobs.library, [jobs.library.resolve(one) for one in asked]))


async def kit(request: Request) -> Response:
    """The proof kit of one artifact."""
    asked = request.path_params["id"]
    return await _sent(request, lambda jobs: proof_kit(jobs.library, jobs.library.resolve(asked)))


async def serving(request: Request) -> Response:
    """A SavedModel in the layout of TensorFlow Serving."""
    asked, said = request.path_params["id"], [request.path_params[name] for name in ("name", "version")]
    return await _sent(request, lambda jobs: serving_zip(jobs.library, jobs.library.resolve(asked), *said))


async def inputs(request: Request) -> Response:
    """One input set as an .npz."""
    id_ = request.path_params["id"]
    name = f"roundtrip-inputs-{id_}.npz"
    return await _sent(request, lambda jobs: zipped(jobs.library, jobs.inputs.members(id_), name))


async def _sent(request: Request, packed: Callable[[Jobs], Parcel]) -> Response:
    """Pack in a thread, and send; an error in a sentence of plain text."""
    try:
        return send(request, await anyio.to_thread.run_sync(lambda: packed(_office())))
    except RoundtripError as error:
        return sorry(error)


def sorry(error: RoundtripError) -> Response:
    return PlainTextResponse(str(error), status_code=STATUS.get(type(error), 400))


async def report(request: Request) -> Response:
    """A finished comparison as HTML, JSON or CSV; written when it is asked for, sent, and deleted."""
    asked, wanted = request.path_params, request.query_params.getlist("tolerance")
    try:
        path, kept = await anyio.to_thread.run_sync(_report, asked["job"], asked["kind"], wanted)
    except RoundtripError as error:
        return sorry(error)
    name = f"roundtrip-comparison-{asked['job']}.{asked['kind']}"
    return FileResponse(path, filename=name, background=BackgroundTask(kept.close))


def _report(job_id: str, kind: str, wanted: list[str]) -> tuple[Path, contextlib.ExitStack]:
    """The file, and what deletes it: when it is closed, or when nobody holds it any more."""
    jobs = _office()
    job = jobs.journal.read(job_id)
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(jobs.library.staging())
        path = folder / f"report.{kind}"
        write_report(jobs, job, path, tolerances(wanted))
        return path, stack.pop_all()


def _office() -> Jobs:
    from ui.session import current_jobs

    return current_jobs()


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
    from ui.session import current_jobs

    return download_tensor(current_jobs(), artifact_id, key, scaled)
