"""The routes of the graph viewer: verified bytes alone, painted where that is asked for."""

import pytest

from core.library import Library
from core.library import integrity as checking
from tests.factories.route_requests import make_artifact_of, request_route
from tests.ui.test_downloads import CONTENT, list_staged, stored_file
from ui.routes import endpoints
from ui.routes.urls import graph_token, graph_viewer_url


def test_graph_viewer_gets_only_verified_bytes(library: Library, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ui.routes.graph_viewer.current_jobs", endpoints.current_jobs)
    artifact_of = make_artifact_of(library, **{"model.keras": CONTENT})
    address = f"/graph/{artifact_of.id}/{graph_token(artifact_of.id)}/files/model.keras"
    reply = request_route(address)
    assert (reply.status, reply.body, reply.headers["cache-control"]) == (200, CONTENT, "no-store")
    assert "sandbox allow-scripts" in reply.headers["content-security-policy"]
    assert request_route(address, range="bytes=5-9").body == CONTENT[5:10]
    assert request_route(address.replace("model.keras", "../artifact.json")).status == 404

    def change():
        stored_file(library, artifact_of, "model.keras").write_bytes(b"x" * len(CONTENT))

    with pytest.raises(checking.Damaged):
        request_route(address, between=change)
    assert request_route(address).status == 404
    assert list_staged(library) == []


def test_graph_viewer_looks_in_vain_for_files_beside_without_an_error(
    library: Library, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("ui.routes.graph_viewer.current_jobs", endpoints.current_jobs)
    artifact = make_artifact_of(library, **{"config.json": b"{}", "metadata.json": b'{"keras_version": "3"}'}).id
    files = f"/graph/{artifact}/{graph_token(artifact)}/files"
    replies = {name: request_route(f"{files}/{name}") for name in ("metadata.json", "model.weights.h5", "other.json")}
    assert {name: reply.status for name, reply in replies.items()} == {
        "metadata.json": 200,
        "model.weights.h5": 204,
        "other.json": 404,
    }
    beside_a_folder = files.removesuffix("files") + "model/metadata.json"  # where it looks beside model/config.json
    assert request_route(beside_a_folder).status == 204


def test_graph_viewer_paints_only_where_it_is_asked_for(library: Library, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ui.routes.graph_viewer.current_jobs", endpoints.current_jobs)
    artifact = make_artifact_of(library, **{"model.keras": CONTENT}).id
    plain, painted = (graph_viewer_url(artifact, graph_token(artifact), is_painted) for is_painted in (False, True))
    assert b"painting.js" not in request_route(plain).body
    assert b'<script type="module" src="painting.js"></script></head>' in request_route(painted).body
    script = request_route(f"{plain}painting.js")
    assert (script.status, script.headers["content-type"]) == (200, "text/javascript; charset=utf-8")
    assert b"addEventListener" in script.body
