"""The panel on the page of a copy: with a canvas for models of drawings, else with rows of the test examples."""

import streamlit as st

from core.jobs.live_session import LiveSession
from core.library import Artifact
from core.text.labels import short_labels
from ui.in_browser.panel import find_browser_copies, show_in_browser
from ui.session import current_jobs

MAX_PANELS = 8  # whose sessions one visitor keeps: several copies' pages stand on Save


@st.cache_resource(scope="session", max_entries=MAX_PANELS, on_release=LiveSession.close, show_spinner=False)
def _open_copy_session(id_: str) -> LiveSession:
    return current_jobs().create_live_session([id_], {})


def show_copy_in_browser(artifact: Artifact) -> None:
    """Show the panel where a copy is a file for a browser, folded; nothing is loaded before it is asked for."""
    run = current_jobs().library.run(artifact.run)
    if not run.has_been_run or not find_browser_copies(run, [artifact.id]):
        return
    key = f"in-browser-{artifact.id}"
    label = "Pull the plug: let this browser answer"
    with st.expander(label, icon=":material/power_off:", on_change="rerun", key=key) as expander:
        if expander.open:
            names = short_labels([artifact.id], {artifact.id: artifact})
            show_in_browser(run, names, lambda: _open_copy_session(artifact.id), key)
