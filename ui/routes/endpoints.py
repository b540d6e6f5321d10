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
from core.exports.archive import StreamedArchive, archive_artifacts, archive_members
from core.exports.proof_kit import build_proof_kit
from core.exports.tf_serving import build_serving_zip
from core.introspection.describe import TensorDownload, download_tensor
from core.jobs import Jobs
from core.jobs.tolerances import parse_tolerances
from core.report import write_report
from ui.routes.ranges import send_archive

ERROR_STATUS = {SignedOut: 401, UnknownName: 404, Damaged: 409, StorageFailed: 503}


async def get_artifacts(request: Request) -> Response:
    """One artifact as it was written: its only file, or all of its files as a zip; several artifacts as one zip."""
    asked = request.path_params["ids"].split(",")
    return await _pack_and_send(
        request, lambda jobs: archive_artifacts(jobs.library, [jobs.library.resolve(one) for one in asked])
    )


async def get_proof_kit(request: Request) -> Response:
    """The proof kit of one artifact."""
    asked = request.path_params["id"]
    return await _pack_and_send(request, lambda jobs: build_proof_kit(jobs.library, jobs.library.resolve(asked)))


async def get_tf_serving(request: Request) -> Response:
    """A SavedModel in the layout of TensorFlow Serving."""
    asked, said = request.path_params["id"], [request.path_params[name] for name in ("name", "version")]
    return await _pack_and_send(
        request, lambda jobs: build_serving_zip(jobs.library, jobs.library.resolve(asked), *said)
    )


async def get_inputs(request: Request) -> Response:
    """One input set as an .npz."""
    id_ = request.path_params["id"]
    name = f"roundtrip-inputs-{id_}.npz"
    return await _pack_and_send(
        request, lambda jobs: archive_members(jobs.library, jobs.inputs.verified_members(id_), name)
    )


async def _pack_and_send(request: Request, pack: Callable[[Jobs], StreamedArchive]) -> Response:
    """Pack in a thread, and send; an error in a sentence of plain text."""
    try:
        return send_archive(request, await anyio.to_thread.run_sync(lambda: pack(_current_jobs())))
    except RoundtripError as error:
        return error_response(error)


def error_response(error: RoundtripError) -> Response:
    return PlainTextResponse(str(error), status_code=ERROR_STATUS.get(type(error), 400))


async def get_report(request: Request) -> Response:
    """A finished comparison as HTML, JSON or CSV; written when it is asked for, sent, and deleted."""
    asked, wanted = request.path_params, request.query_params.getlist("tolerance")
    try:
        path, kept = await anyio.to_thread.run_sync(_write_report_file, asked["job"], asked["kind"], wanted)
    except RoundtripError as error:
        return error_response(error)
    name = f"roundtrip-comparison-{asked['job']}.{asked['kind']}"
    return FileResponse(path, filename=name, background=BackgroundTask(kept.close))


def _write_report_file(job_id: str, kind: str, tolerance_texts: list[str]) -> tuple[Path, contextlib.ExitStack]:
    """The file, and what deletes it: when it is closed, or when nobody holds it any more."""
    jobs = _current_jobs()
    job = jobs.job_store.read(job_id)
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(jobs.library.staging())
        path = folder / f"report.{kind}"
        write_report(jobs, job, path, parse_tolerances(tolerance_texts))
        return path, stack.pop_all()


def _current_jobs() -> Jobs:
    from ui.session import current_jobs

    return current_jobs()


async def get_tensor(request: Request) -> Response:
    """`?key=` says which tensor, `?scaled=1` that of a quantised one the numbers are meant that it stands for."""
    asked = request.query_params
    id_, key, scaled = request.path_params["artifact"], asked.get("key", ""), asked.get("scaled") == "1"
    try:
        found = await anyio.to_thread.run_sync(_open_tensor, id_, key, scaled)
    except RoundtripError as error:
        return error_response(error)
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", key).strip("-")[:80] or "tensor"
    headers = {
        "Content-Length": str(found.length),
        "Content-Disposition": f'attachment; filename="{id_}-{name}.npy"',
        "Cache-Control": "private, no-store",  # asked for anew every time, and of who asks it alone
    }
    if request.method == "HEAD":
        found.close()
        return Response(headers=headers, media_type=NPY_MEDIA_TYPE)
    return StreamingResponse(found.iter_chunks(), media_type=NPY_MEDIA_TYPE, headers=headers)


NPY_MEDIA_TYPE = "application/octet-stream"


def _open_tensor(artifact_id: str, key: str, scaled: bool) -> TensorDownload:
    from ui.session import current_jobs

    return download_tensor(current_jobs(), artifact_id, key, scaled)
