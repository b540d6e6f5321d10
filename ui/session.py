"""The one office of the server: its library, its worker and its jobs, as whoever asks may see them. Caching only; the
work is done in core.

What is cached here and elsewhere is cached for all: who asks for it is looked at before.
"""

import streamlit as st

from core.errors import SignedOut
from core.jobs import Jobs
from ui.auth import current_viewer, is_sign_in_required


@st.cache_resource(show_spinner=False)
def server_jobs() -> Jobs:
    """The jobs of this server, made once, and kept when a source file is edited. It sees everything: for the server."""
    return Jobs()


def current_jobs() -> Jobs:
    """The jobs as the person of this session or request sees them; all of them where nobody signs in.

    A session whose person is signed out is begun again, and asks for it; anything else raises SignedOut.
    """
    if not is_sign_in_required():
        return server_jobs()
    try:
        return server_jobs().for_viewer(current_viewer())
    except SignedOut:
        st.rerun()  # does nothing outside of a page, and in what a click calls
        raise


def load_reference(run_id: str):
    """The reference of a run. Raises UnknownName, Damaged."""
    current_jobs().library.folder(run_id)
    return _cached_reference(run_id)


@st.cache_data(show_spinner=False, max_entries=32)
def _cached_reference(run_id: str):
    """A run never changes, so its id is key enough."""
    return current_jobs().library.reference(run_id)
