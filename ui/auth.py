"""The signed-in user of a session or a request, by the cookie that Streamlit signs; the sign-in page.

Whether people sign in at all is read once, when the server starts, from the section [auth] of Streamlit's secrets.
Where they do, nobody is signed in without a cookie that is signed by this server, for its address, and not expired:
who is not sees the sign-in page and nothing else.
"""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

import streamlit as st
from streamlit.errors import Error

from core.errors import InputError, SignedOut
from core.library.permissions import Viewer
from ui.components import escape_markdown
from ui.streamlit_internals import (
    is_in_session,
    read_auth_section,
    read_sign_in_origin,
    read_signed_cookie,
    read_top_level_secret,
)


class SignedInUser(NamedTuple):
    """A signed-in user, and when the sign-in expires, in seconds since 1970."""

    viewer: Viewer
    expires: float


@cache
def is_sign_in_required() -> bool:
    """Whether this server asks people to sign in.

    Raises InputError where the secrets cannot be read: a typing error in them must not open the server to everybody.
    """
    files = [path for path in st.get_option("secrets.files") if Path(path).exists()]
    try:
        return bool(files) and read_top_level_secret("auth") is not None  # also by an empty section
    except ValueError as error:
        raise InputError(
            "The file of secrets cannot be read, so it is not known whether people must sign in.",
            received=Path(files[0]).name,
            cure="Correct or remove it, then start again.",
        ) from error


def login_providers() -> list[str | None]:
    """Return the providers that people may sign in with, as `st.login` calls them; None is the unnamed provider."""
    section = read_auth_section()
    names = [name for name, value in section.items() if isinstance(value, Mapping) and "client_id" in value]
    return [None] if "client_id" in section or not names else list(names)


_request_user: ContextVar[SignedInUser | None] = ContextVar("request_user", default=None)


def current_user() -> SignedInUser | None:
    """Return the signed-in user of this session or request; None where there is none, or the sign-in has expired."""
    if is_in_session():
        return user_from_claims(st.user.to_dict())
    user = _request_user.get()
    return user if user and user.expires > time.time() else None


def current_viewer() -> Viewer:
    """Return the signed-in user as a viewer of the library. Raises SignedOut."""
    if user := current_user():
        return user.viewer
    raise SignedOut("You are not signed in any more.", cure="Sign in, then do it again.")


@contextmanager
def acting_as(user: SignedInUser | None) -> Iterator[None]:
    """Make `user` the current user within this block, outside of a session."""
    token = _request_user.set(user)
    try:
        yield
    finally:
        _request_user.reset(token)


def user_from_claims(claims: Mapping[str, Any]) -> SignedInUser | None:
    """Return the user that a provider's claims name; None where they have expired, or lack the user or the expiry."""
    issuer, subject, expires = (claims.get(name) for name in ("iss", "sub", "exp"))
    if claims.get("is_logged_in") is not True or not _is_nonempty_text(issuer) or not _is_nonempty_text(subject):
        return None
    if isinstance(expires, bool) or not isinstance(expires, int | float) or not expires > time.time():
        return None
    name = next((text for text in (claims.get("name"), claims.get("email")) if _is_nonempty_text(text)), "Signed in")
    return SignedInUser(Viewer.from_identity(issuer, subject, name), float(expires))


def _is_nonempty_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and value != ""


def user_from_cookies(cookies: Mapping[str, str]) -> SignedInUser | None:
    """Return the user of a request's cookies; None unless they are signed by this server, for its own address."""
    try:
        claims = json.loads(read_signed_cookie(cookies) or b"{}")
    except ValueError:
        return None
    if not isinstance(claims, dict) or claims.get("origin") != read_sign_in_origin():
        return None
    return user_from_claims(claims)


def show_sign_in() -> None:
    """Show a page with one button for each provider."""
    has_expired = bool(st.user.get("is_logged_in"))
    st.title("Sign in again" if has_expired else "Sign in")
    st.markdown(
        "Your sign-in has expired. What you have made is kept, and is here again when you come back."
        if has_expired
        else "What you make here is yours alone until you share it."
    )
    for provider in login_providers():
        label = f"Sign in with {escape_markdown(provider)}" if provider else "Sign in"
        if st.button(label, type="primary", icon=":material/login:"):
            try:
                st.login(provider)
            except Error as error:  # the secrets lack something, or a package does
                st.error("Signing in is not set up rightly on this server. Tell whoever runs it.")
                st.code(str(error), language=None, wrap_lines=True)


def require_sign_in() -> None:
    """Show the user's name and a sign-out button, else the sign-in page alone; nothing where nobody signs in."""
    if not is_sign_in_required():
        return
    user = current_user()
    if user is None:
        show_sign_in()
        st.stop()
    with st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center"):
        st.caption(f":material/person: {escape_markdown(user.viewer.name)}", width="content")
        if st.button("Sign out", type="tertiary", icon=":material/logout:"):
            st.logout()
            st.stop()  # the page would run without a user, and delay the sign-out
