"""The route of what answers in a browser: known names only, types, a policy, and a cache that may keep it for good."""

import base64
import json
from pathlib import Path

import numpy as np
import pytest

from core.browser_runtimes import LOCK
from core.browser_runtimes.exchange import ROWS
from core.jobs import Jobs
from core.library import Library
from core.runtimes.reference import Reference
from core.settings import Settings
from tests.factories.library_entries import make_artifact, make_run, make_run_with_reference
from tests.factories.route_requests import request_route
from ui.routes import browser_rows_url
from ui.routes.browser_runtimes import BARE_IMPORT, WORKER_FOLDER, served_version, worker_url
from ui.routes.urls import browser_url

LITERT, OLD, NEW = BARE_IMPORT


@pytest.fixture
def runtimes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the runtimes of the lock would lie; none of them is there."""
    settings = Settings(browser_runtimes=tmp_path)
    monkeypatch.setattr("core.browser_runtimes.installed.get_settings", lambda: settings)
    return tmp_path / LOCK.fingerprint


def request_file(name: str, version: str = ""):
    return request_route(browser_url(version or served_version(), name))


def test_worker_is_served_with_policy_type_and_lasting_cache(runtimes: Path):
    reply = request_route(worker_url())
    assert (reply.status, reply.body) == (200, (WORKER_FOLDER / "worker.js").read_bytes())
    assert reply.headers["content-type"].startswith("text/javascript")
    assert reply.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["content-security-policy"] == (
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'"
    )


@pytest.mark.parametrize(
    "name",
    [
        "",
        "roundtrip/",
        "roundtrip/nothing.js",
        "roundtrip/../panel.py",
        "roundtrip/%2e%2e/panel.py",
        "onnxruntime-web/package.json",
        "onnxruntime-web/dist/../../lock.json",
        "../../app.py",
        "//etc/hostname",
    ],
)
def test_names_that_are_not_written_down_are_not_found(runtimes: Path, name: str):
    reply = request_file(name)
    assert reply.status == 404
    assert reply.headers["cache-control"] == "no-store"


def test_file_of_another_version_is_not_found(runtimes: Path):
    reply = request_file("roundtrip/worker.js", "0123456789abcdef")
    assert (reply.status, reply.body) == (404, b"This is of another version. Reload the page.")


def test_runtime_that_was_not_fetched_names_the_command(runtimes: Path):
    reply = request_file("onnxruntime-web/dist/ort.wasm.min.mjs")
    assert reply.status == 503
    assert b"make browser-runtimes" in reply.body


def test_runtime_file_with_other_bytes_is_not_served(runtimes: Path):
    path = runtimes / "onnxruntime-web" / "dist" / "ort-wasm-simd-threaded.wasm"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\0asm")
    reply = request_file("onnxruntime-web/dist/ort-wasm-simd-threaded.wasm")
    assert reply.status == 503
    assert b"missing or was changed" in reply.body


def test_litert_finds_its_second_package_by_a_path(runtimes: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    path = tmp_path / "index.js"
    monkeypatch.setattr("ui.routes.browser_runtimes.find_file", lambda name: path)
    path.write_bytes(b"import { createWasmLib } " + OLD)
    assert request_file(LITERT).body == b"import { createWasmLib } " + NEW
    path.write_bytes(b"export const other = 1")
    assert request_file(LITERT).status == 503


@pytest.fixture
def library(empty_library: Library, empty_jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> Library:
    """An empty library that the routes serve."""
    monkeypatch.setattr("ui.session.current_jobs", lambda: empty_jobs)
    return empty_library


def test_rows_are_the_first_of_the_reference_bit_for_bit(library: Library):
    values = np.linspace(-1, 1, 3 * (ROWS + 5)).astype("float32").reshape(-1, 3)
    run = make_run_with_reference(library, Reference({"x": values}, {"y": values[:, :1]}, {}))
    reply = request_route(browser_rows_url(run.id))
    (sent,) = json.loads(reply.body)
    assert (reply.status, sent["name"], sent["dtype"], sent["dims"]) == (200, "x", "float32", [ROWS, 3])
    assert base64.b64decode(sent["base64"]) == values[:ROWS].tobytes()


def test_rows_of_an_unknown_run_are_not_found(library: Library):
    run = make_run(library)
    artifact = make_artifact(library, run)
    assert request_route(browser_rows_url("r00000000ff")).status == 404
    assert request_route(browser_rows_url(artifact.id)).status == 404


def test_rows_of_text_are_refused_in_a_sentence(library: Library):
    words = np.array(["a", "b"], object)
    run = make_run_with_reference(library, Reference({"x": words}, {"y": np.zeros(2)}, {}))
    reply = request_route(browser_rows_url(run.id))
    assert reply.status == 400
    assert b"runtime does not take this" in reply.body
