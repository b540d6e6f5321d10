"""Step 6: four copies resume training beside the live model, each to another ending."""

import streamlit as st

from core.formats import get_format
from core.library.job_store import Job
from ui.job_progress import follow_job
from ui.resume import draw_running_curves, show_resume_result
from ui.session import current_jobs
from ui.tour.story import Tour

# One copy for each ending: resumes exactly, jumps, starts over, could not continue.
RESUMED = ("keras", "safetensors", "architecture", "saved_model")
EPOCHS = 2


def show_resumed(tour: Tour) -> None:
    """Train four copies on beside the live model, once, and show how each ends."""
    run, ids = tour.run, [tour.copies[key] for key in RESUMED if key in tour.copies]
    if not run or not ids:
        return
    names = {id_: get_format(key).label for key, id_ in tour.copies.items()}
    job = _find_or_start(run.id, ids)
    follow_job(job, lambda current: draw_running_curves(current, run, names))
    current = current_jobs().job_store.read(job.id)
    if current.state == "done":
        show_resume_result(current, run, names)
    elif not current.is_active:
        st.button("Try again", type="primary", icon=":material/replay:", on_click=_restart, args=(run.id, ids))


def _find_or_start(run_id: str, ids: list[str]) -> Job:
    return current_jobs().find_resume_job(run_id, ids, EPOCHS) or _start(run_id, ids)


def _restart(run_id: str, ids: list[str]) -> None:
    _start(run_id, ids)


def _start(run_id: str, ids: list[str]) -> Job:
    return current_jobs().resume(run_id, ids, EPOCHS)
