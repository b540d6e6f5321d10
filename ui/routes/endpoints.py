"""Endpoints of downloads: artifacts, proof kits, input sets, reports, tensors; all bytes are verified.

An alias stands for its artifact in the address of a download, a kit or a serving layout.
"""

import contextlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import anyio
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse

from core.errors import Damaged, RoundtripError, SignedOut, StorageFailed, UnknownName
from core.exports.archive import StreamedArchive, archive_artifacts, archive_members
from core.exports.download_names import name_of_artifact, name_of_run
from core.exports.proof_kit import build_proof_kit
from core.exports.tf_serving import build_serving_zip
from core.introspection.tensor_download import download_tensor
from core.jobs import Jobs
from core.jobs.comparison.compare_result import parse_tolerances
from core.jobs.elsewhere_answers import find_kit_answers
from core.jobs.participants import run_id_of
from core.report import write_report
from ui.routes.archive_response import send_archive
from ui.session import current_jobs

ERROR_STATUS = {SignedOut: 401, UnknownName: 404, Damaged: 409, StorageFailed: 503}
NPY_MEDIA_TYPE = "application/octet-stream"

Result = TypeVar("Result")


async def get_artifacts(request: Request) -> Response:
    """Send one artifact: its only file, or all of its files as a zip; several artifacts as one zip."""
    ids = request.path_params["ids"].split(",")
    return await _send(request, lambda jobs: archive_artifacts(jobs.library, [*map(jobs.library.resolve, ids)]))


async def get_proof_kit(request: Request) -> Response:
    """Send the proof kit of one artifact; with `?elsewhere=1` also what environments answered to its rows."""
    id_, has_answers = request.path_params["id"], request.query_params.get("elsewhere") == "1"

    def pack(jobs: Jobs) -> StreamedArchive:
        artifact = jobs.library.resolve(id_)
        answers = find_kit_answers(jobs.job_store, artifact) if has_answers else {}
        return build_proof_kit(jobs.library, artifact, list(answers.values()))

    return await _send(request, pack)


async def get_tf_serving(request: Request) -> Response:
    """Send a SavedModel in the layout of TensorFlow Serving."""
    id_, name, version = (request.path_params[key] for key in ("id", "name", "version"))
    return await _send(request, lambda jobs: build_serving_zip(jobs.library, jobs.library.resolve(id_), name, version))


async def get_inputs(request: Request) -> Response:
    """Send one input set as an .npz."""
    id_ = request.path_params["id"]

    def pack(jobs: Jobs) -> StreamedArchive:
        name = f"roundtrip-inputs-{jobs.inputs.read(id_).created[:10]}.npz"
        return archive_members(jobs.library, jobs.inputs.verified_members(id_), name)

    return await _send(request, pack)


async def get_report(request: Request) -> Response:
    """Send a report of a finished comparison as HTML, JSON or CSV, written on request and deleted afterwards."""
    job_id, kind = request.path_params["job"], request.path_params["kind"]
    tolerances = request.query_params.getlist("tolerance")
    try:
        path, name, folder = await _in_thread(lambda jobs: _write_report_file(jobs, job_id, kind, tolerances))
    except RoundtripError as error:
        return error_response(error)
    return FileResponse(path, filename=name, background=BackgroundTask(folder.close))


async def get_tensor(request: Request) -> Response:
    """Send one tensor as an NPY file, streamed from the child that reads it.

    `?key=` names the tensor; `?scaled=1` asks for the numbers that a quantised tensor stands for.
    """
    id_, key = request.path_params["artifact"], request.query_params.get("key", "")
    scaled = request.query_params.get("scaled") == "1"
    try:
        copy = await _in_thread(lambda jobs: name_of_artifact(jobs.library, id_))
        tensor = await _in_thread(lambda jobs: download_tensor(jobs, id_, key, scaled))
    except RoundtripError as error:
        return error_response(error)
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", key).strip("-")[:80] or "tensor"
    headers = {
        "Content-Length": str(tensor.length),
        "Content-Disposition": f'attachment; filename="{copy}-{name}.npy"',
        "Cache-Control": "private, no-store",  # requested anew every time, by this user alone
    }
    if request.method == "HEAD":
        tensor.close()
        return Response(headers=headers, media_type=NPY_MEDIA_TYPE)
    return StreamingResponse(tensor.iter_chunks(), media_type=NPY_MEDIA_TYPE, headers=headers)


def error_response(error: RoundtripError) -> Response:
    """Return an error as a sentence of plain text, with its status."""
    return PlainTextResponse(str(error), status_code=ERROR_STATUS.get(type(error), 400))


async def _in_thread(action: Callable[[Jobs], Result]) -> Result:
    """Run an action of the current user in a thread, because it reads the disk, and return its result."""
    return await anyio.to_thread.run_sync(lambda: action(current_jobs()))


async def _send(request: Request, pack: Callable[[Jobs], StreamedArchive]) -> Response:
    try:
        return send_archive(request, await _in_thread(pack))
    except RoundtripError as error:
        return error_response(error)


def _write_report_file(
    jobs: Jobs, job_id: str, kind: str, tolerances: list[str]
) -> tuple[Path, str, contextlib.ExitStack]:
    """Write a report; return its file, its name, and the stack that deletes it when closed or garbage-collected."""
    job = jobs.job_store.read(job_id)
    with contextlib.ExitStack() as stack:
        path = stack.enter_context(jobs.library.staging()) / f"report.{kind}"
        write_report(jobs, job, path, parse_tolerances(tolerances))
        run = jobs.library.run(run_id_of(jobs, job.result["baseline"]))
        name = f"{name_of_run(run)}-comparison-{(job.finished or job.created)[:10]}.{kind}"
        return path, name, stack.pop_all()
