"""Host check, security headers, base URL script.

Who is let in to any address of the server: under its own name alone, as the person whom the cookie names.

What our server adds to Streamlit's own answers.
"""

import json
from http.cookies import CookieError
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.auth import SignedInUser, acting_as, is_sign_in_required, user_from_cookies
from ui.routes.urls import base_path
from ui.streamlit_internals import SESSION_FILE_PATHS, is_host_allowed

# What a browser must not do with any answer of ours; an answer that says so itself knows better.
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
}

LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "::1")


class AccessMiddleware:
    """ASGI middleware: another site that has its name point to this machine is not answered (Streamlit itself looks at
    `server.allowedHosts` for its socket alone), files of sessions are for who signed in, and routes know who asks."""

    def __init__(self, app: ASGIApp):
        self._app = app
        base = f"/{base_path()}" if base_path() else ""
        self._session_file_paths = tuple(f"{base}{place}" for place in SESSION_FILE_PATHS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and _is_from_other_local_server(Headers(scope=scope)):
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        await self._respond(scope, receive, _add_security_headers(send))

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        app, who = self._app, None
        if not is_host_allowed(Headers(scope=scope).get("host")):
            said = "This server does not answer under that name. Its owner can add it to server.allowedHosts."
            app = PlainTextResponse(said, status_code=400)
        elif is_sign_in_required():
            who = _user_from_scope(scope)
            if who is None and scope["path"].startswith(self._session_file_paths):
                app = PlainTextResponse("Sign in first.", status_code=401)
        with acting_as(who):
            await app(scope, receive, send)


def _is_from_other_local_server(headers: Headers) -> bool:
    """Whether a page of another server on this machine asks, which Streamlit would let in."""
    origin = urlsplit(headers.get("origin", ""))
    return origin.hostname in LOOPBACK_HOSTS and origin.netloc != headers.get("host")


def _user_from_scope(scope: Scope) -> SignedInUser | None:
    try:
        return user_from_cookies(HTTPConnection(scope).cookies)
    except (CookieError, UnicodeError):
        return None


def _add_security_headers(send: Send) -> Send:
    async def add(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return add


# Streamlit's page asks for its server below the path of the page first, which fails loudly on every deep link. It asks
# once, and right, where it is told.
BASE_URL_SCRIPT = b"<script>window.__streamlit = {BACKEND_BASE_URL: location.origin + %s}</script>"


class BaseUrlMiddleware:
    """ASGI middleware: puts the server's own address into the HTML of the app, and touches nothing else."""

    def __init__(self, app: ASGIApp):
        self._app = app
        base = base_path()
        self._script = BASE_URL_SCRIPT % json.dumps(f"/{base}" if base else "").encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _is_page_request(scope):
            await self._app(scope, receive, send)
            return
        start: Message = {}

        async def insert(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                return
            if start:
                message, first = self._insert_script(start, message)
                start = {}
                await send(first)
            await send(message)

        # Asked for plain text: what is compressed further in could not be added to.
        headers = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
        await self._app({**scope, "headers": headers}, receive, insert)

    def _insert_script(self, start: Message, message: Message) -> tuple[Message, Message]:
        headers = MutableHeaders(raw=list(start["headers"]))
        body = message.get("body", b"")
        # A page with a policy of its own, as the graph viewer has, is not Streamlit's.
        ours = "text/html" in headers.get("content-type", "") and "content-security-policy" not in headers
        if ours and b"<head>" in body and not message.get("more_body"):
            body = body.replace(b"<head>", b"<head>" + self._script, 1)
            headers["content-length"] = str(len(body))
        return {**message, "body": body}, {**start, "headers": headers.raw}


def _is_page_request(scope: Scope) -> bool:
    return scope["method"] == "GET" and b"text/html" in dict(scope["headers"]).get(b"accept", b"")


MIDDLEWARE = [Middleware(AccessMiddleware), Middleware(BaseUrlMiddleware)]
