"""Sign-in page, sign-out button, and the toggle with which an owner shares a run or an artifact.

Users who are not signed in see the sign-in page and nothing else.
"""

import streamlit as st
from streamlit.errors import Error

from core.library.permissions import EVERYONE
from ui.auth import current_user, is_sign_in_required, login_providers
from ui.components import escape_markdown
from ui.session import current_jobs

# By the first letter of the id ("r" for a run, "a" for an artifact), and whether it is shared.
SHARING_HELP = {
    ("r", True): "Turn it off, and nobody else sees the run or a copy of it.",
    ("r", False): "Turn it on to show others.",
    ("a", True): "Its run stays shared.",
    ("a", False): "Turn it on to show others this copy and its run.",
}


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


def show_sharing(id_: str) -> None:
    """Show who sees a run or an artifact, to its owner as a toggle; nothing where nobody signs in."""
    access = current_jobs().library.access
    if access.viewer_id is None:
        return
    folder = current_jobs().library.folder(id_)
    owner, is_shared = access.owner(folder), access.sole_viewer(folder) == EVERYONE
    if owner is None:
        st.caption(
            ":material/group: Nobody's: made before people signed in here. Everybody who signs in may change it."
        )
    elif owner != access.viewer_id:
        st.caption(":material/group: Shared with you. Only the person who made it can change it.")
    else:
        st.toggle(
            "Shared with everybody who signs in" if is_shared else "Private: only you",
            value=is_shared,
            key=f"shared-{id_}-{is_shared}",
            help=SHARING_HELP[id_[0], is_shared],
            on_change=_share,
            args=(id_, not is_shared),
        )


def _share(id_: str, is_shared: bool) -> None:
    current_jobs().library.annotate(id_, shared=is_shared)
