"""The way in and out, where people sign in: whoever is not signed in sees this page and nothing else."""

import streamlit as st
from streamlit.errors import Error

from ui.people import people_sign_in, person, providers
from ui.words import plain


def ask_to_sign_in() -> None:
    """A page with one button for each provider."""
    left = bool(st.user.get("is_logged_in"))
    st.title("Sign in again" if left else "Sign in")
    st.markdown(
        "Your sign-in has expired. What you have made is kept, and is here again when you come back."
        if left
        else "What you make here is yours alone until you share it."
    )
    for one in providers():
        if st.button(f"Sign in with {plain(one)}" if one else "Sign in", type="primary", icon=":material/login:"):
            try:
                st.login(one) if one else st.login()
            except Error as error:  # the secrets lack something, or a package does
                st.error("Signing in is not set up rightly on this server. Tell whoever runs it.")
                st.code(str(error), language=None, wrap_lines=True)


def let_in() -> None:
    """Go on where nobody need sign in, and where somebody has; they are named, with the way out."""
    if not people_sign_in():
        return
    who = person()
    if who is None:
        ask_to_sign_in()
        st.stop()
    with st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center"):
        st.caption(f":material/person: {plain(who.viewer.name)}", width="content")
        if st.button("Sign out", type="tertiary", icon=":material/logout:"):
            st.logout()
            st.stop()  # what follows would run as nobody, and hold up the way out
