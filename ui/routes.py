"""What the server answers beside the pages: is it well, and downloads that are streamed and checked."""

import contextlib
import json
import os
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlencode

import anyio
from starlette.background import BackgroundTask
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from zipstream import ZipStream

from core.errors import Damaged, RoundtripError, UnknownName
from core.jobs import Jobs
from core.library import files
from core.report import write_report
from core.words.numbers import exact
from core.work.tolerances import Tolerance, tolerances

STATUS = {UnknownName: 404, Damaged: 409}


async def health(request: Request) -> Response:
    """`{"status": "ok", "worker": phase}`: the server answers, and where its worker stands."""
    return JSONResponse({"status": "ok", "worker": _office().worker.state().phase})


async def download(request: Request) -> Response:
    """One artifact as it was written: its only file, or all of its files as a zip; several artifacts as one zip.

    Every byte is held against its hash before the first one leaves. Nothing is held in memory.
    """
    ids = request.path_params["ids"].split(",")
    try:
        return await anyio.to_thread.run_sync(_checked, list(dict.fromkeys(ids)))
    except RoundtripError as error:
        return PlainTextResponse(str(error), status_code=STATUS.get(type(error), 400))


async def inputs(request: Request) -> Response:
    """One input set as an .npz, streamed from the disk; every byte is held against its hash first."""
    try:
        return await anyio.to_thread.run_sync(_inputs, request.path_params["id"])
    except RoundtripError as error:
        return PlainTextResponse(str(error), status_code=STATUS.get(type(error), 400))


def _inputs(id_: str) -> Response:
    return _zip(_office().inputs.members(id_), f"roundtrip-inputs-{id_}.npz")


async def report(request: Request) -> Response:
    """A finished comparison as HTML, JSON or CSV; written when it is asked for, sent, and deleted."""
    asked, wanted = request.path_params, request.query_params.getlist("tolerance")
    try:
        path, kept = await anyio.to_thread.run_sync(_report, asked["job"], asked["kind"], wanted)
    except RoundtripError as error:
        return PlainTextResponse(str(error), status_code=STATUS.get(type(error), 400))
    name = f"roundtrip-comparison-{asked['job']}.{asked['kind']}"
    return FileResponse(path, filename=name, background=BackgroundTask(kept.close))


def _report(job_id: str, kind: str, wanted: list[str]) -> tuple[Path, contextlib.ExitStack]:
    """The file, and what deletes it: when it is closed, or when nobody holds it any more."""
    jobs = _office()
    job = jobs.journal.read(job_id)
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(files.staging(jobs.library.home))
        path = folder / f"report.{kind}"
        write_report(jobs, job, path, tolerances(wanted))
        return path, stack.pop_all()


def _checked(ids: list[str]) -> Response:
    """Of each artifact the files in its record, and nothing else that may lie beside them."""
    library = _office().library
    folders = {id_: library.files(id_) for id_ in ids}
    kept = {f"{id_}/{one.path}": folders[id_] / one.path for id_ in ids for one in library.artifact(id_).files}
    if len(kept) == 1:
        (path,) = kept.values()
        return FileResponse(path, filename=f"{ids[0]}-{path.name}")
    return _zip(kept, f"{ids[0]}.zip" if len(ids) == 1 else f"roundtrip-{len(ids)}-artifacts.zip")


def _zip(kept: dict[str, Path], name: str) -> Response:
    """Stored, not deflated: weights hardly shrink, and the length is then known before the first byte."""
    archive = ZipStream(compress_type=zipfile.ZIP_STORED, sized=True)
    for arcname, path in kept.items():
        archive.add_path(path, arcname=arcname, recurse=False)
    headers = {"Content-Length": str(len(archive)), "Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(_chunks(archive), media_type="application/zip", headers=headers)


def _chunks(archive: ZipStream) -> Iterator[bytes]:
    yield from archive


def _office() -> Jobs:
    from ui.state import office

    return office()


def download_address(ids: list[str]) -> str:
    """The address of a download, below the path at which the app is served."""
    return _address(f"download/{','.join(ids)}")


def inputs_address(id_: str) -> str:
    """The address of an input set as an .npz."""
    return _address(f"inputs/{id_}.npz")


def report_address(job_id: str, kind: str, wanted: Mapping[str, Tolerance]) -> str:
    """The address of a comparison's report, with the tolerances that copies are held to in it."""
    texts = [f"{output}={exact(one.atol)},{exact(one.rtol)}" for output, one in wanted.items()]
    query = urlencode({"tolerance": texts}, doseq=True)
    return _address(f"report/{job_id}.{kind}") + (f"?{query}" if query else "")


def _address(path: str) -> str:
    base = os.environ.get("STREAMLIT_SERVER_BASE_URL_PATH", "").strip("/")
    return f"/{base}/{path}" if base else f"/{path}"


# Streamlit's page asks for its server below the path of the page first, which fails loudly on every deep link. It asks
# once, and right, where it is told.
TOLD = b"<script>window.__streamlit = {BACKEND_BASE_URL: location.origin + %s}</script>"


class TellWhereTheServerIs:
    """ASGI middleware: puts the server's own address into the HTML of the app, and touches nothing else."""

    def __init__(self, app: ASGIApp):
        self._app = app
        base = os.environ.get("STREAMLIT_SERVER_BASE_URL_PATH", "").strip("/")
        self._script = TOLD % json.dumps(f"/{base}" if base else "").encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _asks_for_a_page(scope):
            await self._app(scope, receive, send)
            return
        start: Message = {}

        async def insert(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                return
            if start:
                message, first = self._with_script(start, message)
                start = {}
                await send(first)
            await send(message)

        # Asked for plain text: what is compressed further in could not be added to.
        headers = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
        await self._app({**scope, "headers": headers}, receive, insert)

    def _with_script(self, start: Message, message: Message) -> tuple[Message, Message]:
        headers = MutableHeaders(raw=list(start["headers"]))
        body = message.get("body", b"")
        if "text/html" in headers.get("content-type", "") and b"<head>" in body and not message.get("more_body"):
            body = body.replace(b"<head>", b"<head>" + self._script, 1)
            headers["content-length"] = str(len(body))
        return {**message, "body": body}, {**start, "headers": headers.raw}


def _asks_for_a_page(scope: Scope) -> bool:
    return scope["method"] == "GET" and b"text/html" in dict(scope["headers"]).get(b"accept", b"")


MIDDLEWARE = [Middleware(TellWhereTheServerIs)]
ROUTES = [
    Route("/health", health),
    Route("/download/{ids}", download),
    Route("/inputs/{id}.npz", inputs),
    Route("/report/{job}.{kind}", report),
]
