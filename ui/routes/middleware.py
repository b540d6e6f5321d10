"""What our server adds to Streamlit's own answers."""

import json

from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.routes.addresses import base_path
from ui.routes.guarding import Guard

# Streamlit's page asks for its server below the path of the page first, which fails loudly on every deep link. It asks
# once, and right, where it is told.
TOLD = b"<script>window.__streamlit = {BACKEND_BASE_URL: location.origin + %s}</script>"


class TellWhereTheServerIs:
    """ASGI middleware: puts the server's own address into the HTML of the app, and touches nothing else."""

    def __init__(self, app: ASGIApp):
        self._app = app
        base = base_path()
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
        # A page with a policy of its own, as the graph viewer has, is not Streamlit's.
        ours = "text/html" in headers.get("content-type", "") and "content-security-policy" not in headers
        if ours and b"<head>" in body and not message.get("more_body"):
            body = body.replace(b"<head>", b"<head>" + self._script, 1)
            headers["content-length"] = str(len(body))
        return {**message, "body": body}, {**start, "headers": headers.raw}


def _asks_for_a_page(scope: Scope) -> bool:
    return scope["method"] == "GET" and b"text/html" in dict(scope["headers"]).get(b"accept", b"")


MIDDLEWARE = [Middleware(Guard), Middleware(TellWhereTheServerIs)]
