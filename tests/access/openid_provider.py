"""A small OpenID provider on this machine: a page that asks who you are, codes, and tokens that it signs."""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT = {"client_id": "roundtrip", "client_secret": "told to both"}
TOKEN_SECONDS = 3600
# Name, what the provider calls them, and for how many seconds a token is good: the last one came too late.
PEOPLE = {"Ada": ("1", TOKEN_SECONDS), "Bo": ("2", TOKEN_SECONDS), "Late Ada": ("1", -30)}


class OpenIdProvider(NamedTuple):
    """Where it answers."""

    url: str

    def secrets(self, cookie_secret: str, address: str = "http://127.0.0.1:{port}") -> str:
        """What stands in the secrets of a server whose people sign in here, and open it at that address."""
        return (
            f'[auth]\nredirect_uri = "{address}/oauth2callback"\ncookie_secret = "{cookie_secret}"\n'
            f'client_id = "{CLIENT["client_id"]}"\nclient_secret = "{CLIENT["client_secret"]}"\n'
            f'server_metadata_url = "{self.url}/.well-known/openid-configuration"\n'
        )


class _Handler(BaseHTTPRequestHandler):
    key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
    codes: dict[str, dict[str, str]] = {}

    @property
    def _url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        {
            "/.well-known/openid-configuration": self._metadata,
            "/jwks": lambda _: self._send(json.dumps({"keys": [self.key.as_dict(private=False)]})),
            "/authorize": self._ask,
            "/chosen": self._chosen,
        }.get(parts.path, lambda _: self._send("", 204))(query)

    def _metadata(self, _: dict[str, str]) -> None:
        result: dict[str, Any] = {"issuer": self._url, "id_token_signing_alg_values_supported": ["RS256"]}
        for name, path in (("authorization", "authorize"), ("token", "token")):
            result[f"{name}_endpoint"] = f"{self._url}/{path}"
        result |= {"jwks_uri": f"{self._url}/jwks", "code_challenge_methods_supported": ["S256"]}
        self._send(json.dumps(result | {"response_types_supported": ["code"], "subject_types_supported": ["public"]}))

    def _ask(self, query: dict[str, str]) -> None:
        links = [f'<p><a href="/chosen?{escape(urlencode(query | {"name": name}))}">{name}</a></p>' for name in PEOPLE]
        self._send(f"<!doctype html><title>Provider</title><h1>Who are you?</h1>{''.join(links)}", media="text/html")

    def _chosen(self, query: dict[str, str]) -> None:
        code = secrets.token_urlsafe()
        self.codes[code] = query
        self.send_response(302)
        self.send_header("Location", f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        request = self.codes.pop(form["code"][0])
        basic = base64.b64encode(":".join(CLIENT.values()).encode()).decode()
        proof = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"][0].encode()).digest()).rstrip(b"=")
        if self.headers["Authorization"] != f"Basic {basic}" or request["code_challenge"] != proof.decode():
            self._send(json.dumps({"error": "invalid_client"}), 400)
            return
        subject, seconds = PEOPLE[request["name"]]
        claims = {"iss": self._url, "sub": subject, "aud": CLIENT["client_id"], "nonce": request["nonce"]}
        claims |= {"name": request["name"], "email": "same@provider.example", "iat": int(time.time()) - TOKEN_SECONDS}
        claims |= {"exp": int(time.time()) + seconds}
        token = jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.key)
        self._send(json.dumps({"access_token": "unused", "token_type": "Bearer", "id_token": token}))

    def _send(self, text: str, status: int = 200, media: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", media)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def run_provider() -> Iterator[OpenIdProvider]:
    """A running provider."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield OpenIdProvider(f"http://127.0.0.1:{server.server_address[1]}")
        server.shutdown()
