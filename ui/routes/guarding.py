"""Who is let in to any address of the server: under its own name alone, as the person whom the cookie names."""

from http.cookies import CookieError
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.web.server.starlette.starlette_websocket import is_host_allowed

from ui.people import Person, asked_by, people_sign_in, person_with
from ui.routes.addresses import base_path

# What a browser must not do with any answer of ours; an answer that says so itself knows better.
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
}

# Where Streamlit keeps files of sessions, which whoever sees the page to sign in has one of: what it shows, and what is
# uploaded, which stays in memory whether a page asked for it or not.
FILES = ("/media/", "/_stcore/upload_file/")
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Guard:
    """ASGI middleware: another site that has its name point to this machine is not answered (Streamlit itself looks at
    `server.allowedHosts` for its socket alone), files of sessions are for who signed in, and routes know who asks."""

    def __init__(self, app: ASGIApp):
        self._app = app
        base = f"/{base_path()}" if base_path() else ""
        self._files = tuple(f"{base}{place}" for place in FILES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and _is_neighbour(Headers(scope=scope)):
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        await self._answer(scope, receive, _with_headers(send))

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        app, who = self._app, None
        if not is_host_allowed(Headers(scope=scope).get("host")):
            said = "This server does not answer under that name. Its owner can add it to server.allowedHosts."
            app = PlainTextResponse(said, status_code=400)
        elif people_sign_in():
            who = _person(scope)
            if who is None and scope["path"].startswith(self._files):
                app = PlainTextResponse("Sign in first.", status_code=401)
        with asked_by(who):
            await app(scope, receive, send)


def _is_neighbour(headers: Headers) -> bool:
    """Whether a page of another server on this machine asks, which Streamlit would let in."""
    origin = urlsplit(headers.get("origin", ""))
    return origin.hostname in LOOPBACK and origin.netloc != headers.get("host")


def _person(scope: Scope) -> Person | None:
    try:
        return person_with(HTTPConnection(scope).cookies)
    except (CookieError, UnicodeError):
        return None


def _with_headers(send: Send) -> Send:
    async def add(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return add
