"""Who is asking: the person of a session or of a request, by the cookie that Streamlit signs after `st.login`.

Whether people sign in at all is read once, when the server starts, from the section [auth] of Streamlit's secrets.
Where they do, whoever has no cookie, or one that is not signed by us, is for another address or past its time, is
nobody.
"""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import streamlit as st
from streamlit import config
from streamlit.auth_util import get_cookie_with_chunks, get_origin_from_redirect_uri, get_secrets_auth_section
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.secrets import secrets_singleton
from streamlit.web.server.server_util import get_cookie_secret
from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

from core.errors import InputError, SignedOut
from core.library.permissions import Viewer


class SignedInUser(NamedTuple):
    """Who signed in, and until when: seconds since 1970."""

    viewer: Viewer
    expires: float


@cache
def is_sign_in_required() -> bool:
    """Whether this server asks people to sign in. Raises InputError where the secrets cannot be read: a server that was
    meant to ask is not opened to everybody by a slip of the pen."""
    named = [one for one in config.get_option("secrets.files") if Path(one).exists()]
    if named and not secrets_singleton.load_if_toml_exists():
        raise InputError(
            "The file of secrets cannot be read, so it is not known whether people must sign in.",
            received=Path(named[0]).name,
            cure="Correct or remove it, then start again.",
        )
    return bool(named) and secrets_singleton.get("auth") is not None  # an empty section, too, is meant to ask


def login_providers() -> list[str | None]:
    """Whom people may sign in with, as `st.login` calls them: None is the one that has no name."""
    section = get_secrets_auth_section()
    named = [name for name, one in section.items() if isinstance(one, Mapping) and "client_id" in one]
    return [None] if "client_id" in section or not named else list(named)


_request_user: ContextVar[SignedInUser | None] = ContextVar("asking", default=None)


def current_user() -> SignedInUser | None:
    """The person of this session, or of this request; None where nobody is signed in any more."""
    if get_script_run_ctx(suppress_warning=True):
        return user_from_claims(st.user.to_dict())
    found = _request_user.get()
    return found if found and found.expires > time.time() else None


def current_viewer() -> Viewer:
    """Raises SignedOut."""
    if found := current_user():
        return found.viewer
    raise SignedOut("You are not signed in any more.", cure="Sign in, then do it again.")


@contextmanager
def acting_as(user: SignedInUser | None) -> Iterator[None]:
    """What is done in here outside of a session, is done for that person."""
    before = _request_user.set(user)
    try:
        yield
    finally:
        _request_user.reset(before)


def user_from_claims(claims: Mapping[str, Any]) -> SignedInUser | None:
    """Who the claims of a provider speak of; None where they are past their time, or do not say who and until when."""
    issuer, subject, until = (claims.get(name) for name in ("iss", "sub", "exp"))
    if claims.get("is_logged_in") is not True or not _is_nonempty_text(issuer) or not _is_nonempty_text(subject):
        return None
    if isinstance(until, bool) or not isinstance(until, int | float) or not until > time.time():
        return None
    name = next((one for one in (claims.get("name"), claims.get("email")) if _is_nonempty_text(one)), "Signed in")
    return SignedInUser(Viewer.from_identity(issuer, subject, name), float(until))


def _is_nonempty_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def user_from_cookies(cookies: Mapping[str, str]) -> SignedInUser | None:
    """Whom the cookies of a request belong to: signed with this server's secret, for the address at which it is."""
    secret = get_cookie_secret()

    def one(name: str) -> bytes | None:
        value = cookies.get(name)
        return value and decode_signed_value(secret, name, value.encode("latin-1", "replace"))

    try:
        claims = json.loads(get_cookie_with_chunks(one, USER_COOKIE_NAME) or b"{}")
    except ValueError:
        return None
    if not isinstance(claims, dict) or claims.get("origin") != get_origin_from_redirect_uri():
        return None
    return user_from_claims(claims)
