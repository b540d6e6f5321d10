"""Job service of the server, with its library and its worker, made once and cached; the worker's state in a line.

All caches here and elsewhere are shared by all users: permissions are checked before they are read.
"""

from typing import TYPE_CHECKING

import streamlit as st

from core.errors import SignedOut
from core.jobs import Jobs
from core.runtimes.reference import Reference
from core.text.numbers import format_duration
from ui.auth import current_viewer, is_sign_in_required

if TYPE_CHECKING:
    from core.telemetry.metrics import Metrics


@st.cache_resource(show_spinner=False)
def server_jobs() -> Jobs:
    """Return the job service of the server itself, without permission checks; cached beyond edits of source files."""
    return Jobs()


@st.cache_resource(show_spinner=False)
def server_metrics() -> "Metrics":
    """Return the metrics of this server, counted from the first call on."""
    from core.telemetry.metrics import Metrics  # which a server without metrics does not need

    return Metrics()


def current_jobs() -> Jobs:
    """Return the job service for the user of this session or request; the server's own where nobody signs in.

    A session whose user is signed out is run again and shows the sign-in page; elsewhere this raises SignedOut.
    """
    if not is_sign_in_required():
        return server_jobs()
    try:
        return server_jobs().for_viewer(current_viewer())
    except SignedOut:
        st.rerun()  # does nothing outside of a page, and in callbacks
        raise


def load_reference(run_id: str) -> Reference:
    """Return the reference of a run. Raises UnknownName, Damaged."""
    current_jobs().library.folder(run_id)  # which checks permissions
    return _cached_reference(run_id)


@st.cache_data(show_spinner=False, max_entries=32)
def _cached_reference(run_id: str) -> Reference:
    """Return the reference of a run; cached by its id, because a run never changes."""
    return current_jobs().library.reference(run_id)


def show_worker_state(is_polling: bool) -> None:
    """Show the state of the worker; `is_polling` is whether this is drawn every second."""
    state = current_jobs().worker.state()
    texts = {
        "cold": ":material/hourglass_empty: TensorFlow is about to warm up.",
        "warming": f":material/hourglass_top: TensorFlow is warming up, {format_duration(state.seconds)}",
        "ready": ":green[:material/check_circle:] TensorFlow is ready.",
        "failed": ":red[:material/error:] TensorFlow did not start; your next job tries again.",
    }
    st.markdown(texts[state.phase])
    if state.phase == "ready" and is_polling:
        st.rerun()  # which draws it without polling
