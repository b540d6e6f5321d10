"""Wrappers of Streamlit's internals; the only module that imports from beyond its documented interface.

Signing in and guarding the routes need them. To change Streamlit's version, read the modules that are imported here
again, then change `WRITTEN_FOR`; a test compares it with the pinned version, and another looks for such imports
elsewhere.
"""

from collections.abc import Mapping
from typing import Any

from streamlit.auth_util import get_cookie_with_chunks, get_origin_from_redirect_uri, get_secrets_auth_section
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.secrets import secrets_singleton
from streamlit.web.server.server_util import get_cookie_secret, is_xsrf_enabled
from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value, validate_xsrf_token
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME, XSRF_COOKIE_NAME
from streamlit.web.server.starlette.starlette_websocket import is_host_allowed

__all__ = [
    "SESSION_FILE_PATHS",
    "TOKEN_COOKIE",
    "WRITTEN_FOR",
    "get_cookie_secret",
    "has_page_token",
    "is_host_allowed",
    "is_in_session",
    "read_auth_section",
    "read_sign_in_origin",
    "read_signed_cookie",
    "read_top_level_secret",
]

WRITTEN_FOR = "1.67.0"

TOKEN_COOKIE = XSRF_COOKIE_NAME  # of the token that a page shows for each upload

# Paths at which Streamlit serves and takes the files of sessions. The sign-in page has a session, too, and an upload to
# it stays in memory even if no page asked for it.
SESSION_FILE_PATHS = ("/media/", "/_stcore/upload_file/")


def is_in_session() -> bool:
    """Whether this runs in a session's script, not in a route, another thread or the start of the server."""
    return get_script_run_ctx(suppress_warning=True) is not None


def has_page_token(headers: Mapping[str, str], cookies: Mapping[str, str]) -> bool:
    """Whether a request shows the token in its cookie once more in a header, as only a page of this server can."""
    return not is_xsrf_enabled() or validate_xsrf_token(headers.get("x-xsrftoken"), cookies.get(XSRF_COOKIE_NAME))


def read_top_level_secret(name: str) -> Any | None:
    """Return a section or value of the secrets. Raises ValueError when their files exist and cannot be read."""
    if not secrets_singleton.load_if_toml_exists():
        raise ValueError("The file of secrets cannot be read")
    return secrets_singleton.get(name)


def read_auth_section() -> Mapping[str, Any]:
    """Return the section [auth] of the secrets, empty where there is none."""
    return get_secrets_auth_section()


def read_sign_in_origin() -> str | None:
    """Return scheme, host and port at which people sign in, from `redirect_uri` in the secrets."""
    return get_origin_from_redirect_uri()


def read_signed_cookie(cookies: Mapping[str, str]) -> bytes | None:
    """Return the JSON that `st.login` wrote about a user into cookies; None unless this server's secret signs it."""
    secret = get_cookie_secret()

    def read_chunk(name: str) -> bytes | None:
        value = cookies.get(name)
        return decode_signed_value(secret, name, value.encode("latin-1", "replace")) if value else None

    return get_cookie_with_chunks(read_chunk, USER_COOKIE_NAME)
