"""Requests of our routes without a server, and artifacts to request."""

import asyncio
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
from starlette.applications import Starlette

from core.compare import Verdict
from core.evidence.records import Evidence, ReloadOutcome
from core.library import Artifact, Library
from core.runtimes.reference import Reference
from tests.factories.event_loops import run_coroutine
from ui.routes import ROUTES

FACTS = {"demo": None, "settings": None, "kind": "keras", "parameters": 1, "summary": "", "inputs": []}


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


def make_artifact_of(library: Library, **contents: bytes) -> Artifact:
    """An artifact of these files; "__" in a name is a folder's end."""
    with library.staging() as staged:
        (staged / "snapshot").mkdir()
        Reference({"x": np.zeros(1)}, {"y": np.zeros(1)}, {}).write(staged / "reference.npz")
        run = library.commit_run(staged, FACTS | {"name": "a run", "weights": [], "optimizer": []})
    with library.staging() as staged:
        for name, content in contents.items():
            path = staged / "files" / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        evidence = Evidence(without_code=ReloadOutcome(verdict=Verdict.BIT_IDENTICAL))
        return library.commit_artifact(staged, run.id, evidence, format="keras", seconds=0.1)


def request_route(
    address: str,
    method: str = "GET",
    between: Callable[[], object] = lambda: None,
    body: Iterable[bytes] | None = None,
    is_cut: bool = False,
    **headers: str,
) -> Reply:
    """What our routes answer; `between` is done when the headers are out.

    `body` comes in these parts; with `is_cut` the connection breaks behind them.
    """
    given = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    path, _, query = address.partition("?")
    scope = {"type": "http", "asgi": {"version": "3.0", "spec_version": "2.4"}, "http_version": "1.1"}
    scope |= {
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": given,
    }
    result: dict = {"body": b""}

    parts = iter([] if body is None else body)

    async def receive():
        if body is None:
            await asyncio.sleep(60)
        if (part := next(parts, None)) is not None:
            return {"type": "http.request", "body": part, "more_body": True}
        return {"type": "http.disconnect"} if is_cut else {"type": "http.request", "body": b"", "more_body": False}

    async def hear(message):
        if message["type"] == "http.response.start":
            result["status"] = message["status"]
            result["headers"] = {name.decode(): value.decode() for name, value in message["headers"]}
            between()
        result["body"] += message.get("body", b"")

    run_coroutine(Starlette(routes=ROUTES)(scope, receive, hear))
    return Reply(result["status"], result["headers"], result["body"])
