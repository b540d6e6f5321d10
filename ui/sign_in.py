"""Sign-in page, sharing switch.

The way in and out, where people sign in: whoever is not signed in sees this page and nothing else.

Who sees a run or an artifact, where people sign in, and its owner's switch.
"""

import streamlit as st
from streamlit.errors import Error

from core.library.permissions import EVERYONE
from ui.auth import current_user, is_sign_in_required, login_providers
from ui.components import escape_markdown
from ui.session import current_jobs


def show_sign_in() -> None:
    """A page with one button for each provider."""
    left = bool(st.user.get("is_logged_in"))
    st.title("Sign in again" if left else "Sign in")
    st.markdown(
        "Your sign-in has expired. What you have made is kept, and is here again when you come back."
        if left
        else "What you make here is yours alone until you share it."
    )
    for one in login_providers():
        if st.button(
            f"Sign in with {escape_markdown(one)}" if one else "Sign in", type="primary", icon=":material/login:"
        ):
            try:
                st.login(one) if one else st.login()
            except Error as error:  # the secrets lack something, or a package does
                st.error("Signing in is not set up rightly on this server. Tell whoever runs it.")
                st.code(str(error), language=None, wrap_lines=True)


def require_sign_in() -> None:
    """Go on where nobody need sign in, and where somebody has; they are named, with the way out."""
    if not is_sign_in_required():
        return
    who = current_user()
    if who is None:
        show_sign_in()
        st.stop()
    with st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center"):
        st.caption(f":material/person: {escape_markdown(who.viewer.name)}", width="content")
        if st.button("Sign out", type="tertiary", icon=":material/logout:"):
            st.logout()
            st.stop()  # what follows would run as nobody, and hold up the way out


def show_sharing(id_: str) -> None:
    """In words who sees an entry; for its owner a switch. Nothing where nobody signs in."""
    access = current_jobs().library.access
    if access.viewer_id is None:
        return
    folder = current_jobs().library.folder(id_)
    owner, shared = access.owner(folder), access.sole_viewer(folder) == EVERYONE
    if owner is None:
        st.caption(
            ":material/group: Nobody's: made before people signed in here. Everybody who signs in may change it."
        )
    elif owner != access.viewer_id:
        st.caption(":material/group: Shared with you. Only the person who made it can change it.")
    else:
        st.toggle(
            "Shared with everybody who signs in" if shared else "Private: only you",
            value=shared,
            key=f"shared-{id_}-{shared}",
            help=_sharing_help(id_, shared),
            on_change=_share,
            args=(id_, not shared),
        )


def _sharing_help(id_: str, is_shared: bool) -> str:
    if id_.startswith("r"):
        return (
            "Turn it off, and nobody else sees the run or a copy of it." if is_shared else "Turn it on to show others."
        )
    return "Its run stays shared." if is_shared else "Turn it on to show others this copy and its run."


def _share(id_: str, is_shared: bool) -> None:
    current_jobs().library.annotate(id_, shared=is_shared)
