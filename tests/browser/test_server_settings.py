"""What the server refuses as it is started by `make run`: other names, other sites, uploads without a token."""

import tomllib

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.browser.server import PROJECT

pytestmark = pytest.mark.trust

STREAM = "/_stcore/stream"


def test_server_config_has_secure_settings():
    document = tomllib.loads((PROJECT / ".streamlit" / "config.toml").read_text())
    server = document["server"]
    assert server["address"] == "127.0.0.1"
    assert server["allowedHosts"] == ["127.0.0.1", "localhost", "::1"]
    assert (server["enableCORS"], server["enableXsrfProtection"], server["enableStaticServing"]) == (True, True, False)
    assert server["maxUploadSize"] == 1
    assert document["browser"]["gatherUsageStats"] is False
    assert document["client"]["showErrorDetails"] == "none"


@pytest.mark.parametrize("path", ["/", "/health", "/download/a0000000000", "/_stcore/health", "/no-such-page"])
@pytest.mark.parametrize("host", ["rebound.example", "127.0.0.1.rebound.example", "localhost@rebound.example", ""])
def test_server_refuses_foreign_host_header(server, path, host):
    reply = httpx.get(server.url + path, headers={"Host": host})
    assert (reply.status_code, reply.text[:33]) == (400, "This server does not answer under")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"])
def test_server_accepts_local_host_names(server, host):
    port = server.url.rpartition(":")[2]
    assert httpx.get(f"{server.url}/health", headers={"Host": f"{host}:{port}"}).status_code == 200


@pytest.mark.parametrize("origin", ["http://elsewhere.example", "http://127.0.0.1:1", "null"])
def test_server_refuses_websocket_from_foreign_origin(server, origin):
    with pytest.raises(InvalidStatus) as caught, connect(server.url.replace("http", "ws") + STREAM, origin=origin):
        pass
    assert caught.value.response.status_code == 403


def test_server_refuses_websocket_with_rebound_host(server):
    address, name = server.url.replace("http", "ws") + STREAM, "http://rebound.example"
    with (
        pytest.raises(InvalidStatus) as caught,
        connect(address.replace("127.0.0.1", "localhost"), origin=name, additional_headers={"X-Forwarded-Host": name}),
    ):
        pass
    assert caught.value.response.status_code == 403


def test_server_accepts_websocket_from_own_origin(server):
    with connect(server.url.replace("http", "ws") + STREAM, origin=server.url) as socket:
        assert socket.state.name == "OPEN"


@pytest.mark.parametrize("token", [{}, {"X-Xsrftoken": "guessed"}])
def test_an_upload_without_the_token_of_a_session_is_refused(server, token):
    address = f"{server.url}/_stcore/upload_file/some-session/some-file"
    reply = httpx.put(address, headers=token, files={"file": b"content"})
    assert reply.status_code == 403


@pytest.mark.parametrize("headers", [{}, {"X-Xsrftoken": "aa", "Cookie": "_streamlit_xsrf=bb"}])
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/uploads"), ("PATCH", "/uploads/u0"), ("DELETE", "/uploads/u0")]
)
def test_a_piece_without_the_token_of_a_page_is_refused(server, headers, method, path):
    reply = httpx.request(method, server.url + path, headers=headers, content=b"content")
    assert (reply.status_code, reply.text[:31]) == (403, "Only a page of this server can ")


def test_another_site_may_not_ask_to_send_files(server):
    asked = {"Origin": "http://elsewhere.example", "Access-Control-Request-Method": "PATCH"}
    reply = httpx.options(f"{server.url}/uploads", headers=asked)
    assert (reply.status_code, [name for name in reply.headers if name.startswith("access-control")]) == (403, [])


def test_server_sends_no_cors_header(server):
    reply = httpx.get(f"{server.url}/health", headers={"Origin": "http://elsewhere.example"})
    assert "access-control-allow-origin" not in reply.headers


@pytest.mark.parametrize("path", ["/", "/health", "/download/a0000000000", "/_stcore/health"])
def test_server_responses_have_security_headers(server, path):

    headers = httpx.get(server.url + path).headers
    assert headers.get_list("x-content-type-options") == ["nosniff"]
    assert headers["x-frame-options"] == "SAMEORIGIN"
    assert headers["referrer-policy"] == "same-origin"


def test_server_serves_no_folder(server):
    for path in ("/app/static/run.json", "/app/static/../app.py", "/static/../../app.py", "/store/catalog.sqlite"):
        reply = httpx.get(server.url + path)
        assert reply.status_code == 404 or "<!doctype html>" in reply.text.lower(), path
