"""The jobs of the server, with its library and its worker, made once and cached.

What is cached here and elsewhere is cached for all users: permissions are checked before it is read.
"""

import streamlit as st

from core.errors import SignedOut
from core.jobs import Jobs
from core.runtimes.reference import Reference
from ui.auth import current_viewer, is_sign_in_required


@st.cache_resource(show_spinner=False)
def server_jobs() -> Jobs:
    """The jobs of this server, for the server itself: they see everything. Kept when a source file is edited."""
    return Jobs()


def current_jobs() -> Jobs:
    """The jobs as the user of this session or request sees them; all of them where nobody signs in.

    A session whose user is signed out is run again, and asks them to sign in; anything else raises SignedOut.
    """
    if not is_sign_in_required():
        return server_jobs()
    try:
        return server_jobs().for_viewer(current_viewer())
    except SignedOut:
        st.rerun()  # does nothing outside of a page, and in what a click calls
        raise


def load_reference(run_id: str) -> Reference:
    """The reference of a run. Raises UnknownName, Damaged."""
    current_jobs().library.folder(run_id)  # which checks permissions
    return _cached_reference(run_id)


@st.cache_data(show_spinner=False, max_entries=32)
def _cached_reference(run_id: str) -> Reference:
    """By the run's id alone: a run never changes."""
    return current_jobs().library.reference(run_id)
