"""Endpoints that take files in pieces, by the protocol tus 1.0.0 (core, creation, checksum, expiration, termination).

They need what Streamlit's own upload needs, the token of a page of this server, and are told by whoever keeps to it how
large a file is before any of it is sent.
"""

import base64
from collections.abc import Awaitable, Callable, Mapping
from email.utils import format_datetime
from typing import TypeVar

import anyio
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response

from core.errors import (
    Damaged,
    InputError,
    Refused,
    RoundtripError,
    SignedOut,
    StorageFailed,
    UnknownName,
    UploadConflict,
)
from core.uploads import Piece, Upload, Uploads
from core.uploads.piece import CHECKSUM_ALGORITHMS, Checksum
from ui.routes.urls import upload_url
from ui.session import current_jobs
from ui.streamlit_internals import has_page_token

VERSION = "1.0.0"
PIECE_MEDIA_TYPE = "application/offset+octet-stream"
CHECKSUM_MISMATCH = 460  # of the protocol
ERROR_STATUS = {
    SignedOut: 401,
    UnknownName: 404,
    UploadConflict: 409,
    Refused: 413,
    Damaged: CHECKSUM_MISMATCH,
    StorageFailed: 507,
}
BUFFER_BYTES = 2**20  # that come before a thread writes them
SILENCE_SECONDS = 30.0  # after which a connection that sends nothing is taken for broken

Result = TypeVar("Result")


async def create_upload(request: Request) -> Response:
    """Begin an upload whose size is stated; OPTIONS tells what this server can do."""
    if request.method == "OPTIONS":
        return await _respond(request, _describe)
    return await _respond(request, _create)


async def handle_upload(request: Request) -> Response:
    """Tell how far an upload has come (HEAD), take what follows (PATCH), or delete it (DELETE)."""
    return await _respond(request, {"PATCH": _append, "DELETE": _delete}.get(request.method, _tell))


async def _respond(request: Request, action: Callable[[Request], Awaitable[Response]]) -> Response:
    try:
        _require_own_page(request)
        response = await action(request)
    except RoundtripError as error:
        response = PlainTextResponse(str(error), ERROR_STATUS.get(type(error), 400))
    except HTTPException as error:
        response = PlainTextResponse(error.detail, error.status_code, headers={"Tus-Version": VERSION})
    response.headers.update({"Tus-Resumable": VERSION, "Cache-Control": "no-store"})
    return response


def _require_own_page(request: Request) -> None:
    """Raise HTTPException for what another site has a browser send, and for another version of the protocol."""
    is_foreign = request.headers.get("sec-fetch-site", "same-origin") != "same-origin"
    if is_foreign or not has_page_token(request.headers, request.cookies):
        raise HTTPException(403, "Only a page of this server can send files to it. Reload the page, then go on.")
    if request.method != "OPTIONS" and request.headers.get("tus-resumable") != VERSION:
        raise HTTPException(412, f"This server speaks tus {VERSION}.")


async def _describe(request: Request) -> Response:
    limit = await _in_thread(lambda uploads: uploads.max_bytes)
    headers = {
        "Tus-Version": VERSION,
        "Tus-Extension": "creation,checksum,expiration,termination",
        "Tus-Checksum-Algorithm": ",".join(CHECKSUM_ALGORITHMS),
        "Tus-Max-Size": str(limit),
    }
    return Response(status_code=204, headers=headers)


async def _create(request: Request) -> Response:
    size, name = _read_count(request.headers, "upload-length"), _read_file_name(request.headers)

    def begin(uploads: Uploads) -> dict[str, str]:
        upload = uploads.create(name, size)
        return _headers_of(uploads, upload) | {"Location": upload_url(upload.id)}

    return Response(status_code=201, headers=await _in_thread(begin))


async def _tell(request: Request) -> Response:
    id_ = request.path_params["id"]
    return Response(headers=await _in_thread(lambda uploads: _headers_of(uploads, uploads.read(id_))))


async def _delete(request: Request) -> Response:
    id_ = request.path_params["id"]
    await _in_thread(lambda uploads: uploads.discard([uploads.read(id_).id]))
    return Response(status_code=204)


async def _append(request: Request) -> Response:
    if request.headers.get("content-type") != PIECE_MEDIA_TYPE:
        raise HTTPException(415, f"A piece is sent as {PIECE_MEDIA_TYPE}.")
    id_, offset = request.path_params["id"], _read_count(request.headers, "upload-offset")
    size = _read_count(request.headers, "content-length") if "content-length" in request.headers else None
    text = request.headers.get("upload-checksum")
    checksum = Checksum.parse(text) if text else None
    piece = await _in_thread(lambda uploads: uploads.open_piece(id_, offset, size, checksum))
    try:
        is_cut = await _receive(request, piece)
        upload = await anyio.to_thread.run_sync(piece.keep, is_cut)
    finally:
        with anyio.CancelScope(shield=True):  # also where the server stops, the next piece finds the lock free
            await anyio.to_thread.run_sync(piece.close)
    return Response(status_code=204, headers=await _in_thread(lambda uploads: _headers_of(uploads, upload)))


async def _receive(request: Request, piece: Piece) -> bool:
    """Write what comes to the disk as it comes; returns whether the connection broke before the end of it."""
    stream, buffer = request.stream(), bytearray()
    is_cut = False
    try:
        while True:
            with anyio.fail_after(SILENCE_SECONDS):
                chunk = await anext(stream, None)
            if chunk is None:
                break
            buffer += chunk
            if len(buffer) >= BUFFER_BYTES:
                await anyio.to_thread.run_sync(piece.write, bytes(buffer))
                buffer.clear()
    except (ClientDisconnect, TimeoutError):
        is_cut = True
    await anyio.to_thread.run_sync(piece.write, bytes(buffer))
    return is_cut


def _headers_of(uploads: Uploads, upload: Upload) -> dict[str, str]:
    headers = {"Upload-Offset": str(upload.offset), "Upload-Length": str(upload.bytes)}
    return headers | {"Upload-Expires": format_datetime(upload.expires(uploads.hours), usegmt=True)}


def _read_count(headers: Mapping[str, str], name: str) -> int:
    text = headers.get(name, "")
    if text.isascii() and text.isdigit() and len(text) < 20:
        return int(text)
    raise InputError(f"The header {name} must hold a number of bytes.", received=text[:40] or "nothing")


def _read_file_name(headers: Mapping[str, str]) -> str:
    """Return the file's name from the metadata. Raises InputError."""
    pairs = (item.strip().partition(" ") for item in headers.get("upload-metadata", "").split(","))
    encoded = next((value for key, _, value in pairs if key == "filename"), "")
    try:
        return base64.b64decode(encoded, validate=True).decode()
    except ValueError as error:
        raise InputError("The name of the file cannot be read.", cure="Send it as UTF-8 in base 64.") from error


async def _in_thread(action: Callable[[Uploads], Result]) -> Result:
    """Run an action over the current user's uploads in a thread, because it uses the disk, and return its result."""
    return await anyio.to_thread.run_sync(lambda: action(current_jobs().uploads))
