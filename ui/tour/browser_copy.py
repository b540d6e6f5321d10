"""The copy of a tour that answers in the visitor's browser: it is saved when it is asked for."""

import streamlit as st

from core.library import Query, Run
from core.library.job_store import Job
from ui.in_browser.panel import PURPOSE
from ui.job_progress import follow_job
from ui.session import current_jobs

FORMAT = "onnx"  # any browser runs it


def find_browser_copy(run: Run) -> str | None:
    """Return the id of a run's newest copy for browsers, None where there is none yet."""
    entries = current_jobs().library.page(Query(run=run.id, formats=(FORMAT,))).entries
    return next((entry.id for entry in entries if entry.problem is None), None)


def offer_browser_copy(run: Run) -> None:
    """Show the button that saves a copy for browsers, and how far its save is."""
    st.header("Pull the plug", anchor=False)
    st.markdown(PURPOSE)
    job = _find_save(run)
    if job and (job.is_active or job.state == "failed"):
        follow_job(job)
    if not job or not job.is_active:
        label = "Save an ONNX copy for this browser"
        st.button(label, icon=":material/power_off:", on_click=_save, args=(run.id,))


def _find_save(run: Run) -> Job | None:
    """The newest save that is for the browser alone."""
    store = current_jobs().job_store
    jobs = (store.read(job.id) for job in store.list_jobs("save") if job.request["run"] == run.id)
    return next((job for job in jobs if job.request["formats"] == [FORMAT]), None)


def _save(run_id: str) -> None:
    current_jobs().save(run_id, [FORMAT])
