"""Requests of our routes without a server, and artifacts to request."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from typing import Any, NamedTuple

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
    heard = _Heard(between)
    run_coroutine(Starlette(routes=ROUTES)(_scope(address, method, headers), _Given(body, is_cut), heard))
    return Reply(heard.status, heard.headers, heard.body)


def _scope(address: str, method: str, headers: Mapping[str, str]) -> dict[str, Any]:
    """What a server tells an application of a request."""
    path, _, query = address.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()],
    }


class _Given:
    """The parts of a request's body, then its end; where there is no body, its end comes after a minute."""

    def __init__(self, body: Iterable[bytes] | None, is_cut: bool) -> None:
        self._has_body, self._parts, self._is_cut = body is not None, iter(body or ()), is_cut

    async def __call__(self) -> dict[str, Any]:
        if not self._has_body:
            await asyncio.sleep(60)
        if (part := next(self._parts, None)) is not None:
            return {"type": "http.request", "body": part, "more_body": True}
        end = {"type": "http.request", "body": b"", "more_body": False}
        return {"type": "http.disconnect"} if self._is_cut else end


class _Heard:
    """What an application sends."""

    def __init__(self, between: Callable[[], object]) -> None:
        self.status, self.headers, self.body, self._between = 0, dict[str, str](), b"", between

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            self._between()
        self.body += message.get("body", b"")
