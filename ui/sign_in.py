"""Sign-in page and sign-out button.

Users who are not signed in see the sign-in page and nothing else.
"""

import streamlit as st
from streamlit.errors import Error

from ui.auth import current_user, is_sign_in_required, login_providers
from ui.components import escape_markdown


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
