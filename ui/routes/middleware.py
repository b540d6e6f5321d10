"""ASGI middleware around Streamlit and the routes: host check, signed-in user, security headers, base URL script."""

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

# Restrictions for browsers on every response, unless it sets one of these headers itself.
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
}

LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "::1")


class AccessMiddleware:
    """Refuses foreign host names, and makes routes act as the user that the cookie names.

    Streamlit itself checks `server.allowedHosts` only for its socket: another site could have its name point to this
    machine. Files of sessions are for signed-in users only.
    """

    def __init__(self, app: ASGIApp):
        self._app = app
        self._session_file_paths = tuple(base_path() + path for path in SESSION_FILE_PATHS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and _is_from_other_local_server(Headers(scope=scope)):
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        await self._respond(scope, receive, _add_security_headers(send))

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        app, user = self._app, None
        if not is_host_allowed(Headers(scope=scope).get("host")):
            sentence = "This server does not answer under that name. Its owner can add it to server.allowedHosts."
            app = PlainTextResponse(sentence, status_code=400)
        elif is_sign_in_required():
            user = _user_from_scope(scope)
            if user is None and scope["path"].startswith(self._session_file_paths):
                app = PlainTextResponse("Sign in first.", status_code=401)
        with acting_as(user):
            await app(scope, receive, send)


def _is_from_other_local_server(headers: Headers) -> bool:
    """Whether a request comes from a page of another server on this machine, which Streamlit would allow."""
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


# Streamlit's page looks for its server below the page's own path first, which fails loudly on every deep link. With
# this script it looks in the right place at once.
BASE_URL_SCRIPT = b"<script>window.__streamlit = {BACKEND_BASE_URL: location.origin + %s}</script>"


class BaseUrlMiddleware:
    """Inserts the server's own address into the HTML of the app, and changes no other response."""

    def __init__(self, app: ASGIApp):
        self._app = app
        self._script = BASE_URL_SCRIPT % json.dumps(base_path()).encode()

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

        # Without accept-encoding the response is not compressed, and the script can be inserted.
        headers = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
        await self._app({**scope, "headers": headers}, receive, insert)

    def _insert_script(self, start: Message, message: Message) -> tuple[Message, Message]:
        headers = MutableHeaders(raw=list(start["headers"]))
        body = message.get("body", b"")
        # A page with a policy of its own, as the graph viewer has, is not Streamlit's.
        is_app = "text/html" in headers.get("content-type", "") and "content-security-policy" not in headers
        if is_app and b"<head>" in body and not message.get("more_body"):
            body = body.replace(b"<head>", b"<head>" + self._script, 1)
            headers["content-length"] = str(len(body))
        return {**message, "body": body}, {**start, "headers": headers.raw}


def _is_page_request(scope: Scope) -> bool:
    return scope["method"] == "GET" and b"text/html" in dict(scope["headers"]).get(b"accept", b"")


MIDDLEWARE = [Middleware(AccessMiddleware), Middleware(BaseUrlMiddleware)]
