"""Responses with an archive: whole, a range of it, or only its headers; streamed from the disk."""

import re
import unicodedata
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from typing import NamedTuple
from urllib.parse import quote

import anyio
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from core.exports.archive import StreamedArchive

MAX_FILE_NAME_LENGTH = 180  # characters of a file name
RANGE_HEADER = re.compile(r"bytes=(\d{0,19})-(\d{0,19})")


class HttpRange(NamedTuple):
    """Bytes from `start` up to `stop`."""

    start: int
    stop: int


class ArchiveResponse(StreamingResponse):
    """An archive or a range of it; the archive is closed even if the connection breaks."""

    def __init__(
        self, archive: StreamedArchive, byte_range: HttpRange, status: int, headers: dict[str, str], headers_only: bool
    ):
        body: AsyncIterable[bytes] | Iterable[bytes] = () if headers_only else _read_chunks(archive, byte_range)
        super().__init__(body, status_code=status, media_type=archive.media_type, headers=headers)
        self._archive = archive

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._archive.close()


def send_archive(request: Request, archive: StreamedArchive) -> Response:
    """Respond to a request for an archive: 200, 206 for a range, 304 if unchanged, 416 for a range outside of it.

    Several ranges at once, or an invalid range, give the whole archive, as RFC 9110 allows.
    """
    tag, size = f'"{archive.etag}"', archive.bytes
    headers = _response_headers(archive, tag)
    if tag in _parse_etags(request.headers.get("if-none-match", "")):
        archive.close()
        return Response(status_code=304, headers=headers)
    part = _parse_range(request, tag, size)
    if part and part.start >= part.stop:
        archive.close()
        return Response(status_code=416, headers={"Content-Range": f"bytes */{size}", "ETag": tag})
    start, stop = part or HttpRange(0, size)
    headers["Content-Length"] = str(stop - start)
    headers |= {"Content-Range": f"bytes {start}-{stop - 1}/{size}"} if part else {}
    return ArchiveResponse(archive, HttpRange(start, stop), 206 if part else 200, headers, request.method == "HEAD")


def _response_headers(archive: StreamedArchive, tag: str) -> dict[str, str]:
    return {
        "Accept-Ranges": "bytes",
        "ETag": tag,
        # Revalidated every time: it may have been removed or damaged since. A proxy that compressed it would change its
        # length and break ranges.
        "Cache-Control": "private, no-cache, no-transform",
        "Content-Encoding": "identity",
        "Content-Disposition": content_disposition(archive.name),
        "X-Content-Type-Options": "nosniff",
    }


def _parse_etags(text: str) -> list[str]:
    return [etag.strip().removeprefix("W/") for etag in text.split(",")]


def _parse_range(request: Request, tag: str, size: int) -> HttpRange | None:
    """Return the requested range; None for the whole, also where the archive has changed since (If-Range)."""
    match = RANGE_HEADER.fullmatch(request.headers.get("range", "").replace(" ", ""))
    if not match or request.headers.get("if-range", tag) != tag:
        return None
    first, last = match.groups()
    if not first:
        return HttpRange(max(0, size - int(last)), size) if last else None
    if last and int(last) < int(first):
        return None
    return HttpRange(int(first), min(size, int(last) + 1) if last else size)


def content_disposition(name: str) -> str:
    """Return the header that has a browser store a download under a name.

    Characters that would end the header, name a folder or change the direction of writing are replaced.
    """
    safe = "".join("_" if char in '/\\"' or unicodedata.category(char)[0] == "C" else char for char in name)
    safe = safe[-MAX_FILE_NAME_LENGTH:].lstrip(". ") or "download"
    plain = safe.encode("ascii", "replace").decode().replace("?", "_").replace("%", "_")
    header = f'attachment; filename="{plain}"'
    return header if plain == safe else f"{header}; filename*=UTF-8''{quote(safe, safe='')}"


async def _read_chunks(archive: StreamedArchive, byte_range: HttpRange) -> AsyncIterator[bytes]:
    """Yield chunks, each read in a thread after the previous one was sent."""
    chunks = archive.read(*byte_range)
    while (chunk := await anyio.to_thread.run_sync(next, chunks, None)) is not None:
        yield chunk
